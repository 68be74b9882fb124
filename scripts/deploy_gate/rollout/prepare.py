"""Everything before the switch. Production is served by the release before, whatever happens here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from importlib import resources
from typing import Any

from deploy_gate import runner
from deploy_gate.result import CouldNotTell, one_line
from deploy_gate.rollout import archive, idle
from deploy_gate.rollout.order import Order
from deploy_gate.rollout.servers import Call, asked, who
from deploy_gate.rollout.stopped import Stopped
from deploy_gate.ssh.hostprogram import PLACE, REFUSED, Answer, HostProgram

# The limits of the server's own configuration end each step; these are for one that hangs in spite of them.
LONG = 3600.0
# A manifest that is longer goes there as a file: a command is one line.
LINE = 24_000


def receive(where: Sequence[HostProgram], order: Order) -> dict[str, str]:
    """Bring the release there; returns which servers have it live already, by name. No lease is needed for this."""
    told = step("receive", where, partial(_receive, order=order))
    return {server.name: str(answer.of("status").get("release", "")) for server, answer in told}


def _receive(server: HostProgram, order: Order) -> Answer:
    manifest = ["--text", order.manifest.decode()]
    if len(order.manifest) > LINE:
        path = f"{PLACE}/manifest-{sha256(order.manifest).hexdigest()[:16]}.json"
        server.connection.put(order.manifest, path)
        manifest = [path]
    call = partial(server.steps, ("status", "--quick"), ("receive", *manifest, "--by", who()), timeout=LONG)
    if not order.archive:
        return call()
    with archive.opened(order.archive) as whole:
        lacking = archive.without(whole, archive.layers(server.run("layers", timeout=180)))
        if lacking is None:
            return call(stdin=whole)
        with lacking.stream:
            runner.say(f"{server.name}: {lacking}")
            answer = call(stdin=lacking.stream)
        if answer.code != REFUSED or answer.data.get("command") != "receive":
            return answer
        # An image may have been removed there meanwhile, and not every store takes an archive with gaps.
        runner.say(f"{server.name}: it did not take them, so all is sent: {answer.found}")
        whole.seek(0)
        return call(stdin=whole)


def prepare(where: Sequence[HostProgram], order: Order, leases: Mapping[str, str]) -> None:
    """Start the idle slots, migrate, smoke them and look at them; Stopped at the first that is refused."""
    words = (order.release, "--by", who())
    step("prepare", where, lambda server: server.run("prepare", *words, timeout=LONG, lease=leases[server.name]))
    more = ("--acknowledged",) if order.acknowledged else ()
    ports: dict[str, tuple[str, str]] = {}
    for server in where:
        # One after the other: they share a database. The first one migrates, the others find it done.
        told = step("migrate", [server], partial(_migrate, words=(*words, *more), leases=leases))
        ports[server.name] = _slot_of(told[0][1].of("status"), order.release)
    if order.smoke or order.command:
        step("smoke", where, lambda server: _smoke(server, order, *ports[server.name]))
    for server in where if order.idle else ():
        # One after the other, since what its lines do to the database is shared; and in this thread, as a process is
        # started that must not outlive it.
        step("idle-slot", [server], lambda one: _looked_at(one, order, *ports[one.name]))


def _migrate(server: HostProgram, words: Sequence[str], leases: Mapping[str, str]) -> Answer:
    return server.steps(("migrate", *words), ("status", "--quick"), timeout=LONG, lease=leases[server.name])


def _slot_of(status: Mapping[str, Any], release: str) -> tuple[str, str]:
    """The slot that holds a release, and its port; empty when none does."""
    slots = status.get("slots")
    found = slots.items() if isinstance(slots, dict) else ()
    return next(((name, str(one.get("port"))) for name, one in found if one.get("release") == release), ("", ""))


def step(name: str, where: Sequence[HostProgram], call: Call) -> list[tuple[HostProgram, Answer]]:
    """Ask all of them, tell what they said; Stopped when one refuses."""
    answers = asked(where, call)
    for server, answer in answers:
        if not answer.good:
            raise Stopped(str(answer.data["command"]) if answer.data.get("steps") else name, server, answer)
    return answers


def preflighted(answer: Answer) -> Answer:
    """The answer of a preflight with what it found in a sentence; any other as it is."""
    lines = answer.data.get("lines")
    if answer.code != REFUSED or not isinstance(lines, list):
        return answer
    bad = [one for one in lines if isinstance(one, dict) and one.get("status") in ("failed", "unknown")]
    found = "; ".join(f"{one.get('name')}: {one.get('found')}" for one in bad)
    fixes = "; ".join(dict.fromkeys(str(one.get("fix")) for one in bad if one.get("fix")))
    return Answer(answer.code, {**answer.data, "trouble": {"what": one_line(found), "do": one_line(fixes)}})


def _smoke(server: HostProgram, order: Order, slot: str, port: str) -> Answer:
    """The idle slot on its own port: the paths, then the command."""
    if not port.isdigit():
        raise CouldNotTell(*_nowhere(order))
    checks: list[Callable[[], str]] = []
    if order.smoke:
        checks.append(lambda: _paths(server, port, order.smoke))
    if order.command:
        filled = [_filled(word, slot, port, order.release) for word in order.command]
        checks.append(lambda: _command(server, filled))
    trouble = next((found for check in checks if (found := check())), "")
    return _judged(slot, "its smoke check", trouble)


def _looked_at(server: HostProgram, order: Order, slot: str, port: str) -> Answer:
    """The idle slot by the checklist's phase of that name."""
    if order.idle is None:
        raise AssertionError
    if not port.isdigit():
        raise CouldNotTell(*_nowhere(order))
    return _judged(slot, "the phase idle-slot of the checklist", idle.trouble(server, int(port), order.idle))


def _nowhere(order: Order) -> tuple[str, str]:
    return f"{order.release[:12]} is in no slot any more", "see `slots journal` on the server"


def _judged(slot: str, what: str, trouble: str) -> Answer:
    if not trouble:
        return Answer(0, {"exit": 0, "said": [f"the idle slot ({slot}) passes {what}"]})
    do = f"see `slots logs {slot}`; correct it and deploy again, the live slot was not touched"
    means = "the new release is alive, but does not do its work"
    found = f"the idle slot ({slot}) fails {what}: {trouble}"
    return Answer(REFUSED, {"exit": REFUSED, "trouble": {"what": found, "means": means, "do": do}})


def _filled(word: str, slot: str, port: str, release: str) -> str:
    return word.replace("{slot}", slot).replace("{port}", port).replace("{release}", release)


def _paths(server: HostProgram, port: str, paths: Sequence[str]) -> str:
    source = resources.files("deploy_gate.rollout.onhost").joinpath("looks.py").read_bytes()
    out = server.connection.ask([server.python, "-I", "-", port, *paths], timeout=20 + 12 * len(paths), stdin=source)
    looks = json.loads(out.splitlines()[-1])
    return "; ".join(f"{one['path']}: {one['trouble']}" for one in looks if one["trouble"])


def _command(server: HostProgram, argv: list[str]) -> str:
    done = server.connection.run(argv, timeout=300)
    return f"{argv[0]} ended with exit code {done.code}: {done.last_words()}" if done.code else ""
