"""The newest staging deployment succeeded, and it was of this very release."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deploy_gate.catalog import About
from deploy_gate.facts import git
from deploy_gate.github import client, deployments
from deploy_gate.github.deployments import Deployment
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, error, failed, passed
from deploy_gate.units import Duration, show_duration

ABOUT = About(secrets=(client.TOKEN,), reads=client.READS, github=("deployments: read",), timeout=120)
_GOOD, _OPEN = ("success",), ("pending", "queued", "in_progress", "waiting", "")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What would count: environment, release (git tree), and how many seconds ago at most."""

    environment: str
    release: str
    max_age: float


def check(*, repository: str, environment: str, release: str, max_age: Duration) -> Result:
    """Ask for the newest deployment, its last status and its tree."""
    wanted = Wanted(environment, release or git.tree(), max_age)
    if not wanted.release:
        raise CouldNotTell("no commit is checked out here, so there is no release to look for", "check out first")
    where, here = client.repository(repository), client.opened()
    return judge(deployments.newest(here, where, environment), wanted, here.now)


def judge(found: Deployment | None, wanted: Wanted, now: datetime) -> Result:
    """How it ended comes first: a release that did not come up is no proof of anything."""
    place, release = brief(wanted.environment), wanted.release[:12]
    if found is None:
        return failed(f"nothing was ever deployed to {place}", f"deploy release {release} to {place} first")
    age = (now - found.at).total_seconds()
    told = (
        f"the newest deployment to {place} is of release {brief(found.tree[:12])} (commit {brief(found.commit[:12])})"
    )
    entry: Evidence = {"message": f"{told}: {found.state or 'no status yet'}, {show_duration(max(age, 0))} ago"}
    more = {"target": wanted.release, "measured": found.tree, "evidence": [entry]}
    if found.state in _OPEN:
        return error(
            f"{told} and has not ended: {found.state or 'no status yet'}", "wait for its end, then run again", **more
        )
    if found.state not in _GOOD:
        inactive = found.state == "inactive"
        meaning = "was taken out again" if inactive else f"ended as {brief(found.state, 20)}"
        return failed(
            f"{told} and {meaning}, expected success", f"see why, and deploy {release} to {place} again", **more
        )
    if found.tree != wanted.release:
        return failed(f"{told}, expected {release}", f"deploy this release to {place} first", **more)
    if age > wanted.max_age:
        limit = show_duration(wanted.max_age)
        found_ = f"{told} and succeeded {show_duration(age)} ago, the limit is {limit}"
        return failed(found_, f"deploy it to {place} again", **more)
    terms = f"{show_duration(max(age, 0))} ago, the limit is {show_duration(wanted.max_age)}"
    return passed(f"{told} and succeeded {terms}", **more)
