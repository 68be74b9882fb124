"""Looks at a release after the switch, again and again, and takes it out, holds it, or says that it is good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.engine import stream
from deploy_gate.facts import channels, marker, telegram
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status
from deploy_gate.rollout import closing
from deploy_gate.rollout.servers import READS, SECRETS, Login, servers
from deploy_gate.units import Duration
from deploy_gate.watch import cancelling, ending, lookback, making
from deploy_gate.watch.acting import TOKEN, Acting, Chat
from deploy_gate.watch.ending import Terms
from deploy_gate.watch.loop import Loop
from deploy_gate.watch.making import PhaseName, Question

ABOUT = About(secrets=(*SECRETS, TOKEN, marker.VARIABLE), reads=READS, timeout=7200, runs_items=True)
LONGEST = 6 * 3600.0


def operate(  # noqa: PLR0913 - one for each input
    *,
    checklist: Path | None,
    ledger_signers: str,
    environment: str,
    phase: PhaseName,
    window: Duration,
    look_back: bool,
    release: str,
    host: list[str],
    host_keys: str,
    config: str,
    python: str,
    sudo: bool,
    confirm: bool,
    hold: Duration,
    record: Path,
    messages: Path,
    chat: str,
    thread: int,
    api: str,
    jobs: int,
) -> Result:
    """Bind the checklist, look until the window is over or something must be done, and write it all down once."""
    login = Login(host, host_keys, config, python, sudo)
    validate(**locals())
    with servers(login) as where:
        release = closing.meant(where, release)
        if look_back and (why := lookback.no_time(where, window)):
            return Result.of(Status.SKIPPED, f"{release[:12]}: {why}")
    once = window if look_back else 0.0
    watched, masker = making.make(Question(checklist, environment, phase, release, once, ledger_signers), login)
    hands = Acting(login, release, environment, hold, Chat(messages, chat, thread, api))
    # Where there is nothing to see nobody waits a quarter of an hour to hear so.
    loop = Loop(watched, 0.0 if look_back or not watched.decides else window, hands)
    terms = Terms(release, environment, phase, confirm and not look_back, record)
    with cancelling.noted() as early:
        loop.begin()
        cancelled = stream.run(lambda: None if early.name else loop.feed(), jobs, masker.listener(loop.hear))
        return ending.finish(loop, hands, terms, cancelled or early.name)


def validate(  # noqa: PLR0913 - one for each input
    *,
    window: float,
    hold: float,
    release: str,
    host: list[str],
    host_keys: str,
    config: str,
    python: str,
    sudo: bool,
    chat: str,
    thread: int,
    api: str,
    jobs: int,
    **_: Any,
) -> None:
    """What no type can tell."""
    wrong = [] if 0 < window <= LONGEST else ["input 'window' expects a time of at most 6h"]
    wrong += [] if 0 < hold <= 7 * 86400 else ["input 'hold' expects a time of at most 7d"]
    wrong += [] if 1 <= jobs <= 64 else [f"input 'jobs' is {jobs}, expected 1 to 64"]
    wrong += _chat(chat, thread, api)
    for check in (Login(host, host_keys, config, python, sudo).check, lambda: closing.check(release)):
        try:
            check()
        except Misconfigured as fault:
            wrong += [one.message for one in fault.problems]
    if wrong:
        raise Misconfigured(wrong)


def _chat(chat: str, thread: int, api: str) -> list[str]:
    wrong = []
    if (chat and not channels.is_chat(chat)) or thread < 0:
        wrong.append("input 'chat' expects a number or an @name, 'thread' the number of a topic, or 0")
    try:
        telegram.address(api)
    except ValueError as fault:
        wrong.append(f"input 'api' expects {fault}")
    return wrong
