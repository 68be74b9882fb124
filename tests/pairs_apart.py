"""Two servers with a network of their own each, and so with a kernel's settings of their own, joined by a bridge."""

from __future__ import annotations

import ipaddress
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pairs import Machine, Pair

from deploy_gate import process
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import packages
from deploy_gate.workbench.bridge import bridge
from deploy_gate.workbench.sshd import sshd

# Says who it is, sets what belongs to this namespace alone, and becomes the server.
_BEGIN = 'echo $$ > "$0"; echo "$1" > /proc/sys/net/core/somaxconn; ulimit -n "$2"; shift 2; exec "$@"'


@contextmanager
def apart(queues: Sequence[int], files: Sequence[int]) -> Iterator[Pair]:
    """Production and staging, with so long a queue and so many open files; a namespace ends with its server.

    CouldNotTell where nobody may make one.
    """
    unshare = packages.ensure("unshare")
    with ExitStack() as stack:
        link, _ = stack.enter_context(bridge())
        machines = []
        for place, address in enumerate(_addresses(link)):
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="apart-")))
            (home / "bin").mkdir()
            numbers = (str(queues[place]), str(files[place]))
            within = (str(unshare), "--net", "sh", "-c", _BEGIN, str(home / "pid"), *numbers)
            path = f"HOME={home} PATH={home}/bin:/usr/local/bin:/usr/bin:/bin TZ=Asia/Baghdad"
            host = address.split("/")[0]
            # The address comes when the server runs, since the namespace is its own.
            door = stack.enter_context(sshd(home, address=host, within=within, ListenAddress="0.0.0.0", SetEnv=path))
            machine = Machine(door, home)
            _join(link, f"{link}{'ab'[place]}"[-15:], pid(machine), address)
            machines.append(machine)
        yield Pair(*machines)


def pid(machine: Machine) -> int:
    """The server's process."""
    return int((machine.home / "pid").read_text())


def connections(machine: Machine) -> int:
    """How many were made to that machine so far, by its own kernel's count."""
    rows = [line.split() for line in Path(f"/proc/{pid(machine)}/net/snmp").read_text().splitlines()]
    names, values = (row for row in rows if row[0] == "Tcp:")
    return int(dict(zip(names, values, strict=True))["PassiveOpens"])


def _addresses(link: str) -> list[str]:
    """The two behind the bridge's own, with the length of their network."""
    told = json.loads(_ip("-json", "-4", "addr", "show", "dev", link))[0]["addr_info"][0]
    first = ipaddress.IPv4Address(told["local"])
    return [f"{first + one}/{told['prefixlen']}" for one in (1, 2)]


def _join(link: str, name: str, server: int, address: str) -> None:
    """A cable from the bridge into the server's namespace; it is gone when that is."""
    _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(server))
    _ip("link", "set", name, "master", link, "up")
    enter = ("nsenter", "--target", str(server), "--net", str(packages.ensure("ip")))
    for words in (("addr", "add", address, "dev", "eth0"), ("link", "set", "eth0", "up"), ("link", "set", "lo", "up")):
        _good(*enter, *words)


def _ip(*words: str) -> str:
    return _good(str(packages.ensure("ip")), *words)


def _good(*argv: str) -> str:
    done = process.run(list(argv), timeout=30)
    if done.code:
        raise CouldNotTell(f"{argv[0]} failed: {done.last_words(1)}", "network namespaces need root")
    return done.out
