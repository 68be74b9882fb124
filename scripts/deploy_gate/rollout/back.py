"""Back to the release before, on every server: what a rollback that was asked for and a deployment's fall share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deploy_gate.result import Result, error, failed, fall_back_failed, passed, warned
from deploy_gate.rollout.servers import side_by_side, who
from deploy_gate.ssh.hostprogram import BUSY, FALL_BACK_FAILED, UNKNOWN, Answer, HostProgram

PARTS = ("detect", "decide", "restore")


@dataclass(frozen=True, slots=True)
class Back:
    """What each server said to a rollback."""

    answers: list[tuple[HostProgram, Answer]]

    @property
    def good(self) -> bool:
        """Whether all are back, by whomever."""
        return all(answer.good for _, answer in self.answers)

    @property
    def lines(self) -> list[dict[str, str]]:
        """For the evidence."""
        return [
            {"message": f"{server.name}: {line}"}
            for server, answer in self.answers
            for line in (answer.said or ([] if answer.good else [answer.found]))
        ]

    @property
    def facts(self) -> dict[str, str | float | bool]:
        """For whoever reads the result by program: whether anything was done here, and how long each part took."""
        changed = any(bool(answer.data.get("changed")) for _, answer in self.answers)
        # Otherwise, where nothing was changed, another release had taken its place.
        already = any(bool(answer.data.get("already")) for _, answer in self.answers)
        message = "went back" if changed else "was not live any more"
        return {"message": message, "left": self.good, "changed": changed, "already": already, **self.seconds()}

    @property
    def told(self) -> str:
        """For a sentence: where each of them is now."""
        return "; ".join(
            f"{server.name} is on {answer.data.get('live')} ({str(answer.data.get('release'))[:12]})"
            if answer.good
            else f"{server.name}: {answer.found}"
            for server, answer in self.answers
        )

    @property
    def to(self) -> str:
        """The release that is live now; empty where the servers do not agree."""
        found = {str(answer.data.get("release") or "") for _, answer in self.answers}
        return found.pop() if self.good and len(found) == 1 else ""

    @property
    def worst(self) -> Answer | None:
        """The answer that a person must act on first."""
        bad = [answer for _, answer in self.answers if not answer.good]
        return max(
            bad, key=lambda answer: (answer.code == FALL_BACK_FAILED, answer.code in (UNKNOWN, BUSY)), default=None
        )

    def seconds(self) -> dict[str, float]:
        """The slowest of each part, in seconds; empty when nobody had anything to do."""
        told: list[Any] = [answer.data.get("seconds") for _, answer in self.answers]
        known = [one for one in told if isinstance(one, dict)]
        return {part: max(float(one.get(part, 0)) for one in known) for part in PARTS} if known else {}


def go(where: Sequence[HostProgram], leaves: str, reason: str, *, force: bool = False, since: float = 0) -> Back:
    """Roll all of them back at once. One that did not answer, or was busy, is asked again: that does no harm."""
    words = ["rollback", "--from", leaves, "--by", who(), "--reason", reason[:300]]
    words += ["--force"] if force else []
    words += ["--since", f"{since:g}"] if since else []

    def call(server: HostProgram) -> Answer:
        return server.run(*words, timeout=300)

    first = side_by_side(where, call)
    again = {server.name for server, answer in first if answer.code in (UNKNOWN, BUSY)}
    second = {one.name: answer for one, answer in side_by_side([one for one in where if one.name in again], call)}
    return Back([(server, second.get(server.name, answer)) for server, answer in first])


def judge(back: Back, leaves: str, sla: float) -> Result:
    """A rollback that was asked for, as a result."""
    worst, evidence = back.worst, [*back.lines, {**back.facts, "from": leaves, "to": back.to}]
    if worst is not None:
        say = {FALL_BACK_FAILED: fall_back_failed, UNKNOWN: error, BUSY: error}.get(worst.code, failed)
        return say(f"not rolled back from {leaves[:12]}: {back.told}", worst.fix, evidence=evidence)
    parts = back.seconds()
    if not back.facts["changed"]:
        return passed(f"{leaves[:12]} is not live any more, nothing was to be done: {back.told}", evidence=evidence)
    total = sum(parts.values())
    times = ", ".join(f"{part} {parts.get(part, 0):.1f} s" for part in PARTS)
    found = f"left {leaves[:12]}: {back.told}; {times}, in all {total:.1f} s of {sla:g} s"
    if total > sla:
        return warned(
            found, "see in the journal which part took so long", target=sla, measured=total, evidence=evidence
        )
    return passed(found, target=sla, measured=round(total, 3), evidence=evidence)
