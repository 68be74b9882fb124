"""`site`: static pages of all deployments, built from the ledger; they need no server and no network."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from deploy_gate import arguments
from deploy_gate.pages import archive, placing, site, standing


def run(argv: list[str]) -> int:
    """Build the whole site beside its place, then put it there: a reader never sees half of it."""
    parser = arguments.Parser("site", "Static pages of all deployments, built from the ledger.")
    parser.add_argument("ledger", type=Path, help="a checkout of the ledger's branch, or its ledger.jsonl")
    parser.add_argument("out", type=Path, help="the folder to write; an older site in it is replaced")
    parser.add_argument("--checklist", type=Path, help="the checklist for targets and rules")
    text = f"how many of the newest get their whole evidence on their page (default: {site.WHOLE})"
    parser.add_argument("--evidence", type=int, default=site.WHOLE, help=text)
    options = parser.parse(argv)
    placing.check(options.out, options.evidence)
    there = archive.opened(options.ledger)
    checklist = standing.checklist(options.checklist)
    pages = placing.put(there, checklist, site.Options(datetime.now(UTC), options.evidence), options.out)
    print(f"{pages} pages of {len(there.records)} entries in {options.out}; begin with {options.out / 'index.html'}")
    return 0
