"""From what the jobs of a deployment left behind (reports, and the operation's own result) to one entry. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deploy_gate.checklist.model import Phase
from deploy_gate.ledger.entry import RAN_CODE, RELEASE, Kind, Outcome, Times, when
from deploy_gate.policy.lines import POLICY, WAIVERS
from deploy_gate.result import Status
from deploy_gate.rollout.back import PARTS
from deploy_gate.rollout.stopped import BACK, DEPLOYED, NOT_BACK, NOT_SWITCHED, SWITCHED

MOST = 50
_OUTCOMES = {
    DEPLOYED: Outcome.DEPLOYED,
    NOT_SWITCHED: Outcome.NOT_SWITCHED,
    BACK: Outcome.FELL_BACK,
    NOT_BACK: Outcome.NOT_BACK,
}
# A rehearsal ends where it began.
_ONE_STEP = {Kind.REHEARSAL: Outcome.ROLLED_BACK, Kind.CONFIRM: Outcome.DEPLOYED}
_SAID = ("sign-off",)
INTERVENTIONS = "interventions"
_GOOD = (Status.PASSED, Status.WARNED)
_GO = "go"


@dataclass(frozen=True, slots=True)
class Gathered:
    """Reports in the order of their start, those of code first; the results of deploy and rollback as JSON objects,
    empty where none ran.
    """

    reports: Sequence[Mapping[str, Any]]
    deploy: Mapping[str, Any]
    rollback: Mapping[str, Any]
    verdict: str = ""
    """What was said after the switch: go, no-go, could-not-tell; empty when nobody could look."""
    watch: Mapping[str, Any] = field(default_factory=dict)
    """The record of the watch, as far as it is kept; empty where none was."""

    @property
    def deciding(self) -> list[Mapping[str, Any]]:
        """The reports that had a say: what is looked at after the verdict can only warn."""
        return [one for one in self.reports if one["phase"] != Phase.CLOSE]

    @property
    def document(self) -> dict[str, Any]:
        """Everything, for the file beside the line."""
        return {
            "reports": list(self.reports),
            "deploy": dict(self.deploy),
            "rollback": dict(self.rollback),
            "verdict": self.verdict,
            "watch": dict(self.watch),
        }

    def began(self, otherwise: datetime) -> datetime:
        """When the first of it started."""
        reports = self.believed or self.reports
        moments = [moment for one in reports if (moment := when(str(one["started"]))) and moment.tzinfo]
        return min(moments, default=otherwise)

    def counts(self) -> dict[str, int]:
        """How many results of each status."""
        known = [str(item["status"]) for one in self.reports for item in one["items"]]
        return dict(Counter(one for one in known if one in list(Status)))

    @property
    def believed(self) -> list[Mapping[str, Any]]:
        """The reports that no code of the repository could have written."""
        return [one for one in self.reports if not one.get(RAN_CODE)]

    def items(self) -> list[Mapping[str, Any]]:
        """Their lines: what people said and did is read from no others."""
        return [item for one in self.believed for item in one["items"]]

    def waivers(self) -> list[dict[str, Any]]:
        """What was let through on somebody's word: who, until when, why, and how that person was proven."""
        waived = [item for item in self.items() if item["status"] == Status.WAIVED]
        told = [{"item": item["id"], "why": item["found"], **_waiver(item)} for item in waived[:MOST]]
        told += self._of_code()[:MOST]
        # `policy: own`: a change of the checklist that nobody had to sign.
        own = [item for item in self.items() if item["id"] == POLICY and item.get("severity") == "warn"]
        return told + [{"item": POLICY, "why": item["found"]} for item in own[:MOST]]

    def _of_code(self) -> list[dict[str, Any]]:
        """Waivers of lines that ran code, as the job without code proved them; those nobody proved are only counted."""
        named = {str(item["id"]) for one in self.reports for item in one["items"] if item["status"] == Status.WAIVED}
        law = [item for item in self.items() if item["id"] == WAIVERS and not item.get("section")]
        proven = [said for item in law for said in _objects(item) if said.get("proven") is True and _by(said)]
        here = {str(item["id"]) for item in self.items()}
        return [{"item": said["item"], **_by(said)} for said in proven if said.get("item") in named - here]

    def signoffs(self) -> list[dict[str, Any]]:
        """Who said yes, to what, as the lines that asked for it found; what did not count is not among them."""
        signed = [one for one in self.items() if one.get("check") in _SAID and one["status"] == Status.ATTESTED]
        told = ((item["id"], said) for item in signed for said in _objects(item) if said.get("counts") is True)
        found = [{"item": name, **_picked(said)} for name, said in told]
        return found[:MOST]

    def interventions(self) -> list[dict[str, Any]]:
        """What people changed by hand meanwhile, as the line that reads the servers' journals found.

        A journal also shows what was done long before: that is in the evidence, and not told with every deployment.
        """
        lines = [one for one in self.items() if one.get("check") == "ledger" and one["id"] == INTERVENTIONS]
        told = ((one["status"], said) for one in lines for said in _objects(one) if self._meanwhile(said))
        return [{"found": str(said.get("message", "")), "status": status} for status, said in told][:MOST]

    def _meanwhile(self, said: Mapping[str, Any]) -> bool:
        at = when(str(said.get("at", "")))
        return at is None or at.tzinfo is None or at >= self.began(at)

    def outcome(self, kind: Kind) -> Outcome:
        """How it ended. What left no result was cut off: nobody knows, so it is not called a success."""
        if kind in _ONE_STEP:
            # Where that did not come about, somebody has to look why not.
            return _ONE_STEP[kind] if self.deploy.get("status") in _GOOD else Outcome.UNKNOWN
        told, back = self.deploy.get("measured"), self._back()
        if kind is Kind.ROLLBACK and back is Outcome.FELL_BACK:
            return Outcome.NOT_SWITCHED if self._replaced() else Outcome.ROLLED_BACK
        if back is not None or kind is Kind.ROLLBACK:
            return back or Outcome.UNKNOWN
        if told == SWITCHED:
            # The switch stands unconfirmed until somebody looked; held or cut off, nobody knows here how it ended.
            return Outcome.DEPLOYED if self.verdict == _GO else Outcome.UNKNOWN
        if isinstance(told, str) and told in _OUTCOMES:
            return _OUTCOMES[told]
        stopped = any(one["verdict"] != _GO for one in self.deciding)
        return Outcome.NOT_SWITCHED if stopped and not self.deploy else Outcome.UNKNOWN

    def _back(self) -> Outcome | None:
        """What the rollback came to; None where none was asked for, or it had nothing to take back."""
        if not self.rollback:
            return None
        if self.rollback["status"] not in _GOOD:
            return Outcome.NOT_BACK
        # `left`: it is live nowhere any more, whoever took it back. Without that, a release was meant that stays.
        return Outcome.FELL_BACK if any(one.get("left") for one in self._facts()) else None

    def _replaced(self) -> bool:
        """Whether the rollback changed nothing since another release had taken the place before."""
        return not any(one["changed"] or one.get("already", True) for one in self._facts())

    def _facts(self) -> list[Mapping[str, Any]]:
        return [one for one in _objects(self.rollback) if "changed" in one]

    def moved(self) -> tuple[str, str]:
        """From which release to which the rollback went; empty where it does not say."""
        told = [one for one in _objects(self.rollback) if "from" in one]
        names = [str(told[-1].get(name, "")) if told else "" for name in ("from", "to")]
        return names[0], names[1] if RELEASE.fullmatch(names[1]) else ""

    def confirmed(self) -> str:
        """The release that a confirm was about; empty where it does not say."""
        told = (str(one.get("confirm", "")) for one in _objects(self.deploy))
        return next((one for one in told if RELEASE.fullmatch(one)), "")

    def decided(self, outcome: Outcome) -> tuple[str | None, str]:
        """The item that decided and why, from the watch or the last report that said no; else what was done found."""
        if self.watch.get("verdict", _GO) != _GO and outcome is not Outcome.DEPLOYED:
            return str(self.watch.get("decided_by", "")) or None, str(self.watch.get("why", ""))
        for one in reversed(self.deciding):
            if one["verdict"] != _GO and outcome is not Outcome.DEPLOYED:
                found = next((str(item["found"]) for item in one["items"] if item["id"] == one["decided_by"]), "")
                server = f"{one['server']}: " if one.get("server") else ""
                return one["decided_by"], server + (found or f"{one['phase']}: {one['verdict']}")
        said = self.rollback or self.deploy
        return None, str(said.get("found", ""))

    def times(self, total: float) -> Times:
        """The slowest server of each part, in seconds; None where nobody measured."""
        found: dict[str, float] = {}
        # Without `restore` the watch held it for a person: what it took to see and to decide is known all the same.
        for one in [*self.deploy.get("evidence", []), *self.rollback.get("evidence", []), self.watch.get("times")]:
            for part in PARTS:
                value = one.get(part) if isinstance(one, Mapping) else None
                if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
                    found[part] = max(found.get(part, 0.0), float(value))
        # Without a report nobody knows when it began, and a clock that went back between two jobs measured nothing.
        return Times(round(total, 3) if total > 0 else None, *(found.get(part) for part in PARTS))


def _objects(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    evidence = item.get("evidence")
    return [one for one in evidence if isinstance(one, Mapping)] if isinstance(evidence, list) else []


def _waiver(item: Mapping[str, Any]) -> dict[str, Any]:
    """As the gate told it in a field of its own; the line's text alone, where an older one did not."""
    return next((found for one in _objects(item) if (found := _by(one))), {})


def _by(told: Mapping[str, Any]) -> dict[str, Any]:
    if not told.get("waived_by"):
        return {}
    named = {"by": "waived_by", "until": "until", "why": "why", "proof": "proof"}
    return {key: told[name] for key, name in named.items() if told.get(name)}


def _picked(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: said[key] for key in ("by", "at", "url") if said.get(key)}
