"""A deployment: prepared side by side, switched group by group, watched, confirmed; all of the servers or none."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deploy_gate import runner
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Evidence, FellBack, Result, error, failed, fall_back_failed, fell_back, passed
from deploy_gate.rollout import back, closing, lease, prepare, queue
from deploy_gate.rollout.order import Order
from deploy_gate.rollout.servers import asked, tried, who
from deploy_gate.rollout.stopped import BACK, DEPLOYED, NOT_BACK, NOT_SWITCHED, SWITCHED, Stopped
from deploy_gate.ssh.hostprogram import FALL_BACK_FAILED, FELL_BACK, UNKNOWN, WRONG, Answer, HostProgram
from deploy_gate.units import counted

PAUSE = 1.0
UNTOUCHED = "nothing was switched, production is served by the release before"


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds: until an unconfirmed switch goes back by itself, of our own watch, of the guard's after the confirm."""

    confirm_within: float
    watch: float
    guard_for: float
    at_once: int = 1
    """How many servers are switched at once; the groups follow each other."""
    confirm: bool = True
    """Whether a watch without trouble confirms it; else somebody else does, or the servers go back."""
    wait: float = 0
    """Seconds at most for the release before this one to be confirmed, or taken back."""


@dataclass(slots=True)
class Deployment:
    """One release on its way; `switched` are the servers that may serve it."""

    where: Sequence[HostProgram]
    release: str
    terms: Terms
    switched: list[HostProgram] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def run(self, order: Order) -> Result:
        """Everything, from the first byte to the confirm."""
        try:
            live = prepare.receive(self.where, order)
            missing = [server for server in self.where if live[server.name] != self.release]
            self.switched = [server for server in self.where if server not in missing]
            asked = {server.name: self.release for server in missing}
            if self.terms.wait:
                queue.wait(self.where, self.release, self.terms.wait)
            with lease.held(self.where, f"deploy {self.release[:12]}", preflight=asked) as leases:
                self.note("brought")
                if missing:
                    prepare.prepare(missing, order, leases)
                    self.note("prepared")
                return self.take_over(missing, leases)
        except Stopped as stopped:
            # Those that had it before this run keep it: it was confirmed there, or goes back by itself.
            return stopped.result(UNTOUCHED)
        except KeyboardInterrupt:
            return failed(f"cancelled; {UNTOUCHED}", "start it again when you want it", evidence=self.evidence)

    def switch_only(self) -> Result:
        """The switch alone; somebody else confirms, or each server goes back by itself."""
        try:
            with lease.held(self.where, f"switch to {self.release[:12]}") as leases:
                result = self.switch_all(leases)
        except Stopped as stopped:
            return stopped.result(UNTOUCHED)
        if isinstance(result, FellBack):
            # That code is a deployment's: here somebody asked for a switch and did not get it.
            return failed(result.found, result.fix, evidence=result.evidence)
        return result

    def switch_all(self, leases: Mapping[str, str]) -> Result:
        """All of them, or back on those that were."""
        try:
            self.switch(self.where, leases)
        except Stopped as stopped:
            return self.fall_back(str(stopped), stopped.answer)
        except KeyboardInterrupt:
            return self.fall_back("cancelled", Answer(UNKNOWN, {}))
        found = f"{self.release[:12]} is live on {counted(len(self.where), 'server')}"
        return passed(f"{found}; {self.else_back()}", evidence=self.evidence)

    def else_back(self) -> str:
        """What happens when nobody says that it is good."""
        return f"confirm it within {self.terms.confirm_within:g} s, else they go back by themselves"

    def take_over(self, missing: Sequence[HostProgram], leases: dict[str, str]) -> Result:
        """Switch, watch, confirm; back on all of them when anything is not as it should be."""
        try:
            self.switch(missing, leases)
            self.note("switched")
            if missing:
                self.watch()
                self.note("watched")
            if self.terms.confirm:
                closing.confirm(self.where, self.release, leases)
        except Stopped as stopped:
            return self.fall_back(str(stopped), stopped.answer)
        except KeyboardInterrupt:
            return self.fall_back("cancelled", Answer(UNKNOWN, {}))
        return self.done(changed=bool(missing))

    def switch(self, where: Sequence[HostProgram], leases: Mapping[str, str]) -> None:
        """Group by group; Stopped at the first that refuses, or whose answer is lost."""
        for first in range(0, len(where), self.terms.at_once):
            self.switch_group(where[first : first + self.terms.at_once], leases)

    def switch_group(self, group: Sequence[HostProgram], leases: Mapping[str, str]) -> None:
        """At once; from the moment they are asked they count as servers that may have switched."""
        self.switched += group
        words = ("--confirm-within", f"{self.terms.confirm_within:g}", "--guard-for", f"{self.terms.guard_for:g}")
        argv = ("switch", self.release, "--by", who(), *words)
        answers = asked(group, lambda one: one.run(*argv, timeout=300, lease=leases[one.name]))
        bad = [(server, answer) for server, answer in answers if not answer.good]
        for server, answer in bad:
            if answer.code not in (UNKNOWN, FELL_BACK, FALL_BACK_FAILED, WRONG):
                self.switched.remove(server)  # it refused, and nothing was changed there
        if bad:
            raise Stopped("switch", *bad[0])

    def watch(self) -> None:
        """Ask every server, until the time is over, whether it serves the release; the guard there does the rest."""
        until, bad = time.monotonic() + self.terms.watch, 0
        while True:
            trouble = self.look()
            bad = bad + 1 if trouble else 0
            if bad >= 3 and trouble:
                raise trouble
            if time.monotonic() >= until and not bad:
                return
            time.sleep(PAUSE)

    def look(self) -> Stopped | None:
        """One round; raises at once where a server has gone back already, and returns what may be over in a second."""
        found = None
        for server in self.where:
            answer = tried(lambda one: one.run("status", timeout=60), server)
            told = _gone(answer, self.release)
            if told:
                raise Stopped(
                    "watch", server, Answer(FELL_BACK, {"trouble": {"what": told, "do": "see `slots journal`"}})
                )
            front = answer.data.get("front")
            trouble = front.get("trouble") if isinstance(front, dict) else answer.found
            if trouble:
                do = "see `slots logs`, `slots status` on the server"
                found = Stopped("watch", server, Answer(1, {"trouble": {"what": f"front door: {trouble}", "do": do}}))
        return found

    def fall_back(self, why: str, cause: Answer) -> Result:
        """The release before again, wherever it may have been left."""
        if not self.switched:
            return _untouched(why, cause, self.evidence)
        runner.say(f"falling back: {why}")
        found = back.go(self.switched, self.release, why)
        evidence = [*self.evidence, {"message": why}, *found.lines, found.facts]
        if found.good:
            return fell_back(f"{why}; fell back: {found.told}", cause.fix, evidence=evidence, measured=BACK)
        worst = found.worst or cause
        told = f"{why}; and not back: {found.told}"
        return fall_back_failed(told, worst.fix, evidence=evidence, measured=NOT_BACK)

    def note(self, what: str) -> None:
        """How long it took until here."""
        seconds = round(time.monotonic() - self.began, 2)
        self.evidence.append({"message": f"{what} after {seconds:.1f} s", "phase": what, "after_seconds": seconds})

    def done(self, *, changed: bool) -> Result:
        """It is in."""
        where = f"on {counted(len(self.where), 'server')}"
        if not changed:
            found = f"{self.release[:12]} is live {where} already" + (", and confirmed" if self.terms.confirm else "")
            return passed(found, evidence=self.evidence, measured=DEPLOYED)
        text = f"{self.release[:12]} is live {where}, watched for {self.terms.watch:g} s"
        if not self.terms.confirm:
            return passed(f"{text}; {self.else_back()}", evidence=self.evidence, measured=SWITCHED)
        text += ", confirmed"
        seconds = time.monotonic() - self.began
        return passed(f"{text}; {seconds:.1f} s in all", evidence=self.evidence, measured=DEPLOYED)


def check_groups(at_once: int) -> None:
    """Misconfigured for a group of nobody."""
    if at_once < 1:
        raise Misconfigured([f"input 'at-once' is {at_once}, expected 1 or more"])


def _gone(answer: Answer, release: str) -> str:
    """Who took the release out; empty while it is live, or nobody knows."""
    live = answer.data.get("release")
    if not answer.good or live == release:
        return ""
    left = [one for one in answer.data.get("left", []) if isinstance(one, dict) and one.get("release") == release]
    by = f"by {left[-1].get('by')}: {left[-1].get('reason')}" if left else "by somebody"
    return f"it was taken out {by}; live is {str(live)[:12]}"


def _untouched(why: str, cause: Answer, evidence: Sequence[Evidence]) -> Result:
    say = error if cause.code == UNKNOWN else failed
    return say(f"{why}; {UNTOUCHED}", cause.fix, evidence=evidence, measured=NOT_SWITCHED)
