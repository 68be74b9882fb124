"""This deployment is written down, the chain holds, and what people did by hand is explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from deploy_gate.catalog import About
from deploy_gate.facts import attestations, git, interventions, ledgerheads, onhost, textfile
from deploy_gate.facts.attestations import Attestation
from deploy_gate.facts.interventions import Change
from deploy_gate.facts.onhost import Place
from deploy_gate.facts.remote import TOKEN
from deploy_gate.github import client as github
from deploy_gate.github import deployments
from deploy_gate.ledger import agreement, chain, reading, signing
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.entry import Entry, when
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, error, failed, passed
from deploy_gate.units import Duration, Variable, counted, show_duration

ABOUT = About(secrets=(TOKEN,), reads=(*onhost.READS, *github.READS), timeout=120)
CLOCK_SKEW = 300.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entry is looked for, and how old it may be in seconds."""

    environment: str
    release: str
    max_age: float

    def fits(self, entry: Entry) -> bool:
        """Whether an entry is about this."""
        return (entry.environment, entry.release) == (self.environment, self.release)


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    proves: Literal["entry", "interventions", "deployments"],
    environment: str,
    release: str,
    known: list[str],
    signers: str,
    branch: str,
    remote: str,
    host: str,
    host_keys: str,
    config: str,
    key_variable: Variable,
    explained: Path | None,
    max_age: Duration,
    repository: str,
    token_variable: Variable,
) -> Result:
    """Read and judge; CouldNotTell when the ledger, or the server's journal, cannot be read."""
    validate(proves=proves, host=host, config=config, known=known, signers=signers)
    wanted = release or git.tree()
    if not wanted:
        raise CouldNotTell("no commit is checked out here, so there is no release to look for", "check out first")
    place = Place(host, host_keys, config, key_variable)
    if proves == "interventions":
        journal = interventions.read(place)
        raw, wrong = _read(branch, remote, signers, journal.heads)
        if wrong:
            return _broken(wrong)
        # Without a ledger there is nothing to compare with: then a run is believed by its name.
        runs = interventions.runs(reading.read(raw).entries)
        changes = interventions.explained(journal.changes, runs) if raw else journal.changes
        return judge_interventions(changes, _said(explained, wanted))
    heads = [*map(Head.parse, known), *(_remembered(place) if host else ())]
    raw, wrong = _read(branch, remote, signers, heads)
    if proves == "deployments" and not wrong:
        here, where = github.opened(token_variable), github.repository(repository)
        return agreement.judge(reading.read(raw).entries, environment, deployments.newest(here, where, environment))
    return judge(raw, Wanted(environment, wanted, max_age), wrong, datetime.now(UTC))


def _read(branch: str, remote: str, signers: str, known: Sequence[Head]) -> tuple[bytes, list[str]]:
    """The lines, and what is wrong with their chain, with what is known of it from elsewhere, and their signature."""
    with branches.opened(branch, remote) as there:
        state = there.read()
        unsigned = signing.faults(state.raw, lambda path: there.file(state.commit, path), signers)
    return state.raw, [*chain.faults(state.raw, known), *unsigned]


def _remembered(place: Place) -> list[Head]:
    """The newest line that the server was told, by the deployment before."""
    with onhost.opened(place) as there:
        return ledgerheads.of(there.good("ledger"), place.host)


def validate(*, proves: str, host: str, config: str, known: Sequence[str], signers: str = "", **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    for text in known:
        Head.parse(text)
    signing.check(signers)
    if proves == "interventions" and not (host and config):
        raise Misconfigured(["`proves: interventions` needs the inputs 'host' and 'config'"])
    if host:
        onhost.validate(host, config)


def _broken(wrong: Sequence[str]) -> Result:
    evidence: list[Evidence] = [{"message": one} for one in wrong]
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    fix = "see who pushed to the ledger's branch, and restore it from a clone of before"
    return failed(f"the ledger does not hold together: {wrong[0]}{more}", fix, evidence=evidence)


def judge(raw: bytes, wanted: Wanted, wrong: Sequence[str], now: datetime) -> Result:
    """The chain first: in a broken one, or one that others signed, an entry proves nothing."""
    if wrong:
        return _broken(wrong)
    if not raw:
        return failed("the ledger is empty, or there is none", "run the record operation at the end of a deployment")
    ledger = reading.read(raw)
    what = f"release {brief(wanted.release[:12])} on {brief(wanted.environment)}"
    newest = next((one for one in reversed(ledger.entries) if wanted.fits(one)), None)
    fix = "run the record operation for this deployment"
    if newest is None:
        told = f"{what} is not in the ledger, among {counted(len(ledger.entries), 'deployment')}"
        return failed(f"{told}; {ledger.aside}" if ledger.aside else told, fix)
    age = (now - (when(newest.ended) or now)).total_seconds()
    measured = {"target": wanted.max_age, "measured": round(age)}
    if age < -CLOCK_SKEW:
        told = f"the newest entry of {what} is dated {show_duration(-age)} in the future"
        return error(told, "see whose clock is wrong: this machine's, or of the one that recorded", **measured)
    if age > wanted.max_age:
        # The same release may have been deployed before: that entry says nothing of this deployment.
        told = f"the newest entry of {what} is {show_duration(age)} old, the limit is {show_duration(wanted.max_age)}"
        return failed(told, fix, **measured)
    told = _told(newest, chain.head(raw))
    return passed(told, **measured, evidence=[{"message": told}])


def _told(entry: Entry, head: Head) -> str:
    return (
        f"{brief(entry.release[:12])} on {brief(entry.environment)} is written down as {entry.outcome}, "
        f"ended {entry.ended}; {counted(head.number, 'line')}, each follows from the one before"
    )


def _said(path: Path | None, release: str) -> list[Attestation]:
    """What people said of the interventions, for this release."""
    if path is None:
        return []
    raw = textfile.read(path, attestations.MAX_BYTES)
    said = attestations.parse(raw, brief(str(path))) if raw else []
    return [one for one in said if (one.item, one.release) == ("interventions", release)]


def judge_interventions(found: Sequence[Change], said: Sequence[Attestation]) -> Result:
    """Each change by hand has its reason, or somebody explained it afterwards."""
    hand = [one for one in found if one.by_hand]
    newest = max((one.at for one in said), default=None)
    open_ = [one for one in interventions.silent(found) if newest is None or one.at > newest]
    evidence: list[Evidence] = [{"message": one.told, "at": one.at.isoformat()} for one in hand[-50:]]
    evidence += [{"message": f"{one.by}: {one.evidence}"} for one in said[-10:]]
    if open_:
        told = f"{counted(len(open_), 'change')} made by hand without a reason, the limit is 0: {open_[-1].told}"
        fix = "have somebody say why: the attest operation, item `interventions`; next time `--reason`"
        return failed(told, fix, target=0, measured=len(open_), evidence=evidence)
    told = (
        f"{len(hand)} of {counted(len(found), 'change')} on the server made by hand, the limit of unexplained ones is 0"
    )
    return passed(told, target=0, measured=0, evidence=evidence)
