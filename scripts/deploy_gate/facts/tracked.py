"""Which files of the repository lie below the paths that a check was given: folders, files or globs."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy_gate.facts import git
from deploy_gate.result import CouldNotTell, brief

MAX_FILES = 200_000
_LEFT_OUT = {".git", "node_modules", "__pycache__", ".venv", "venv"}


def below(paths: Sequence[str]) -> list[str]:
    """Tracked files (without git: all files) that any of `paths` names, relative to the working directory, sorted.

    A glob knows `*` and `?` within one folder, `**` across folders and `[...]`. CouldNotTell for a path that names no
    file: a check that was told to look there would look at nothing.
    """
    if not paths:
        raise CouldNotTell(
            "no path was given, so no file was looked at", "name folders, files or globs of the repository"
        )
    known = git.present(["."])
    names = sorted(_walk()) if known is None else known
    chosen: set[str] = set()
    for path in paths:
        matching = _matching(path, names)
        if not matching:
            raise _nothing(path)
        chosen.update(matching)
    return sorted(chosen)


def _matching(path: str, names: list[str]) -> list[str]:
    place = _relative(path)
    if place == ".":
        return names
    exact = [name for name in names if name == place or name.startswith(place + "/")]
    if exact or not set("*?[") & set(place):
        return exact
    pattern = glob(place)
    return [name for name in names if pattern.fullmatch(name)]


def _relative(path: str) -> str:
    if path.startswith("/"):
        path = os.path.relpath(path)
    place = posixpath.normpath(path)
    if "\0" in place or place == ".." or place.startswith("../"):
        raise CouldNotTell(
            f"the path {brief(path, 200)} does not lie in the repository",
            "name paths relative to the repository's root",
        )
    return place


def _nothing(path: str) -> CouldNotTell:
    shown = brief(path, 200)
    if set("*?[") & set(path):
        return CouldNotTell(
            f"the glob {shown} matches no file of the repository", "correct the glob; `**` matches folders at any depth"
        )
    if os.path.lexists(path):
        return CouldNotTell(
            f"{shown} holds no file of the repository", f"add what belongs there, or take {shown} out of the paths"
        )
    return CouldNotTell(f"the path {shown} does not exist", "correct the path; it is relative to the repository's root")


def glob(text: str) -> re.Pattern[str]:
    """The regular expression of a glob; one that matches a folder matches all below it."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^\]/]*\])", text)
    return re.compile("".join(map(_part, parts)) + r"(?:/.*)?", re.DOTALL)


def _part(text: str) -> str:
    fixed = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if text in fixed:
        return fixed[text]
    if text.startswith("[") and text.endswith("]") and len(text) > 2:
        inside = text[1:-1].replace("\\", r"\\").replace("[", r"\[").replace("&&", r"&\&").replace("]", r"\]")
        return f"[^{inside[1:]}/]" if inside.startswith("!") else "(?!/)[" + inside.replace("^", r"\^", 1) + "]"
    return re.escape(text)


def _walk() -> Iterator[str]:
    count = 0
    for folder, folders, names in os.walk("."):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for name in names:
            count += 1
            if count > MAX_FILES:
                raise CouldNotTell(
                    f"there are more than {MAX_FILES} files here, and no git to say which count",
                    "run inside a git checkout",
                )
            yield Path(folder, name).as_posix()
