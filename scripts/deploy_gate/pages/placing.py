"""Putting a site into its place: whole or not at all, and over nothing but an older site of ours."""

from __future__ import annotations

import tempfile
from pathlib import Path

from deploy_gate.checklist.model import Checklist
from deploy_gate.pages import site
from deploy_gate.pages.archive import Archive
from deploy_gate.problems import Misconfigured

_MARK = ".deploy-gate-site"
MOST = 10_000


def check(out: Path, evidence: int) -> None:
    """Misconfigured for a place that holds something else than an older site, and for a count that is none."""
    if not 0 <= evidence <= MOST:
        raise Misconfigured([f"evidence is {evidence}, expected 0 to {MOST}"])
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise Misconfigured([f"{out} is a link or a file, expected the name of a folder"])
    if out.is_dir() and any(out.iterdir()) and not (out / _MARK).is_file():
        raise Misconfigured([f"{out} holds something else than a site of ours; name a new folder"])


def put(there: Archive, checklist: Checklist, options: site.Options, out: Path) -> int:
    """Build it beside its place, and move it there; how many pages it has."""
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".deploy-gate-site-", dir=out.absolute().parent) as name:
        made = Path(name) / "site"
        with site.into(made) as write:
            pages = site.build(there, checklist, options, write)
        # The other file tells GitHub Pages to serve the pages as they are.
        for empty in (_MARK, ".nojekyll"):
            (made / empty).touch()
        if out.exists():
            out.rename(Path(name) / "old")
        made.rename(out)
    return pages
