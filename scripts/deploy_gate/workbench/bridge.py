"""A bridge for a daemon of one's own, with a name (its control groups have it too) and addresses that are free."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy_gate import process
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import packages

_NAME = re.compile(r"dg([0-9a-f]+)-[0-9a-f]{4}")
_TRIES = 50
_LINKS, _GROUPS = Path("/sys/class/net"), Path("/sys/fs/cgroup")


@contextmanager
def bridge() -> Iterator[tuple[str, str]]:
    """Yield its name, and a range of addresses for further networks; it is taken away when the block is left."""
    _sweep()
    name = free_name()
    network = _free_network()
    own, pool = list(network.subnets(prefixlen_diff=1))
    _ip("link", "add", name, "type", "bridge")
    try:
        _ip("addr", "add", f"{own[1]}/{own.prefixlen}", "dev", name)
        _ip("link", "set", name, "up")
        yield name, str(pool)
    finally:
        _remove(name)


def free_name() -> str:
    """A name of at most fifteen letters that says for which process it is."""
    return f"dg{os.getpid():x}-{secrets.token_hex(2)}"


def _free_network() -> ipaddress.IPv4Network:
    listed = json.loads(_ip("-json", "-4", "route", "show", "table", "all") or "[]")
    taken = [ipaddress.IPv4Network(one["dst"]) for one in listed if re.fullmatch(r"[0-9./]+", one.get("dst", ""))]
    for _ in range(_TRIES):
        second, third = 64 + secrets.randbelow(190), 16 * secrets.randbelow(16)
        found = ipaddress.IPv4Network(f"10.{second}.{third}.0/20")
        if not any(found.overlaps(one) for one in taken if one.prefixlen):
            return found
    raise CouldNotTell("there is no free range of addresses in 10.64.0.0/10", "take away old bridges (`ip link`)")


def _sweep() -> None:
    """What is left for processes that were killed."""
    names = {path.name for place in (_LINKS, *_GROUPS.glob("*"), _GROUPS) for path in place.glob("dg*")}
    for name in names:
        found = _NAME.fullmatch(name)
        if found and not Path(f"/proc/{int(found[1], 16)}").exists():
            _remove(name)


def _remove(name: str) -> None:
    """A bridge, and the control groups of that name; these have no processes any more, and are folders in folders."""
    if (_LINKS / name).exists():
        process.run([packages.ensure("ip"), "link", "delete", name], timeout=20)
    for top in (*_GROUPS.glob(f"*/{name}"), _GROUPS / name):
        for path in sorted((*top.rglob("*/"), top), key=lambda one: len(one.parts), reverse=True):
            with suppress(OSError):
                path.rmdir()


def _ip(*words: str) -> str:
    done = process.run([packages.ensure("ip"), *words], timeout=20)
    if done.code:
        raise CouldNotTell(f"ip {words[0]} failed: {done.last_words()}", "a daemon of its own needs CAP_NET_ADMIN")
    return done.out
