"""deploy-target against a real sshd: another server, another host key, another user key, and nothing declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy_gate.catalog import Catalog
from deploy_gate.problems import Misconfigured
from deploy_gate.process import run
from deploy_gate.result import CouldNotTell, Result, Status
from deploy_gate.workbench import sshd as workbench
from deploy_gate.workbench.sshd import Sshd

OTHER = "SHA256:" + "A" * 43


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sshd, Sshd]]:
    """Two servers of the same name and address, with different keys."""
    try:
        with (
            workbench.sshd(tmp_path_factory.mktemp("one")) as one,
            workbench.sshd(tmp_path_factory.mktemp("two")) as two,
        ):
            yield one, two
    except CouldNotTell as fault:
        pytest.skip(f"no ssh server: {fault.found}; {fault.fix}")


@pytest.fixture
def door(doors: tuple[Sshd, Sshd], monkeypatch: pytest.MonkeyPatch) -> Sshd:
    monkeypatch.setenv("SSH_PRIVATE_KEY", doors[0].key)
    monkeypatch.setenv("SSH_KNOWN_HOSTS", doors[0].pins)
    return doors[0]


def fingerprint(path: Path) -> str:
    """As ssh-keygen itself tells it."""
    return run(["ssh-keygen", "-lf", path], timeout=10).out.split()[1]


@pytest.fixture
def look(ask: Callable[..., Result], door: Sshd) -> Callable[..., Result]:
    return lambda **given: ask("deploy-target", **{"host": door.host, **given})


def test_the_declared_server_and_key(look: Callable[..., Result], door: Sshd) -> None:
    host_key, user_key = (fingerprint(door.home / f"{name}.pub") for name in ("host_key", "user_key"))
    result = look(address="10.0.0.5, 127.0.0.1", fingerprint=host_key, key_fingerprint=user_key)
    assert result.status is Status.PASSED, result
    assert result.found == (
        f"{door.host} is the declared server: 127.0.0.1, host key {host_key}; the declared key logs in: {user_key}"
    )
    assert look(proves="server", address=f"127.0.0.1:{door.port}").status is Status.PASSED
    assert look(proves="server", address="localhost").status is Status.PASSED
    assert look(proves="server", fingerprint=host_key).status is Status.PASSED
    assert look(proves="key", key_fingerprint=user_key, not_key_fingerprint=OTHER).status is Status.PASSED


def test_the_first_time_it_tells_what_to_declare(look: Callable[..., Result], door: Sshd) -> None:
    result = look(proves="server")
    assert (result.status, result.fix[-26:]) == (Status.ERROR, "declare address: 127.0.0.1")
    result = look(proves="key")
    key = fingerprint(door.home / "user_key.pub")
    assert (result.status, result.fix.endswith(f"declare key-fingerprint: {key}")) == (Status.ERROR, True)


def test_another_address(look: Callable[..., Result], door: Sshd) -> None:
    result = look(proves="server", address="10.0.0.5")
    assert result.status is Status.FAILED
    assert result.found == f"{door.host} is not the declared server: its own address is 127.0.0.1, declared is 10.0.0.5"
    assert look(proves="server", address="no.such.name.invalid").status is Status.ERROR


def test_another_host_key_than_the_pinned_one(
    look: Callable[..., Result], door: Sshd, doors: tuple[Sshd, Sshd], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_KNOWN_HOSTS", f"[127.0.0.1]:{door.port} {doors[1].public}")
    for proves in ("server", "key", "both"):
        result = look(proves=proves, address="127.0.0.1", key_fingerprint=OTHER)
        assert (result.status, "shows another host key than the pinned one" in result.found) == (Status.FAILED, True)
    given = look(host_keys=door.pins, proves="server", address="127.0.0.1")
    assert given.status is Status.PASSED, "the input wins over the variable"


def test_a_pin_that_was_changed_with_the_server(look: Callable[..., Result], door: Sshd) -> None:
    result = look(proves="server", fingerprint=OTHER)
    assert (result.status, "is pinned for it, declared is" in result.found) == (Status.FAILED, True)
    both = f"{fingerprint(door.home / 'host_key.pub')}, {OTHER}"
    assert look(proves="server", fingerprint=both).status is Status.PASSED


def test_no_pin(look: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_KNOWN_HOSTS")
    result = look(proves="server", address="127.0.0.1")
    assert (result.status, "ssh-keyscan" in result.fix) == (Status.ERROR, True)


def test_another_key(look: Callable[..., Result], door: Sshd) -> None:
    mine = fingerprint(door.home / "user_key.pub")
    result = look(proves="key", key_fingerprint=OTHER)
    assert (result.status, result.found) == (Status.FAILED, f"another key is used here: {mine}, declared is {OTHER}")
    result = look(proves="key", not_key_fingerprint=mine)
    assert (result.status, result.found) == (Status.FAILED, f"the key of another environment is used here: {mine}")


def test_a_key_that_the_server_does_not_let_in(
    look: Callable[..., Result], doors: tuple[Sshd, Sshd], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_PRIVATE_KEY", doors[1].key)
    result = look(proves="key", key_fingerprint=fingerprint(doors[1].home / "user_key.pub"))
    assert (result.status, "does not let the key" in result.found) == (Status.ERROR, True)


def test_no_part_of_the_key_is_told_or_left(look: Callable[..., Result], door: Sshd, tmp_path: Path) -> None:
    result = look(key_fingerprint=OTHER, address="127.0.0.1")
    secret = door.key.splitlines()[2]
    assert secret not in str(result.as_json())
    assert not [one for one in tmp_path.rglob("*") if one.is_file() and secret in one.read_text(errors="replace")]


@pytest.mark.parametrize(("key", "others"), [("MD5:00:11", []), ("SHA256:short", []), ("", ["x"]), (OTHER, [OTHER])])
def test_inputs_that_cannot_be_meant(key: str, others: list[str]) -> None:
    validate = Catalog().get("deploy-target").module.validate
    with pytest.raises(Misconfigured):
        validate(host="a@b", fingerprint=[], key_fingerprint=key, not_key_fingerprint=others)
