"""One commit of this repository as a consumer would get it, with what the local runner cannot resolve rewritten.

`uses: $/path` means "this repository, this commit" on GitHub; act does not know it, so it becomes the full name with
the commit. act also rejects two keys that GitHub knows (`concurrency.queue`, `environment.deployment`); they are taken
out. Nothing else is touched, and every change is listed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from deploy_gate import process
from deploy_gate.result import CouldNotTell

SLUG = "tsh/deploy-gate"
_SELF = re.compile(r"""(\buses:\s*["']?)\$/([^\s"'#,}\]]*)""")
_UNKNOWN_TO_ACT = re.compile(r"(?m)^\s+(?:queue|deployment):\s*\S+\s*\n")


@dataclass(frozen=True, slots=True)
class Staged:
    """An exported commit and what was rewritten in it."""

    path: Path
    commit: str
    changes: list[str]

    @property
    def references(self) -> dict[str, Path]:
        """What act is to resolve from the export: the moving tag, and the commit."""
        return {f"{SLUG}@v1": self.path, f"{SLUG}@{self.commit}": self.path}


def export(repository: Path, target: Path, revision: str = "HEAD") -> Staged:
    """Export a commit of `repository` into the new folder `target`."""
    commit = _git(repository, "rev-parse", f"{revision}^{{commit}}").strip()
    archive = target.with_suffix(".tar")
    _git(repository, "archive", "--format=tar", "--output", str(archive), commit)
    target.mkdir(parents=True)
    # tar, because tarfile learnt to extract safely only in 3.11.4.
    done = process.run(["tar", "-xf", archive, "-C", target], timeout=60)
    if done.code:
        raise CouldNotTell(f"the export cannot be unpacked: {done.last_words()}", "look at the room on the disk")
    archive.unlink()
    return Staged(target, commit, list(_rewrite(target, commit)))


def _rewrite(folder: Path, commit: str) -> list[str]:
    changes = []
    for path in sorted([*folder.rglob("action.yml"), *(folder / ".github/workflows").glob("*.yml")]):
        old = path.read_text(encoding="utf-8")
        new = _UNKNOWN_TO_ACT.sub("", _SELF.sub(rf"\g<1>{SLUG}/\g<2>@{commit}", old))
        if new != old:
            path.write_text(new, encoding="utf-8")
            changes.append(str(path.relative_to(folder)))
    return changes


def _git(repository: Path, *args: str) -> str:
    trust = f"safe.directory={repository.resolve()}"
    done = process.run(["git", "-c", trust, "-C", repository, *args], timeout=60)
    if done.code:
        raise CouldNotTell(f"git {args[0]} refused: {done.last_words()}", "run inside a git clone of deploy-gate")
    return done.out
