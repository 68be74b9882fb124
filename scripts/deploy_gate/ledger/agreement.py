"""Whether GitHub's record of deployments says the same as the ledger of the newest one. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from deploy_gate.github.deployments import Deployment
from deploy_gate.ledger.entry import Entry, Kind, Outcome
from deploy_gate.result import Result, brief, failed, passed, pending

_UNDER_WAY = ("", "pending", "queued", "in_progress", "waiting")
_FIX = "see both records of that deployment; let one workflow deploy, with `environment:` on its job, and record last"


def judge(entries: Sequence[Entry], environment: str, there: Deployment | None) -> Result:
    """The newest deployment of each: of one release, and ended alike."""
    own = [one for one in entries if one.environment == environment and one.kind is Kind.DEPLOY]
    place = brief(environment)
    if there is None or not own:
        who = (
            "neither the ledger nor GitHub"
            if there is None and not own
            else "GitHub"
            if there is None
            else "the ledger"
        )
        return failed(f"{who} knows no deployment to {place}", _FIX)
    if there.state in _UNDER_WAY:
        return pending(f"GitHub's deployment {there.id} to {place} has not ended", "look again once it has")
    newest = own[-1]
    differ = []
    if newest.release != there.tree:
        differ.append(f"the release is {newest.release[:12]} in the ledger, {brief(there.tree[:12])} on GitHub")
    if (newest.outcome is Outcome.DEPLOYED) is not (there.state in ("success", "inactive")):
        differ.append(f"it is {newest.outcome} in the ledger, {brief(there.state)} on GitHub")
    what = f"the newest deployment to {place}"
    if differ:
        return failed(f"{what} is not the same in both: {'; '.join(differ)}", _FIX)
    return passed(f"{what} is {newest.release[:12]} and {newest.outcome} in the ledger, {there.state} on GitHub")
