"""The reviews that people owe a deployment, written as issues as far as the ledger knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from deploy_gate.catalog import About
from deploy_gate.checklist import loading
from deploy_gate.commands.gate_command import find_checklist
from deploy_gate.facts.remote import TOKEN
from deploy_gate.github import client as github
from deploy_gate.github import kept
from deploy_gate.github.kept import Kept, Page
from deploy_gate.ledger import afterwards, chain, history, reading, review, signing
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.reading import Ledger
from deploy_gate.problems import Misconfigured, nearest
from deploy_gate.result import CouldNotTell, Result, brief, passed
from deploy_gate.units import Variable, counted

ABOUT = About(secrets=(TOKEN,), reads=github.READS, github=("contents: read", "issues: write"), timeout=300)
WEEK = timedelta(days=7)
MOST = 20
_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
Which = Literal["all", "failed", "none"]


def operate(  # noqa: PLR0913 - one parameter for each input
    *,
    environment: str,
    week: str,
    deployments: Which,
    labels: list[str],
    checklist: Path | None,
    known: list[str],
    signers: str,
    branch: str,
    remote: str,
    repository: str,
    token_variable: Variable,
) -> Result:
    """Read the ledger, write the issues; CouldNotTell where the ledger does not hold, or GitHub refuses."""
    validate(environment=environment, week=week, known=known, signers=signers)
    targets = {name: one.target for name, one in loading.load(find_checklist(checklist)).checklist.metrics.items()}
    ledger = read(branch, remote, [Head.parse(text) for text in known], signers)
    known_there(ledger, environment)
    last = begins(week, datetime.now(UTC))
    # A release may have failed since the week before was reviewed.
    starts = [last] if week else [last - WEEK, last]
    pages = [page for start in starts for page in pages_of(ledger, environment, start, targets, deployments)]
    if not pages:
        weeks = " and ".join(f"{start:%G-W%V}" for start in starts)
        return passed(f"nothing was deployed to {environment} in {weeks}, so there is nothing to review", measured=0)
    here, where = github.opened(token_variable), github.repository(repository)
    # An issue of ours is younger than what it is about; a day more, since clocks differ.
    among = kept.known(here, where, starts[0] - timedelta(days=1))
    return told(pages, [kept.keep(here, where, among, page, labels) for page in pages])


def validate(*, environment: str, week: str, known: Sequence[str], signers: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is read."""
    if not _NAME.fullmatch(environment):
        raise Misconfigured([f"input 'environment' is {brief(environment)!r}, expected a name such as production"])
    begins(week, datetime.now(UTC))
    signing.check(signers)
    for text in known:
        Head.parse(text)


def begins(week: str, now: datetime) -> datetime:
    """The Monday of the week, which must be over: a review that changes every day is read by nobody."""
    last = (now - WEEK - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    if not week:
        return last
    found = _WEEK.fullmatch(week)
    try:
        start = datetime.fromisocalendar(int(found[1]), int(found[2]), 1).replace(tzinfo=UTC) if found else None
    except ValueError:
        start = None
    if start is None or start > last:
        raise Misconfigured(
            [f"input 'week' is {brief(week)!r}, expected an ISO week that is over, such as {last:%G-W%V}"]
        )
    return start


def read(branch: str, remote: str, known: Sequence[Head], signers: str) -> Ledger:
    """The ledger; CouldNotTell when there is none, or it does not hold together."""
    with branches.opened(branch, remote) as there:
        state = there.read()
        if not state.raw:
            raise CouldNotTell(f"there is no ledger on branch {brief(branch)}", "record deployments: docs/ledger.md")
        unsigned = signing.faults(state.raw, lambda path: there.file(state.commit, path), signers)
    if wrong := [*chain.faults(state.raw, known), *unsigned]:
        fix = "see who pushed to the ledger's branch, and restore it from a clone of before"
        raise CouldNotTell(f"the ledger does not hold together, so it is not reviewed: {wrong[0]}", fix)
    return reading.read(state.raw)


def known_there(ledger: Ledger, environment: str) -> None:
    """CouldNotTell for an environment that the ledger never heard of: it may be a misspelt one."""
    names = {one.environment for one in ledger.entries}
    if environment not in names:
        found = f"the ledger knows no deployment to {environment}{nearest(environment, names)}"
        raise CouldNotTell(found, "see how the workflow that records calls it")


def pages_of(
    ledger: Ledger, environment: str, start: datetime, targets: Mapping[str, str], which: Which
) -> Iterator[Page]:
    """The week's issue, then one for each deployment, oldest first; none where nothing reached the environment."""
    own = history.within(history.deployments(ledger.entries, environment), start, start + WEEK)
    if not own:
        return
    text = review.text(ledger.entries, environment, until=start + WEEK, window=WEEK, targets=targets)
    note = f"\n{ledger.aside}.\n" if ledger.aside else ""
    week = f"{start:%G-W%V}"
    yield Page(f"week {week} of {environment}", f"Deployments to {environment} in {week}", text + note)
    wanted = [one for one in own if which == "all" or (which == "failed" and one.failure is not None)]
    for one in wanted[-MOST:]:
        key = f"deployment {one.entry.release} to {environment} at {one.entry.ended}"
        yield Page(key, afterwards.title(one), afterwards.text(one))


def told(pages: Sequence[Page], done: Sequence[Kept]) -> Result:
    """What was done with each issue; `measured` is how many were written."""
    pairs = list(zip(pages, done, strict=True))
    evidence = [{"message": f"{page.title}: {one.became}: {one.url}", "number": one.number} for page, one in pairs]
    weeks = [f"{page.title}: issue {one.number} {one.became}" for page, one in pairs if page.key.startswith("week ")]
    written = sum(one.became != "unchanged" for one in done)
    found = f"{'; '.join(weeks)}; {written} of {counted(len(done), 'issue')} written"
    return passed(found, measured=written, evidence=evidence)
