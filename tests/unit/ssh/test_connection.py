"""A real ssh server, and everything that goes wrong with one."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from processes import begun
from support import ROOT

from deploy_gate import leftovers
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell
from deploy_gate.ssh import address, client
from deploy_gate.ssh.hostprogram import HostProgram
from deploy_gate.workbench.server import free_port
from deploy_gate.workbench.sshd import Sshd, keypair, sshd

# Put together here, so that no scanner takes this very file for a leak.
BEGIN = "-----BEGIN OPENSSH " + "PRIVATE KEY-----"
HOSTILE = [
    *("", " ", "a b", "-rf", "--", "*", "~", "$HOME", "$(id)", "`id`", "a;id", "a&b", "a|b", ">x", "!!", "é", "#x"),
    *("it's", 'say "x"', "back\\slash", "line\nbreak", "tab\there", "\\n", "%s", "'\"'\"'", "a\rb", "{a,b}", "x=1"),
]


def trouble(host: str, pins: str, patience: float = 15) -> CouldNotTell:
    """What is said when there is no connection."""
    with pytest.raises(CouldNotTell) as caught, client.connection(host, pins, patience=patience):
        raise AssertionError("connected")
    return caught.value


def test_no_word_is_split_again(door: Sshd) -> None:
    with client.connection(door.host, door.pins) as link:
        done = link.run(["printf", "%s\\0", *HOSTILE], timeout=10)
        assert done.out.split("\0")[:-1] == HOSTILE
        for word in HOSTILE[1:]:
            assert link.run(["printf", "%s", word], timeout=10).out == word


def test_what_a_command_said_and_how_it_ended(door: Sshd) -> None:
    with client.connection(door.host, door.pins) as link:
        done = link.run(["sh", "-c", "cat; echo bad >&2; exit 7"], timeout=10, stdin=b"from here")
        assert (done.code, done.out, done.err) == (7, "from here", "bad\n")
        assert link.run(["sh", "-c", "kill -9 $$"], timeout=10).code == 137
        assert link.run(["sh", "-c", "exit 255"], timeout=10).code == 255
        assert link.run(["no-such-program"], timeout=10).code == 127
        with pytest.raises(CouldNotTell, match=r"^printf failed on .* with exit code 1: .*missing operand|usage"):
            link.ask(["printf"], timeout=10)


def test_hidden_values_are_in_no_list_of_processes(door: Sshd) -> None:
    with client.connection(door.host, door.pins) as link:
        script = 'printf "%s|" "$TOKEN"; cat; cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -c "[s]ecr3t"'
        done = link.run(["sh", "-c", script], timeout=10, stdin=b"rest ", hidden={"TOKEN": "a secr3t ' value"})
        assert done.out == "a secr3t ' value|rest 0\n"


def test_how_it_ended_is_not_known(door: Sshd) -> None:
    with client.connection(door.host, door.pins) as link:
        with pytest.raises(CouldNotTell, match=r"^it is not known how sleep ended on .*: ssh did not end within 0.3 s"):
            link.run(["sleep", "60"], timeout=0.3)
        with pytest.raises(CouldNotTell, match=r"^it is not known how yes ended on .*: ssh printed more than"):
            link.run(["yes"], timeout=20, limit=1_000_000)
        with pytest.raises(CouldNotTell, match="it is not known how the command ended") as caught:
            link.run(["sh", "-c", "kill -9 $(ps -o ppid= -p $PPID)"], timeout=20)
        assert caught.value.fix.startswith("read the state back")
        # Another connection is opened for what comes next.
        assert link.run(["echo", "again"], timeout=10).out == "again\n"


def test_files_arrive_whole(door: Sshd) -> None:
    data = bytes(range(256)) * 4000
    with client.connection(door.host, door.pins) as link:
        link.put(data, "deep/er/it's $(x)", 0o640)
        path = door.home / "deep/er/it's $(x)"
        assert path.read_bytes() == data
        assert path.stat().st_mode & 0o777 == 0o640
        (door.home / "folder").mkdir(exist_ok=True)
        with pytest.raises(CouldNotTell, match="/dev/null/x could not be written on "):
            link.put(data, "/dev/null/x")
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_the_host_program_is_copied_once(door: Sshd) -> None:
    with client.connection(door.host, door.pins) as link:
        program = HostProgram(link, "/nowhere/slots.json")
        answer = program.run("status")
        assert (answer.code, answer.good) == (2, False)
        assert answer.found.startswith("/nowhere/slots.json cannot be read")
        copied = list((door.home / ".deploy-gate").iterdir())
        before = copied[0].stat().st_mtime_ns
        assert program.run("status", lease="x").code == 2
        assert [one.stat().st_mtime_ns for one in copied] == [before]
        with pytest.raises(CouldNotTell) as caught:
            HostProgram(link, "x", python="python9").run("status")
        assert "(exit code 127)" in caught.value.found
        assert caught.value.fix == "install Python 3.9 or newer on the server, or name it with `python` (now: python9)"


# --- no connection


def test_a_missing_pin_tells_how_to_get_one(door: Sshd) -> None:
    said = trouble(door.host, "erp.example ssh-ed25519 AAAA\n")
    assert said.found == f"no host key of [127.0.0.1]:{door.port} is pinned, so it could be any server"
    assert f"ssh-keyscan -t ed25519 -p {door.port} 127.0.0.1" in said.fix
    assert "comparing the fingerprint" in said.fix
    assert trouble(door.host, "").found == said.found


def test_a_host_key_that_changed_sends_nothing(door: Sshd, tmp_path: Path) -> None:
    other = keypair(tmp_path / "other").with_suffix(".pub").read_text()
    said = trouble(door.host, f"[127.0.0.1]:{door.port} {other}")
    assert said.found.startswith(f"[127.0.0.1]:{door.port} shows another host key than the pinned one (SHA256:")
    assert said.found.endswith("it was installed anew, or somebody sits between; nothing was sent")


def test_a_pin_of_another_kind(door: Sshd) -> None:
    done = subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", door.home / "kind"], check=True)
    assert done.returncode == 0
    pin = " ".join((door.home / "kind.pub").read_text().split()[:2])
    said = trouble(door.host, f"[127.0.0.1]:{door.port} {pin}")
    assert "host key" in said.found
    assert "ssh-keyscan" in said.fix


def test_a_hashed_pin_is_a_pin(door: Sshd, tmp_path: Path) -> None:
    path = tmp_path / "known"
    path.write_text(door.pins)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
    assert "127.0.0.1" not in path.read_text()
    with client.connection(door.host, path.read_text()) as link:
        assert link.ask(["echo", "in"], timeout=10) == "in\n"


def test_nobody_listens(door: Sshd) -> None:
    port = free_port()
    said = trouble(f"{door.user}@127.0.0.1:{port}", door.pins.replace(str(door.port), str(port)))
    assert said.found.endswith("refuses connections: no ssh server listens on that port")


def test_a_name_that_is_not_known(door: Sshd) -> None:
    said = trouble("deploy@nowhere.invalid", "nowhere.invalid ssh-ed25519 AAAA")
    assert said.found == "the name nowhere.invalid is not known here"


def test_a_server_that_never_speaks(door: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        said = trouble(f"{door.user}@127.0.0.1:{port}", door.pins.replace(str(door.port), str(port)), patience=1)
    assert "did not answer in time" in said.found


def test_a_server_with_too_many_connections(door: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    with sshd(tmp_path / "busy", MaxStartups="1") as busy:
        monkeypatch.setenv("SSH_PRIVATE_KEY", busy.key)
        held = socket.create_connection(("127.0.0.1", busy.port))
        held.recv(4)
        monkeypatch.setattr(client, "pause", waited.append)
        said = trouble(busy.host, busy.pins)
        assert "three times in a row: it has too many open connections (MaxStartups)" in said.found
        assert waited == [1, 2]
        monkeypatch.setattr(client, "pause", lambda _: held.close())
        with client.connection(busy.host, busy.pins) as link:
            assert link.ask(["echo", "in"], timeout=10) == "in\n"


# --- the key


def test_a_key_that_the_server_does_not_know(door: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_PRIVATE_KEY", keypair(tmp_path / "other").read_text())
    said = trouble(door.host, door.pins)
    assert said.found == f"{door.host} does not let the key in SSH_PRIVATE_KEY log in as {door.user}"


@pytest.mark.parametrize("form", [[], ["-m", "PEM", "-t", "rsa", "-b", "2048"], ["-m", "PKCS8", "-t", "ecdsa"]])
def test_a_passphrase_is_told_not_asked_for(
    door: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    subprocess.run(["ssh-keygen", "-q", "-N", "correct horse", *form, "-f", tmp_path / "key"], check=True)
    monkeypatch.setenv("SSH_PRIVATE_KEY", (tmp_path / "key").read_text())
    said = trouble(door.host, door.pins)
    assert said.found == "the key in SSH_PRIVATE_KEY is protected by a passphrase, which nobody can type here"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "SSH_PRIVATE_KEY is not set, so there is no key to log in with"),
        ("ssh-ed25519 AAAA me", "SSH_PRIVATE_KEY holds the public key"),
        ("hunter2", "SSH_PRIVATE_KEY holds no private key"),
        (f"{BEGIN}\nAAAA", "SSH_PRIVATE_KEY holds no private key"),
        (f"{BEGIN}\nb3Bl\n{BEGIN.replace('BEGIN', 'END')}", "the key in SSH_PRIVATE_KEY"),
    ],
)
def test_what_is_no_key(door: Sshd, monkeypatch: pytest.MonkeyPatch, text: str, found: str) -> None:
    monkeypatch.setenv("SSH_PRIVATE_KEY", text)
    said = trouble(door.host, door.pins)
    assert said.found.startswith(found)
    assert "hunter2" not in said.found + said.fix


def test_line_breaks_of_windows_do_no_harm(door: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_PRIVATE_KEY", door.key.replace("\n", "\r\n").strip())
    with client.connection(door.host, door.pins) as link:
        assert link.ask(["echo", "in"], timeout=10) == "in\n"


_OPENED = """
import sys
sys.path.insert(0, sys.argv[1])
from deploy_gate.ssh import client
with client.connection(sys.argv[2], sys.argv[3]) as link:
    print("open", flush=True)
    link.run(["sleep", "600"], timeout=600)
"""


def test_nothing_stays_when_we_are_killed(door: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not below pytest's folder: the path of a socket must be short.
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("RUNNER_TEMP", folder)
        argv = [sys.executable, "-I", "-c", _OPENED, str(ROOT / "scripts"), door.host, door.pins]
        env = {"PATH": os.environ["PATH"], "SSH_PRIVATE_KEY": door.key, "RUNNER_TEMP": folder}
        with subprocess.Popen(argv, stdout=subprocess.PIPE, env=env) as child:
            try:
                ends = watched(child, Path(folder), door.key.splitlines()[2].encode())
            finally:
                child.send_signal(signal.SIGKILL)
        for one in ends:
            assert select.select([one], [], [], 10)[0]
            os.close(one)
        leftovers.sweep()
        assert list(Path(folder).iterdir()) == []


def watched(child: subprocess.Popen[bytes], folder: Path, secret: bytes) -> list[int]:
    """Descriptors of what a process with an open connection started; its key is nowhere to be read."""
    assert child.stdout is not None
    assert child.stdout.readline() == b"open\n"
    ours = begun(child.pid)
    assert {name for _, name in ours} >= {"ssh-agent", "ssh"}
    for pid, _ in ours:
        for what in ("cmdline", "environ"):
            assert secret not in Path(f"/proc/{pid}/{what}").read_bytes()
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert kept
    assert not any(secret in path.read_bytes() for path in kept)
    return [os.pidfd_open(pid) for pid, _ in ours]


@pytest.mark.parametrize(
    "text",
    [
        "erp.example",
        "-oProxyCommand=id@x",
        "a@-x",
        "a@b:0",
        "a@b:99999",
        "a b@c",
        "a@b c",
        "a@b;id",
        "@b",
        "a@",
        "a@b:x",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="user@name or user@name:port"):
        address.parse(text)


def test_addresses() -> None:
    six = address.parse("root@[2001:db8::1]:2222")
    assert (str(six), six.pin) == ("root@[2001:db8::1]:2222", "[2001:db8::1]:2222")
    assert address.parse("deploy@erp.example").pin == "erp.example"
    with pytest.raises(Misconfigured, match="names a server twice"):
        address.parse_all(["a@one", "b@one"])
    with pytest.raises(Misconfigured, match="expected 1 to 50"):
        address.parse_all([])
