"""Writes a deployment down in the ledger, from what its jobs left behind."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from deploy_gate import runner
from deploy_gate.catalog import About
from deploy_gate.facts import git
from deploy_gate.facts.remote import TOKEN
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.entry import Entry, Kind
from deploy_gate.ledger.gathered import Gathered, gather
from deploy_gate.result import CouldNotTell, Result, passed
from deploy_gate.rollout.servers import run_url

ABOUT = About(secrets=(TOKEN,), github=("contents: write",), timeout=300)
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


def operate(  # noqa: PLR0913 - one parameter for each input
    *,
    environment: str,
    kind: Literal["deploy", "rollback", "rehearsal"],
    reports: list[str],
    deploy: Path | None,
    rollback: Path | None,
    verdict: Literal["", "go", "no-go", "could-not-tell"],
    release: str,
    from_release: str,
    reason: str,
    known: list[str],
    branch: str,
    remote: str,
) -> Result:
    """Append one entry; CouldNotTell when the ledger is broken, or cannot be written."""
    heads = tuple(Head.parse(text) for text in known)
    found = gather([Path(one) for one in reports], deploy, rollback, verdict)
    entry = entered(found, environment, Kind(kind), release or _tree(), from_release, reason, datetime.now(UTC))
    with branches.opened(branch, remote) as there:
        head = branches.append(there, entry, found.document, heads)
    evidence = [{"message": f"ledger line {head}", "number": head.number, "hash": head.digest}]
    told = f"{entry.kind} of {entry.release[:12]} to {entry.environment}: {entry.outcome}"
    return passed(f"{told}; written down as line {head.number}", measured=head.number, evidence=evidence)


def entered(
    found: Gathered, environment: str, kind: Kind, release: str, before: str, reason: str, now: datetime
) -> Entry:
    """The entry as of now."""
    outcome = found.outcome(kind)
    decided_by, why = found.decided(outcome)
    began = found.began(now)
    head = git.head()
    return Entry(
        environment=environment,
        release=release,
        kind=kind,
        outcome=outcome,
        began=began.strftime(_MOMENT),
        ended=now.strftime(_MOMENT),
        commit=head,
        from_release=before,
        branch=runner.branch(),
        subject=_of(head, "%s"),
        author=_of(head, "%an"),
        actor=os.environ.get("GITHUB_TRIGGERING_ACTOR", ""),
        run_url=run_url(),
        reason=reason,
        decided_by=decided_by,
        why=why,
        times=found.times((now - began).total_seconds()),
        counts=found.counts(),
        waivers=found.waivers(),
    )


def _tree() -> str:
    if not (tree := git.tree()):
        raise CouldNotTell("there is no release to record: no commit is checked out", "check out, or give `release`")
    return tree


def _of(commit: str, what: str) -> str:
    return git.output("show", "--no-patch", f"--format={what}", commit, "--").strip() if commit else ""
