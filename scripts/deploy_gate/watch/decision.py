"""What is to be done, and the word at the end. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from deploy_gate.engine.verdict import Word
from deploy_gate.watch.metrics import Role, Seen
from deploy_gate.watch.rule import State

_OPEN = (State.NO_DATA, State.INCONCLUSIVE)


class Act(StrEnum):
    """What follows from what is seen."""

    NOTHING = "nothing"
    HOLD = "hold"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done, and the metric that decided."""

    act: Act
    by: Seen | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word at the end, who decided (empty: nobody), and why."""

    word: Word
    by: str
    why: str
    fix: str = ""


def decide(now: Sequence[Seen]) -> Decision:
    """While it lasts: an immediate trigger rolls back, one to consider (or a line) holds; nothing else acts."""
    for role, act in ((Role.IMMEDIATE, Act.BACK), (Role.CONSIDER, Act.HOLD)):
        for one in now:
            if one.metric.role is role and one.state is State.FAILING:
                return Decision(act, one)
    return Decision(Act.NOTHING)


def verdict(end: Sequence[Seen]) -> Verdict:
    """At the end: what could not be told, and a watch that looked at nothing, is no go."""
    found = decide(end)
    if found.by is not None:
        word = Word.NO_GO if found.act is Act.BACK else Word.COULD_NOT_TELL
        return Verdict(word, found.by.metric.id, found.by.why, found.by.fix)
    deciding = [one for one in end if one.metric.role is not Role.ASIDE]
    if not any(one.metric.track.looks for one in deciding):
        return Verdict(
            Word.COULD_NOT_TELL, "", "nothing was looked at", "give your checklist triggers, and lines `watch:`"
        )
    unclear = [one for one in deciding if one.state in _OPEN]
    if unclear:
        first = unclear[0]
        more = f" (and {len(unclear) - 1} more)" if len(unclear) > 1 else ""
        return Verdict(Word.COULD_NOT_TELL, first.metric.id, f"{first.state}: {first.why}{more}", first.fix)
    return Verdict(Word.GO, "", f"{len(deciding)} lines and triggers are well")


def in_doubt(now: Sequence[Seen]) -> bool:
    """Whether a bad look is too fresh to be judged: the watch must not end on it."""
    return any(
        0 < one.metric.track.bad_run < one.metric.rule.failure_limit and one.metric.role is not Role.ASIDE
        for one in now
    )
