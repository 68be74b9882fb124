"""What each command of the command line calls.

Each imports what it needs as it begins: of a program packed as one file, every process compiles each module it loads.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from host.files import read_bounded
from host.machine import Machine
from host.steps import note
from host.trouble import WRONG, Trouble


def run_init(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host.setup import initialise

    return initialise(machine, chosen.live, chosen.release)


def run_receive(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import releases

    if bool(chosen.text) == bool(chosen.manifest):
        raise Trouble("one manifest is wanted", "a typing mistake", "name its file, or give it with --text", WRONG)
    try:
        text = chosen.text or read_bounded(chosen.manifest, 1 << 20).decode()
    except (OSError, UnicodeDecodeError) as fault:
        raise Trouble(str(fault), "a wrong path", "name the manifest's file", WRONG) from fault
    return releases.receive(machine, text, stdin=sys.stdin.fileno())


def run_prepare(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import prepare

    return prepare.prepare(machine, chosen.release, token=chosen.lease)


def run_stop(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import prepare

    return prepare.stop_idle(machine, token=chosen.lease)


def run_migrate(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import schema

    return schema.migrate(machine, chosen.release, token=chosen.lease, acknowledged=chosen.acknowledged)


def run_switch(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import switch

    longest = machine.settings.guard.guard_for if chosen.guard_for is None else chosen.guard_for
    return switch.switch(
        machine, chosen.release, confirm_within=chosen.confirm_within, token=chosen.lease, guard_for=longest
    )


def run_confirm(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import watch

    return watch.confirm(machine, chosen.release, token=chosen.lease, reason=chosen.reason)


def run_hold(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import watch

    return watch.hold(machine, chosen.release, seconds=chosen.within, reason=chosen.reason, token=chosen.lease)


def run_rollback(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host.rollback import roll_back

    leaves = chosen.leaves or _asked(machine)
    if not leaves:
        live = machine.load().release()
        raise Trouble(
            "which release is to be left was not said",
            "a rollback names it, so that two who pull at once do not roll back twice",
            f"run it with --from {live} (that one is live now)",
            WRONG,
        )
    since = machine.clock.boot() - chosen.since if chosen.since else None
    return roll_back(machine, leaves, by=machine.who, reason=chosen.reason, since=since, force=chosen.force)


def _asked(machine: Machine) -> str:
    """At a terminal: show what is live and where it would go back to. What the person saw is what is left."""
    from host import status

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return ""
    told = status.status(machine)
    print("\n".join(status.lines(told)))
    answer = input(
        f"leave {told['release'][:12]} and go back to {told['rollback']['release'][:12] or 'nothing'}? [y/N] "
    )
    return str(told["release"]) if answer.strip().lower() in {"y", "yes"} else ""


def run_guard(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import boot

    program = Path(sys.argv[0]).resolve()
    config = (chosen.config or program.with_name("slots.json")).resolve()
    if chosen.what in ("run", "sample"):
        _stay(machine, chosen, program, config)
        return {}
    if chosen.what == "restore":
        return boot.restore(machine)
    if chosen.what == "boot":
        try:
            told = boot.restore(machine)
        finally:  # whatever did not come back: the guard heals, and switches back when it must
            guard = boot.start_guard(machine, config)
        return {**told, "guard": guard}
    if chosen.what == "unit":
        return {"text": boot.unit(machine, program, config)}
    if chosen.what == "hook":
        return {"text": boot.hook(machine, program, config)}
    return boot.start_guard(machine, config) if chosen.what == "start" else boot.stop_guard(machine)


def _stay(machine: Machine, chosen: argparse.Namespace, program: Path, config: Path) -> None:
    if chosen.what == "sample":
        from host.sampler import Sampler

        Sampler(machine).run(chosen.of or os.getppid())
        return
    own = (sys.executable, "-I", str(program), "--config", str(config), "guard", "sample", "--of", str(os.getpid()))
    from host.guard import Guard  # all it needs is loaded before it begins: later the file may be another

    Guard(machine, own if machine.settings.guard.sample else ()).run()


def run_rehearse(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import rehearse

    return rehearse.rehearse(machine, chosen.release, token=chosen.lease)


def run_alert(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import alerts

    return alerts.serve(machine, chosen.port)


def run_lease(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import lease

    seconds = chosen.seconds or machine.settings.limits.lease
    if chosen.what == "acquire":
        return lease.acquire(
            machine,
            holder=chosen.by or machine.who,
            run=chosen.run_url,
            reason=chosen.reason,
            seconds=seconds,
            manual=chosen.manual,
        )
    if chosen.what == "renew":
        return lease.renew(machine, chosen.lease, seconds)
    if chosen.what == "release":
        return lease.release(machine, chosen.lease)
    if chosen.what == "break":
        return lease.break_it(machine, chosen.reason)
    return {"lease": lease.shown(machine, machine.load().lease)}


def run_nginx(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import snippets

    if chosen.what == "show":
        return {"text": snippets.how_to(machine.settings)}
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        written = snippets.write(machine, state)
        note(machine, state, "snippets", written=written)
    return {"written": written}


def run_forget(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import releases

    del chosen
    return releases.forget(machine)
