"""`site`: static pages of all deployments, built from the ledger; they need no server and no network."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from deploy_gate import arguments
from deploy_gate.checklist import loading
from deploy_gate.commands.gate_command import find_checklist
from deploy_gate.pages import archive, site
from deploy_gate.problems import Misconfigured

_MARK = ".deploy-gate-site"
MOST = 10_000


def run(argv: list[str]) -> int:
    """Build the whole site beside its place, then put it there: a reader never sees half of it."""
    parser = arguments.Parser("site", "Static pages of all deployments, built from the ledger.")
    parser.add_argument("ledger", type=Path, help="a checkout of the ledger's branch, or its ledger.jsonl")
    parser.add_argument("out", type=Path, help="the folder to write; an older site in it is replaced")
    parser.add_argument("--checklist", type=Path, help="the checklist for targets and rules")
    text = f"how many of the newest get their whole evidence on their page (default: {site.WHOLE})"
    parser.add_argument("--evidence", type=int, default=site.WHOLE, help=text)
    options = parser.parse(argv)
    if not 0 <= options.evidence <= MOST:
        raise Misconfigured([f"--evidence is {options.evidence}, expected 0 to {MOST}"])
    _check(options.out)
    there = archive.opened(options.ledger)
    checklist = loading.load(find_checklist(options.checklist)).checklist
    options.out.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".deploy-gate-site-", dir=options.out.absolute().parent) as name:
        made = Path(name) / "site"
        wanted = site.Options(datetime.now(UTC), options.evidence)
        with site.into(made) as write:
            pages = site.build(there, checklist, wanted, write)
        # The other file tells GitHub Pages to serve the pages as they are.
        for empty in (_MARK, ".nojekyll"):
            (made / empty).touch()
        if options.out.exists():
            options.out.rename(Path(name) / "old")
        made.rename(options.out)
    print(f"{pages} pages of {len(there.records)} entries in {options.out}; begin with {options.out / 'index.html'}")
    return 0


def _check(out: Path) -> None:
    """Only an empty folder or an older site is replaced."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise Misconfigured([f"{out} is a link or a file, expected the name of a folder"])
    if out.is_dir() and any(out.iterdir()) and not (out / _MARK).is_file():
        raise Misconfigured([f"{out} holds something else than a site of ours; name a new folder"])
