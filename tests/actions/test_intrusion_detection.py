"""intrusion-detection asks a real fail2ban through a real sshd: running, stopped, without the jail, and not installed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hosts import Server

from deploy_gate.catalog import Catalog
from deploy_gate.problems import Misconfigured
from deploy_gate.process import run
from deploy_gate.result import CouldNotTell, Result, Status
from deploy_gate.workbench import packages
from deploy_gate.workbench.server import running

Look = Callable[..., Result]


@dataclass(frozen=True)
class Guard:
    """A real fail2ban of our own: its client and where it listens."""

    client: Path
    socket: Path

    def program(self) -> str:
        """What its client is on the server: the real one, told where ours listens."""
        return f'exec {self.client} -c {self.socket.parent} -s {self.socket} "$@"'


@pytest.fixture(scope="module")
def fail2ban() -> Iterator[Guard]:
    """With the jails sshd and web; nothing is banned, since they have no action."""
    try:
        client = packages.ensure("fail2ban-client")
    except CouldNotTell as fault:
        pytest.skip(f"no fail2ban: {fault.found}; {fault.fix}")
    with tempfile.TemporaryDirectory(prefix="guard-") as folder:
        here = Path(folder)
        for name in ("action.d", "filter.d"):
            (here / name).mkdir()
        (here / "filter.d" / "any.conf").write_text("[Definition]\nfailregex = ^denied <HOST>$\n")
        (here / "auth.log").write_text("")
        jails = "".join(
            f"[{name}]\nenabled = true\nfilter = any\nbackend = polling\naction =\nlogpath = {here}/auth.log\n"
            for name in ("sshd", "web")
        )
        (here / "jail.conf").write_text(jails)
        socket = here / "socket"
        (here / "fail2ban.conf").write_text(
            f"[Definition]\nloglevel = INFO\nlogtarget = STDOUT\nsyslogsocket = auto\nsocket = {socket}\n"
            f"pidfile = {here}/pid\ndbfile = None\ndbmaxmatches = 1\ndbpurgeage = 1d\n[Thread]\n"
        )
        server = client.with_name("fail2ban-server")
        with running([server, "-f", "-c", here, "-s", socket, "-p", here / "pid", "start"], "Jail 'web' started"):
            yield Guard(client, socket)


@pytest.fixture
def look(ask: Callable[..., Result], server: Server) -> Look:
    """Nothing is installed there until a test says so."""
    for name in ("fail2ban-client", "cscli"):
        server.program(name, "exit 127")
    return lambda **given: ask("intrusion-detection", host=server.door.host, **given)


def test_the_real_one_answers(look: Look, server: Server, fail2ban: Guard) -> None:
    server.program("fail2ban-client", fail2ban.program())
    result = look(jails="sshd, web")
    assert (result.status, result.found) == (Status.PASSED, "fail2ban answers; active: sshd, web"), result
    assert [one["message"] for one in result.evidence] == [
        f"{one}: {fail2ban.socket.parent}/auth.log" for one in ("sshd", "web")
    ]
    result = look(jails="sshd, nginx-http-auth")
    assert (result.status, result.found) == (
        Status.FAILED,
        "fail2ban answers, without the jail nginx-http-auth; active: sshd, web",
    )


def test_a_jail_that_reads_nothing(look: Look, server: Server, fail2ban: Guard) -> None:
    server.program("fail2ban-client", fail2ban.program())
    log = fail2ban.socket.parent / "auth.log"
    ask = [str(fail2ban.client), "-s", str(fail2ban.socket), "set", "web"]
    assert run([*ask, "dellogpath", str(log)], timeout=10).code == 0
    try:
        assert look().status is Status.PASSED
        result = look(jails="sshd, web")
    finally:
        run([*ask, "addlogpath", str(log)], timeout=10)
    assert (result.status, "the jail web is active and reads no log" in result.found) == (Status.FAILED, True)


def test_installed_and_not_running(look: Look, server: Server, fail2ban: Guard) -> None:
    server.program("fail2ban-client", f'exec {fail2ban.client} -s {fail2ban.socket}.gone "$@"')
    result = look()
    assert (result.status, result.found[:42]) == (Status.FAILED, "fail2ban is installed and does not answer:")
    assert look(tool="fail2ban").status is Status.FAILED


def test_nothing_is_installed(look: Look) -> None:
    result = look()
    assert result.status is Status.FAILED
    assert result.found == "nobody watches for break-ins: fail2ban and crowdsec not installed"


@pytest.mark.parametrize("words", ["Permission denied to socket: (you must be root)", "sudo: a password is required"])
def test_who_may_not_ask_cannot_tell(look: Look, server: Server, words: str) -> None:
    server.program("fail2ban-client", f"echo '{words}' >&2; exit 255")
    result = look()
    assert (result.status, "sudo: true" in result.fix) == (Status.ERROR, True)


def test_through_sudo(look: Look, server: Server) -> None:
    server.program("sudo", '[ "$1 $2" = "-n --" ] || exit 9; shift 2; SUDO=1 exec "$@"')
    server.program("fail2ban-client", '[ -n "$SUDO" ] || exit 9; echo "- Jail list: sshd"; echo "- File list: /x"')
    assert look(sudo="true").status is Status.PASSED
    assert look().status is Status.FAILED


SCENARIOS = {
    "scenarios": [{"name": "crowdsecurity/ssh-bf", "status": "enabled"}, {"name": "a/b", "status": "disabled"}]
}


def test_crowdsec_as_its_command_line_answers(look: Look, server: Server) -> None:
    """Not the real one: its answers as documented."""
    server.program("cscli", f"[ \"$1\" = lapi ] || echo '{json.dumps(SCENARIOS)}'")
    result = look()
    assert (result.status, result.found) == (Status.PASSED, "crowdsec answers; active: crowdsecurity/ssh-bf")
    result = look(scenarios="a/b")
    assert (result.status, "without the scenario a/b" in result.found) == (Status.FAILED, True)
    server.program("cscli", '[ "$1" = lapi ] || echo "{}"')
    assert look(tool="crowdsec").status is Status.ERROR
    server.program("cscli", "echo cannot contact the local API; exit 1")
    assert look(tool="crowdsec").status is Status.FAILED


@pytest.mark.parametrize(("jails", "tool"), [([], "any"), (["a b"], "any"), (["-x"], "fail2ban")])
def test_inputs_that_cannot_be_meant(jails: list[str], tool: str) -> None:
    with pytest.raises(Misconfigured):
        Catalog().get("intrusion-detection").module.validate(host="a@b", tool=tool, jails=jails, scenarios=["a/b"])
