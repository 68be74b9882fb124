"""The site of all deployments, from the ledger's branch: what a workflow hands to GitHub Pages."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from deploy_gate.catalog import About
from deploy_gate.facts.remote import TOKEN
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger import chain, signing
from deploy_gate.ledger.chain import Head
from deploy_gate.pages import archive, placing, standing
from deploy_gate.pages.site import Options
from deploy_gate.result import CouldNotTell, Result, brief, passed
from deploy_gate.units import counted

ABOUT = About(secrets=(TOKEN,), github=("contents: read",), timeout=600)


def operate(
    *, out: Path, evidence: int, checklist: Path | None, known: list[str], signers: str, branch: str, remote: str
) -> Result:
    """Build it; CouldNotTell when there is no ledger, or it does not hold together."""
    validate(out=out, evidence=evidence, known=known, signers=signers)
    rules = standing.checklist(checklist)
    with tempfile.TemporaryDirectory(prefix="deploy-gate-ledger-") as name:
        folder = Path(name) / "ledger"
        fetch(folder, evidence, branch, remote, [Head.parse(text) for text in known], signers)
        there = archive.opened(folder)
        pages = placing.put(there, rules, Options(datetime.now(UTC), evidence), out)
    return passed(f"{counted(pages, 'page')} of {counted(len(there.records), 'deployment')} in {out}", measured=pages)


def validate(*, out: Path, evidence: int, known: Sequence[str], signers: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is read."""
    placing.check(out, evidence)
    signing.check(signers)
    for text in known:
        Head.parse(text)


def fetch(folder: Path, newest: int, branch: str, remote: str, known: Sequence[Head], signers: str) -> None:
    """The ledger and the newest evidence of it, held to what is known from elsewhere."""
    with branches.opened(branch, remote) as there:
        state = there.read()
        if not state.raw:
            raise CouldNotTell(f"there is no ledger on branch {brief(branch)}", "record deployments: docs/ledger.md")
        wrong = chain.faults(state.raw, known)
        wrong = wrong or signing.faults(state.raw, lambda path: there.file(state.commit, path), signers)
        if wrong:
            fix = "see who pushed to the ledger's branch, and restore it from a clone of before"
            raise CouldNotTell(f"the ledger does not hold together, so nothing is built from it: {wrong[0]}", fix)
        there.save(state, folder, newest)
