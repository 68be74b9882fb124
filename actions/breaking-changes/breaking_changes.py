"""What is new since the live release breaks nothing, or somebody has said for this very release that it may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.facts import apidiff, attestations, base, conventional, git, openapi, textfile
from deploy_gate.facts.attestations import Attestation
from deploy_gate.migrations import expansion, tree
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.signoff import roles as holders
from deploy_gate.units import Duration, counted, show_duration

ABOUT = About(timeout=180)
_HISTORY = "check out the whole history: actions/checkout with `fetch-depth: 0`"
CLOCK_SKEW = 300.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One change that breaks something; `rule` says where it was seen."""

    rule: str
    message: str
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What was looked at, what was found, and who acknowledged it."""

    since: str
    looked: str
    findings: Sequence[Finding]
    said: Sequence[Attestation]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which acknowledgement counts: of this item and release, by one of these people (empty: anyone), in seconds."""

    item: str
    release: str
    people: frozenset[str]
    max_age: float


def check(
    *,
    since: str,
    openapi_file: str,
    alembic_config: str,
    acknowledged: Path | None,
    item: str,
    roles: str,
    max_age: Duration,
) -> Result:
    """Read commits, API document and revisions since the live commit."""
    start = base.of(since)
    if start == base.EMPTY_TREE:
        return passed("this is the first commit: nothing was there before that it could break", target=0, measured=0)
    commits = conventional.commits(start)
    findings = [Finding("commit", f"{one.sha} {one.subject}") for one in commits if one.breaks]
    api, paths = _api(start, openapi_file)
    migrations, revisions = _migrations(start, alembic_config)
    looked = f"{counted(len(commits), 'commit')}, {paths}, {revisions} since {start[:7]}"
    wanted = Wanted(item, git.tree(), holders.everybody(holders.parse(roles)).people, max_age)
    facts = Facts(start[:7], looked, [*findings, *api, *migrations], _said(acknowledged))
    return judge(facts, wanted, datetime.now(UTC))


def _api(start: str, path: str) -> tuple[list[Finding], str]:
    """Breaks of the committed API document, where there is one."""
    before, now = (_at(commit, path) if path else b"" for commit in (start, "HEAD"))
    if not before and not now:
        return [], "no API document"
    if before and not now:
        return [Finding("openapi", f"{brief(path)} was removed", path, 1)], "0 API paths"
    new = openapi.parse(now, brief(path))
    old = openapi.parse(before, f"{brief(path)} of {start[:7]}") if before else new
    found = [Finding("openapi", brief(str(one), 300), path) for one in apidiff.breaking(old, new)]
    return found, counted(len(new["paths"]), "API path")


def _at(commit: str, path: str) -> bytes:
    name = f"{commit}:./{Path(path).as_posix()}"
    if git.git("rev-parse", "--verify", "--quiet", "--end-of-options", name).code:
        return b""
    return git.output("cat-file", "blob", name, fix=_HISTORY).encode("utf-8", "surrogateescape")


def _migrations(start: str, config: str) -> tuple[list[Finding], str]:
    """Revisions that take something away, where there is an Alembic tree; judged by their text, so cautiously."""
    if not config or not Path(config).is_file():
        return [], "no migrations"
    old, new = tree.read(config, start, may_be_missing=True), tree.read(config)
    fresh = [new.revisions[one] for one in new.order if not old.knows(one)]
    found = [
        Finding(
            "migration", f"{brief(one.revision.id)}: {brief(step.text, 160)}: {step.why}", one.revision.path, step.line
        )
        for one in expansion.judge(fresh)
        if not one.expands
        for step in one.contracts
    ]
    return found, counted(len(fresh), "revision")


def _said(path: Path | None) -> list[Attestation]:
    raw = textfile.read(path, attestations.MAX_BYTES) if path else None
    return attestations.parse(raw, brief(str(path))) if raw else []


def judge(facts: Facts, wanted: Wanted, now: datetime) -> Result:
    """No finding passes; else only an acknowledgement of this very release does."""
    evidence = [_evidence(one) for one in facts.findings]
    more: dict[str, Any] = {"target": 0, "measured": len(facts.findings), "evidence": evidence}
    if not facts.findings:
        return passed(f"0 breaking changes in {facts.looked}", **more)
    if not wanted.release:
        raise CouldNotTell("no commit is checked out here, so nothing can be acknowledged for it", "check out first")
    first = facts.findings[0]
    rest = f" (and {len(facts.findings) - 1} more)" if len(facts.findings) > 1 else ""
    found = f"{counted(len(facts.findings), 'breaking change')} in {facts.looked}: {brief(first.message, 200)}{rest}"
    about = [one for one in facts.said if one.item == wanted.item]
    faults = {one.line: shortcoming(one, wanted, now) for one in about}
    good = next((one for one in reversed(about) if not faults[one.line]), None)
    if good:
        return passed(f"{found}; acknowledged by {brief(good.by, 60)}: {brief(good.evidence, 200)}", **more)
    miss = f"; {brief(about[-1].by, 60)}'s acknowledgement does not count: {faults[about[-1].line]}" if about else ""
    fix = f"take it back, or acknowledge it for this release: the attest operation, item `{brief(wanted.item)}`"
    return failed(f"{found}, the limit of unacknowledged ones is 0{miss}", fix, **more)


def shortcoming(one: Attestation, wanted: Wanted, now: datetime) -> str:
    """Why an acknowledgement does not count; empty when it does."""
    age = (now - one.at).total_seconds()
    if one.release != wanted.release:
        return f"it is of another release, {brief(one.release[:12])}"
    if wanted.people and (not one.by.isascii() or one.by.lower() not in wanted.people):
        return "that person holds no role"
    if age < -CLOCK_SKEW:
        return "it is dated in the future"
    if age > wanted.max_age:
        return f"it is {show_duration(age)} old, the limit is {show_duration(wanted.max_age)}"
    return "" if one.evidence.strip() else "it gives no reason"


def _evidence(one: Finding) -> Evidence:
    place: Evidence = {"path": one.path, "line": one.line} if one.path and one.line else {}
    return {"rule": f"breaking-{one.rule}", "message": one.message, **place}
