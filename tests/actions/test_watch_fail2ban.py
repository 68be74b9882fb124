"""A real fail2ban that spares nobody, on during a whole watch: no ban, no rollback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from socket import create_connection
from tempfile import TemporaryDirectory

import pytest
from fleet import NEW, Fleet, fleet, wait_until
from traffic_lines import spread, write
from watch_shop import opened

from deploy_gate import process
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import packages
from deploy_gate.workbench.server import free_port, running
from host.state import GUARD


@dataclass(frozen=True)
class Banning:
    """A real fail2ban with Debian's own filters; who is banned stands in `bans`."""

    bans: Path
    client: list[str]

    def banned(self) -> list[str]:
        return sorted(one.name for one in self.bans.iterdir())

    def counted(self, jail: str) -> str:
        """How many lines it took for an attack."""
        told = process.run([*self.client, "status", jail], timeout=60).out
        found = re.search(r"Total failed:\s*(\d+)", told)
        assert found, told
        return found[1]


@contextmanager
def fail2ban(folder: Path, jails: dict[str, str]) -> Iterator[Banning]:
    """With these jails over a file each; loopback is spared by nobody. Skipped, by name, where it cannot be had."""
    try:
        client = packages.ensure("fail2ban-client")
    except CouldNotTell as fault:
        pytest.skip(f"no fail2ban: {fault.found}; {fault.fix}")
    socket, bans = folder / "f.sock", folder / "bans"
    bans.mkdir()
    (folder / "filter.d").symlink_to("/etc/fail2ban/filter.d")
    (folder / "action.d").mkdir()
    (folder / "action.d" / "note.conf").write_text(
        f"[Definition]\nactionban = touch {bans}/<name>\nactionunban = true\n[Init]\nname = any\n"
    )
    head = "[DEFAULT]\nenabled = true\nbackend = polling\nfindtime = 1h\nmaxretry = 3\nignoreself = false\nignoreip =\n"
    (folder / "jail.conf").write_text(
        head + "".join(f"[{name}]\n{text}action = note[name={name}]\n" for name, text in jails.items())
    )
    (folder / "fail2ban.conf").write_text(
        f"[Definition]\nloglevel = INFO\nlogtarget = STDOUT\nsyslogsocket = auto\nsocket = {socket}\n"
        f"pidfile = {folder}/pid\ndbfile = None\ndbmaxmatches = 10\ndbpurgeage = 1d\n[Thread]\n"
    )
    server = str(client.with_name("fail2ban-server"))
    argv = [server, "-f", "-c", str(folder), "-s", str(socket), "-p", f"{folder}/pid", "start"]
    last = list(jails)[-1]
    with running(argv, f"Jail '{last}' started"):
        yield Banning(bans, [str(client), "-s", str(socket)])


JAILS = {
    "sshd": "filter = sshd[mode=aggressive]\nlogpath = {work}/sshd.log\n",
    "nginx-http-auth": "filter = nginx-http-auth\nlogpath = {work}/plain-error.log\n",
    "nginx-botsearch": "filter = nginx-botsearch\nlogpath = {work}/plain.log\n",
    "nginx-bad-request": "filter = nginx-bad-request\nlogpath = {work}/plain.log\n",
}
ORDER = """
version: 1
journey: order
steps:
  - {name: the orders, class: read, request: GET /orders}
  - {name: place one, class: write, request: POST /orders, json: {product: 7}}
"""


def guarded(servers: Fleet, stack: ExitStack) -> Banning:
    """Let fail2ban read what the first server's nginx and sshd write, as they would on a Debian."""
    host, door = servers.hosts[0], servers.doors[0]
    for name in ("sshd.log", "plain.log", "plain-error.log"):
        (host.work / name).touch()
    conf = host.work / "nginx.conf"
    extra = f"access_log {host.work}/access.log shop_slots; access_log {host.work}/plain.log combined;"
    text = conf.read_text().replace(f"access_log {host.work}/access.log shop_slots;", extra)
    conf.write_text(text.replace("listen 127", f"error_log {host.work}/plain-error.log; listen 127"))
    process.run([*host.settings.nginx.command, "-s", "reload"], timeout=60)
    port = free_port()
    # As syslog would write it, one connection for one process.
    syslog = r"sed -u -E 's/\r//; s/^(.*port ([0-9]+).*)$/sshd[\2]: \1/'"
    sshd = f"{packages.ensure('sshd')} -D -e -p {port} -f {door.home}/sshd_config"
    words = f"{sshd} 2>&1 | {syslog} | tee -a {host.work}/sshd.log"
    stack.enter_context(running(["sh", "-c", words], r"Server listening on 127\.0\.0\.1"))
    servers.doors[0] = replace(door, port=port)
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="bans-")))
    return stack.enter_context(fail2ban(folder, {name: text.format(work=host.work) for name, text in JAILS.items()}))


def attack(servers: Fleet, folder: Path) -> None:
    """One who speaks no HTTP, and one who knocks without a key."""
    door, pins = servers.doors[0], folder / "pins"
    pins.write_text(door.pins)
    with create_connection(("127.0.0.1", servers.hosts[0].front), 20) as raw:
        raw.sendall(b"\x16\x03\x01\r\n\r\n")
        raw.recv(1000)
    knock = ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={pins}", "-p", str(door.port)]
    process.run([*knock, "-o", "IdentitiesOnly=yes", "-i", "none", "nobody@127.0.0.1", "true"], timeout=60)


@pytest.mark.long
def test_nobody_is_banned_in_a_whole_watch(tmp_path: Path) -> None:
    """Every look once a second for half a minute: as many logins and requests as in five minutes of a real one."""
    with fleet(1) as servers, ExitStack() as stack:
        host, guard = servers.hosts[0], guarded(servers, stack)
        with opened(servers, tmp_path) as shop:
            (tmp_path / "order.yml").write_text(ORDER)
            given = {"file": str(tmp_path / "order.yml"), "url": shop.front}
            shop.item("order", shop.front, check="journey", **{"with": given})
            shop.on_host("t-health", "immediate", "slot-health", slots="live")
            shop.on_host("t-errors", "immediate", "traffic", proves="error-band", since="10m")
            write(host, "green", spread(1000))
            told = shop.watch(confirm="true", window="30s")
            assert (told.code, told.data["measured"], shop.phase()) == (0, "go", GUARD), told
            assert min(one["looks"] for one in shop.lines()) > 0, shop.lines()
            assert (host.work / "sshd.log").read_text().count("Accepted publickey") > 3
            counts = {name: guard.counted(name) for name in JAILS}
            assert (counts, guard.banned()) == (dict.fromkeys(JAILS, "0"), []), counts
            host.live(NEW, "green")
        # It would have.
        for _ in range(3):
            attack(servers, tmp_path)
        wait_until(lambda: guard.banned() == ["nginx-bad-request", "sshd"])
