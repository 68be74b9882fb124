"""Commit messages since a base, read as Conventional Commits 1.0.0."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from deploy_gate.facts import base, git, textfile
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.units import counted

MAX_BYTES = 4 * 1024 * 1024
# Items 1 to 16 of the specification: `type(scope)!: text`, and the footer.
SUBJECT = re.compile(r"([A-Za-z]{1,40})(?:\([^()]{0,200}\))?(!?):[ \t]+\S")
BREAKING = re.compile(r"^BREAKING[ -]CHANGE: ", re.MULTILINE)
FIXUP = re.compile(r"(?:(?:fixup|squash|amend)! )+")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit's short hash and message."""

    sha: str
    message: str

    @property
    def subject(self) -> str:
        """Its first line, fit to be shown."""
        return brief(self.message.strip().split("\n")[0], 120)

    @property
    def breaks(self) -> bool:
        """Whether its author says that it breaks something: `!` before the colon, or the footer."""
        subject = SUBJECT.match(FIXUP.sub("", self.message.lstrip(), count=1))
        return bool(BREAKING.search(self.message) or (subject and subject[2]))


def commits(start: str) -> list[Commit]:
    """Commits since `start`, newest first, merges left out; CouldNotTell when a shallow clone hides some of them."""
    span = "HEAD" if start == base.EMPTY_TREE else f"{start}..HEAD"
    ends = textfile.read(Path(git.output("rev-parse", "--git-path", "shallow").strip()), MAX_BYTES) or b""
    if ends and set(ends.decode(errors="replace").split()) & set(git.output("rev-list", span, "--").split()):
        fix = "check out the whole history: actions/checkout with `fetch-depth: 0`"
        raise CouldNotTell(f"this clone is shallow, so not every commit since {start[:7]} is in it", fix)
    asked = (
        *("log", "-z", "--no-merges", "--no-show-signature", "--no-notes", "--no-color", "--no-decorate"),
        "--encoding=UTF-8",
    )
    text = git.output(*asked, "--format=tformat:%h%n%B", span, "--")
    return [Commit(*entry.split("\n", 1)) for entry in text.split("\0") if "\n" in entry]


def minor(since: str) -> str:
    """Why the change since a commit is no major one; empty when it is, or when nobody said what is live."""
    if not since:
        return ""
    start = base.of(since)
    found = commits(start)
    if any(one.breaks for one in found):
        return ""
    return f"none of {counted(len(found), 'commit')} since {start[:7]} says that it breaks something"
