"""tls-certificate against real TLS servers on loopback, with certificates made on the spot."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from listeners import listening

from deploy_gate.catalog import Catalog
from deploy_gate.engine.child import guarded
from deploy_gate.inputs import bind
from deploy_gate.result import Result, Status

HOUR = timedelta(hours=1)


def run(**given: object) -> Result:
    """The check as the engine calls it: inputs as texts, defaults from its action.yml, trouble turned into errors."""
    capability = Catalog().get("tls-certificate")
    texts = {name.replace("_", "-"): str(value) for name, value in given.items()}
    bound = bind(capability.manifest.inputs, capability.hints, texts)
    assert not bound.wrong, bound.wrong
    assert not bound.missing, bound.missing
    return guarded(lambda: capability.function(**bound.values))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Loopback Trust")


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def server_context(leaf: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if leaf:
        leaf.configure_cert(context)
    return context


@contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[int]:
    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.settimeout(5)
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    with listening(talk) as port:
        yield port


def self_made(tmp_path: Path, name: x509.Name, names: list[x509.GeneralName]) -> ssl.SSLContext:
    """A self-signed certificate with any subject and alternative names."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now - HOUR, now + timedelta(days=90))
    certificate = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(key, hashes.SHA256())
    path = tmp_path / "self.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form) + certificate.public_bytes(serialization.Encoding.PEM))
    context = server_context()
    context.load_cert_chain(path)
    return context


# --- whole ---


def test_a_good_certificate_passes_with_days_and_protocol(authority: trustme.CA, ca_file: Path) -> None:
    leaf = authority.issue_cert("localhost", not_after=datetime.now(UTC) + timedelta(days=90, hours=1))
    with tls_server(server_context(leaf)) as port:
        result = run(host=f"localhost:{port}", ca_file=ca_file)
    assert result.status is Status.PASSED, result.found
    assert re.search(r"expires in 90 d \(on 20\d\d-\d\d-\d\d\), the limit is 30 d; trusted, TLSv1.3", result.found)
    assert (result.measured, result.target) == (90, 30)
    assert result.evidence[0]["names"] == "localhost"
    assert "Loopback Trust" in str(result.evidence[0]["issuer"])


@pytest.mark.parametrize("form", ["https://localhost:{}/health", "localhost:{}", "https://localhost:{}"])
def test_the_host_may_be_an_address(authority: trustme.CA, ca_file: Path, form: str) -> None:
    with tls_server(server_context(authority.issue_cert("localhost"))) as port:
        assert run(host=form.format(port), ca_file=ca_file).status is Status.PASSED


def test_another_name_can_be_asked_for(authority: trustme.CA, ca_file: Path) -> None:
    asked: list[str | None] = []
    context = server_context(authority.issue_cert("erp.example"))
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    with tls_server(context) as port:
        result = run(host="127.0.0.1", port=port, server_name="erp.example", ca_file=ca_file)
    assert result.status is Status.PASSED, result.found
    assert asked == ["erp.example"]


def test_the_trust_store_of_the_system_is_the_default(
    authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_server(server_context(authority.issue_cert("localhost"))) as port:
        assert run(host=f"localhost:{port}").status is Status.FAILED
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
        assert run(host=f"localhost:{port}").status is Status.PASSED


# --- broken ---


def test_20_days_are_too_few(authority: trustme.CA, ca_file: Path) -> None:
    leaf = authority.issue_cert("localhost", not_after=datetime.now(UTC) + timedelta(days=20, hours=1))
    with tls_server(server_context(leaf)) as port:
        result = run(host=f"localhost:{port}", ca_file=ca_file)
        enough = run(host=f"localhost:{port}", ca_file=ca_file, min_days=10)
        near = run(host=f"localhost:{port}", ca_file=ca_file, min_days=10, warn_days=21)
    assert result.status is Status.FAILED
    assert "expires in 20 d, the limit is 30 d" in result.found
    assert result.fix.startswith("renew")
    assert enough.status is Status.PASSED
    assert near.status is Status.WARNED
    assert "the warning is at 21 d" in near.found


def test_an_expired_certificate_fails(authority: trustme.CA, ca_file: Path) -> None:
    now = datetime.now(UTC)
    since, until = now - timedelta(days=90), now - timedelta(days=3, hours=1)
    leaf = authority.issue_cert("localhost", not_before=since, not_after=until)
    with tls_server(server_context(leaf)) as port:
        result = run(host=f"localhost:{port}", ca_file=ca_file)
    assert result.status is Status.FAILED
    assert "expired 3 d 1 h ago" in result.found
    assert "the limit is 30 d" in result.found
    assert result.measured == -3


def test_a_certificate_of_tomorrow_fails(authority: trustme.CA, ca_file: Path) -> None:
    now = datetime.now(UTC)
    leaf = authority.issue_cert("localhost", not_before=now + timedelta(days=1), not_after=now + timedelta(days=99))
    with tls_server(server_context(leaf)) as port:
        result = run(host=f"localhost:{port}", ca_file=ca_file)
    assert result.status is Status.FAILED
    assert f"not valid before {(now + timedelta(days=1)).date()}" in result.found


def test_a_certificate_for_another_host_fails(authority: trustme.CA, ca_file: Path) -> None:
    leaf = authority.issue_cert("a.example", "b.example", "c.example", "d.example", "*.e.example")
    with tls_server(server_context(leaf)) as port:
        result = run(host=f"localhost:{port}", ca_file=ca_file)
    assert result.status is Status.FAILED
    assert "the certificate is for a.example, b.example, c.example and 2 more, not for localhost" in result.found
    assert "*.e.example" in str(result.evidence[0]["names"])


def test_an_address_that_the_certificate_does_not_name_fails(authority: trustme.CA, ca_file: Path) -> None:
    with tls_server(server_context(authority.issue_cert("localhost"))) as port:
        result = run(host=f"127.0.0.1:{port}", ca_file=ca_file)
    assert result.status is Status.FAILED
    assert "not for 127.0.0.1" in result.found


def test_a_self_signed_certificate_fails(tmp_path: Path) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    with tls_server(self_made(tmp_path, name, [x509.DNSName("localhost")])) as port:
        result = run(host=f"localhost:{port}")
    assert result.status is Status.FAILED
    assert "self-signed by CN=localhost" in result.found
    assert result.evidence[0]["subject"] == "CN=localhost"


def test_a_chain_to_an_unknown_root_fails(authority: trustme.CA, ca_file: Path) -> None:
    other = trustme.CA()
    leaf = other.issue_cert("localhost")
    context = server_context(leaf)
    path = ca_file.with_name("chain.pem")
    path.write_bytes(leaf.private_key_and_cert_chain_pem.bytes() + other.cert_pem.bytes())
    context.load_cert_chain(path)
    with tls_server(context) as port:
        result = run(host=f"localhost:{port}", ca_file=ca_file)
    assert result.status is Status.FAILED
    assert "ends in a root that is not trusted here" in result.found


def test_a_missing_intermediate_fails(authority: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    leaf = authority.create_child_ca().issue_cert("localhost")
    with tls_server(server_context(leaf)) as port:
        assert run(host=f"localhost:{port}", ca_file=ca_file).status is Status.PASSED
    alone = tmp_path / "leaf.pem"
    alone.write_bytes(leaf.private_key_pem.bytes() + leaf.cert_chain_pems[0].bytes())
    context = server_context()
    context.load_cert_chain(alone)
    with tls_server(context) as port:
        result = run(host=f"localhost:{port}", ca_file=ca_file)
    assert result.status is Status.FAILED
    assert "no trusted chain: its issuer" in result.found
    assert "intermediate" in result.fix


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_an_old_protocol_fails_and_still_tells_the_facts(authority: trustme.CA, ca_file: Path) -> None:
    context = server_context(authority.issue_cert("localhost"))
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with tls_server(context) as port:
        result = run(host=f"localhost:{port}", ca_file=ca_file)
    assert result.status is Status.FAILED
    assert "speaks TLSv1.1 at best, the limit is TLSv1.2" in result.found
    assert (result.measured, result.target) == ("TLSv1.1", "TLSv1.2")
    assert result.evidence[0]["names"] == "localhost"


def test_tls_1_2_is_too_old_where_1_3_is_asked_for(authority: trustme.CA, ca_file: Path) -> None:
    context = server_context(authority.issue_cert("localhost"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with tls_server(context) as port:
        assert run(host=f"localhost:{port}", ca_file=ca_file).status is Status.PASSED
        result = run(host=f"localhost:{port}", ca_file=ca_file, min_protocol="TLSv1.3")
    assert result.status is Status.FAILED
    assert "speaks TLSv1.2 at best, the limit is TLSv1.3" in result.found


def test_hostile_names_stay_on_one_bounded_line(tmp_path: Path) -> None:
    nasty = "a|b\x1b[31m\n## Go\u202e" + "x" * 40
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, nasty[:60])])
    uri = "http://e.example/\x1b[2J\n"
    hosts: list[x509.GeneralName] = [x509.UniformResourceIdentifier(f"{uri}{i}") for i in range(300)]
    hosts += [x509.DirectoryName(name), x509.DNSName("erp.example\0.evil.example")]
    with tls_server(self_made(tmp_path, name, hosts)) as port:
        result = run(host=f"localhost:{port}")
        trusted = run(host=f"localhost:{port}", ca_file=tmp_path / "self.pem")
    assert (result.status, trusted.status) == (Status.FAILED, Status.FAILED)
    assert "and 299 more, not for localhost" in trusted.found
    for text in (result.found, trusted.found, *(str(one) for one in trusted.evidence[0].values())):
        assert text.isprintable()
        assert "\u202e" not in text
        assert len(text) < 1200


# --- nobody knows ---


def test_refused_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = run(host=f"127.0.0.1:{port}")
    assert result.status is Status.ERROR
    assert f"127.0.0.1:{port}: connection refused" in result.found


def _plain_http(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def test_plain_http_is_an_error() -> None:
    with listening(_plain_http) as port:
        result = run(host=f"127.0.0.1:{port}")
    assert result.status is Status.ERROR
    assert "does not speak TLS" in result.found


def _hangs_up(connection: socket.socket, over: threading.Event) -> None:
    """Closed on return."""


def test_a_server_that_hangs_up_is_an_error() -> None:
    with listening(_hangs_up) as port:
        result = run(host=f"127.0.0.1:{port}")
    assert result.status is Status.ERROR
    assert "hung up during the handshake" in result.found


def _silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(20)


def _drips(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"\x16\x03\x03\x40\x00")
    while not over.wait(0.05):
        connection.sendall(b"\x02")


@pytest.mark.parametrize("talk", [_silent, _drips])
def test_a_server_that_never_answers_is_an_error(talk: Callable[[socket.socket, threading.Event], None]) -> None:
    with listening(talk) as port:
        started = time.monotonic()
        result = run(host=f"127.0.0.1:{port}", timeout="300ms")
        took = time.monotonic() - started
    assert result.status is Status.ERROR
    assert "no TLS handshake within 300 ms" in result.found
    assert took < 3


def test_a_look_up_that_never_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*_: object, **__: object) -> None:
        over.wait(20)
        raise OSError("too late")

    # The one fault here that no server on loopback can cause.
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    timer = threading.Timer(0.6, over.set)
    timer.start()
    result = run(host="erp.example", timeout="200ms")
    timer.join()
    assert result.status is Status.ERROR
    assert "no TLS handshake within 200 ms" in result.found


def test_a_name_that_no_certificate_fits_is_an_error(authority: trustme.CA, ca_file: Path) -> None:
    context = server_context(authority.issue_cert("localhost"))
    context.sni_callback = lambda _sock, _name, _context: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    with tls_server(context) as port:
        result = run(host=f"localhost:{port}", ca_file=ca_file)
    assert result.status is Status.ERROR
    assert "UNRECOGNIZED_NAME" in result.found


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_ca_file_that_is_none_is_an_error(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "ca.pem"
    if text:
        path.write_text(text)
    result = run(host="127.0.0.1", ca_file=path)
    assert result.status is Status.ERROR
    assert "cannot be used" in result.found


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"host": "http://erp.example"}, "https address"),
        ({"host": "https://u:geheim@erp.example"}, "https address"),
        ({"host": "erp.example:0x"}, "https address"),
        ({"host": "two words"}, "https address"),
        ({"host": "https://[::1"}, "https address"),
        ({"host": "a" * 70 + ".example"}, "https address"),
        ({"host": "erp.example", "server_name": ".example"}, "expected a host name"),
        ({"host": "erp.example", "port": 70000}, "1 to 65535"),
        ({"host": "erp.example", "warn_days": 30}, "greater"),
        ({"host": "erp.example", "min_days": -1}, "0 or more"),
    ],
)
def test_wrong_inputs_are_told(given: dict[str, object], says: str) -> None:
    capability = Catalog().get("tls-certificate")
    texts = {name.replace("_", "-"): str(value) for name, value in given.items()}
    bound = bind(capability.manifest.inputs, capability.hints, texts)
    found = " ".join(capability.faults(bound.values))
    assert says in found
    assert "geheim" not in found


# --- the thresholds alone ---


@pytest.mark.parametrize(
    ("left", "status"),
    [
        (timedelta(days=30), Status.FAILED),
        (timedelta(days=30, seconds=1), Status.WARNED),
        (timedelta(days=45), Status.WARNED),
        (timedelta(days=45, seconds=1), Status.PASSED),
        (timedelta(seconds=1), Status.FAILED),
    ],
)
def test_thresholds(left: timedelta, status: Status) -> None:
    module = Catalog().get("tls-certificate").module
    now = datetime(2026, 6, 1, tzinfo=UTC)
    one = module.Certificate("CN=a", "CN=b", ("a",), now - HOUR, now + left)
    facts = module.Facts(module.Place("a", 443, "a"), module.Seen(b"", "TLSv1.3"), one, now)
    assert module.judge(facts, module.Limits(30, 45)).status is status
    untrusted = replace(facts, seen=module.Seen(b"", "TLSv1.3", 99, "strange"))
    assert module.judge(untrusted, module.Limits(30, 45)).status is Status.FAILED
