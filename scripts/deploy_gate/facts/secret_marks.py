"""Telling whether two places hold the same secret, also when two scans found them: by a hash that is not shown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from deploy_gate.facts import git
from deploy_gate.facts.kingfisher import Place
from deploy_gate.process import run
from deploy_gate.result import CouldNotTell

_LIMIT = 512 * 1024 * 1024
_SECONDS = 120.0
_ROWS = 4
"""A key of several lines begins like every other one."""


def lasting(places: Sequence[Place], repository: Path) -> list[Place]:
    """The places with a mark that the next scan would give them too."""
    first = {one.mark: one for one in places if "\n" not in one.path}
    marks = _marks(first, repository) if first else {}
    return [replace(one, mark=marks.get(one.mark) or one.mark, columns=(0, 0)) for one in places]


def _marks(first: Mapping[str, Place], repository: Path) -> dict[str, str]:
    """One object is read for each secret, not for each place."""
    asked = "".join(f"{_name(one)}\n" for one in first.values()).encode(errors="surrogateescape")
    argv = git.command("--git-dir", str(repository), "cat-file", "--batch")
    environment = {**git.ENVIRONMENT, "GIT_NO_REPLACE_OBJECTS": "1"}
    done = run(argv, timeout=_SECONDS, env=environment, stdin=asked, limit=_LIMIT, errors="surrogateescape")
    if done.code:
        raise CouldNotTell("git does not tell the files with finds", "see `git fsck` in this clone")
    raw, place, found = done.out.encode(errors="surrogateescape"), 0, {}
    for mark, one in first.items():
        end = raw.index(b"\n", place)
        words = raw[place:end].split(b" ")
        place = end + 1
        if words[-1] == b"missing":
            continue
        size = int(words[-1])
        found[mark] = mark_of(raw[place : place + size], one)
        place += size + 1
    return found


def _name(one: Place) -> str:
    return f"{one.commit}:{one.path}" if one.commit else "".join(PurePosixPath(one.path).parts[-2:])


def mark_of(content: bytes, one: Place) -> str:
    """The mark of what stands at that place of a text."""
    rows = content.split(b"\n")[max(one.line - 1, 0) :][:_ROWS]
    begin, end = one.columns
    whole = rows[0][begin - 1 : end] if rows and 0 < begin <= end <= len(rows[0]) else b"\n".join(rows)[begin - 1 :]
    return hashlib.sha256(whole).hexdigest()[:32]
