"""The contents of many files at once: of the working tree, or of a commit."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deploy_gate import process
from deploy_gate.facts import git, textfile
from deploy_gate.result import CouldNotTell

MAX_BYTES = 2 * 1024 * 1024
MAX_FILES = 20_000
_HISTORY = "fetch the whole history: actions/checkout with `fetch-depth: 0`"


def here(names: Iterable[str]) -> dict[str, bytes]:
    """Regular files of the working tree; links out of it and files that are gone are left out."""
    root = Path.cwd().resolve()
    kept = [name for name in names if Path(name).resolve().is_relative_to(root) and Path(name).is_file()]
    if len(kept) > MAX_FILES:
        raise CouldNotTell(f"{len(kept)} files to look at, the limit is {MAX_FILES}", "name fewer in `paths`")
    return {name: textfile.read(Path(name), MAX_BYTES) or b"" for name in kept}


def listed(commit: str) -> list[str]:
    """Files of a commit below the working directory, relative to it."""
    names = git.output("ls-tree", "-r", "-z", "--name-only", commit, fix=_HISTORY).split("\0")
    return [name for name in names if name]


def at(commit: str, names: list[str]) -> dict[str, bytes]:
    """Files of a commit by their names relative to the working directory, in one go."""
    asked = "".join(f"{commit}:./{name}\n" for name in names if "\n" not in name)
    done = process.run(
        git.command("cat-file", "--batch"),
        timeout=60,
        env=git.ENVIRONMENT,
        stdin=asked.encode("utf-8", "surrogateescape"),
        limit=256 * 1024 * 1024,
        errors="surrogateescape",
    )
    if done.code:
        raise CouldNotTell(f"git cat-file refused: {done.last_words(1)}", _HISTORY)
    raw, start, found = done.out.encode("utf-8", "surrogateescape"), 0, {}
    for name in (one for one in names if "\n" not in one):
        head, _, _ = raw[start:].partition(b"\n")
        words = head.split()
        start += len(head) + 1
        if len(words) == 3 and words[1] == b"blob" and words[2].isdigit():
            size = int(words[2])
            found[name] = raw[start : start + size]
            start += size + 1
    return found
