"""Which waivers count in this run, from the line that proved them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy_gate.result import Result, Status

HERE = "not proven"
ELSEWHERE = "to be proven by the job with `code: without`"


@dataclass(frozen=True, slots=True)
class Proofs:
    """What is known of the waivers' persons; where nobody was asked, a waiver counts, and is shown as `unasked`."""

    unasked: str = HERE
    asked: bool = False
    proven: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""

    def refusal(self, item: str) -> str:
        """Why the item's waiver does not count; empty when it does."""
        if not self.asked or item in self.proven:
            return ""
        return self.refused.get(item) or self.otherwise

    def told(self, item: str) -> str:
        """How the one that counts was proven."""
        return self.proven.get(item, self.unasked)


def read(result: Result) -> Proofs:
    """From the line's own result: what is not in it as proven is not."""
    about = {str(one["item"]): one for one in result.evidence if "item" in one and "proven" in one}
    good = result.status in (Status.PASSED, Status.FAILED)
    proven = {name: str(one.get("proof", "")) for name, one in about.items() if good and one["proven"] is True}
    refused = {name: str(one.get("proof", "")) for name, one in about.items() if name not in proven}
    return Proofs(asked=True, proven=proven, refused=refused, otherwise=result.found or "nobody proved it")
