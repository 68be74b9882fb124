"""The files of a repository as they lie in the work tree or in a commit, behind one face; paths are from here."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import Protocol

from deploy_gate.facts import git, textfile
from deploy_gate.process import run
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.units import show_size

MAX_FILES = 20_000
MAX_BYTES = 4 * 1024 * 1024
"""Of one file."""


class Files(Protocol):
    """Where to read; `name` is how messages call the place, with a blank before it, empty for the work tree."""

    name: str

    def read(self, paths: list[str]) -> dict[str, bytes]:
        """The content of those paths that are files; CouldNotTell for what cannot be read."""

    def is_folder(self, path: str) -> bool:
        """Whether a folder of this path is there."""

    def below(self, folder: str, *, recursive: bool) -> list[str]:
        """Paths of the files in a folder, sorted; with those of its folders when `recursive`."""


class WorkTree:
    """Files as they lie on the disk."""

    name = ""

    def read(self, paths: list[str]) -> dict[str, bytes]:
        """The content of those paths that are files."""
        found = {path: textfile.read(Path(path), MAX_BYTES) for path in paths}
        return {path: raw for path, raw in found.items() if raw is not None}

    def is_folder(self, path: str) -> bool:
        """Whether a folder of this path is there."""
        return Path(path).is_dir()

    def below(self, folder: str, *, recursive: bool) -> list[str]:
        """Paths of the files in a folder; a file that two links lead to counts once, as Alembic counts it."""
        found: dict[str, str] = {}
        for place, folders, names in os.walk(folder):
            folders[:] = sorted(folders) if recursive else []
            for name in names:
                path = Path(place, name)
                found.setdefault(str(path.resolve()), posixpath.normpath(path.as_posix()))
            if len(found) > MAX_FILES:
                raise _too_many(folder)
        return sorted(found.values())


class Commit:
    """Files of one commit, read by two processes however many there are."""

    def __init__(self, revision: str) -> None:
        found = git.resolve(revision)
        if not found:
            fix = "check out the whole history: actions/checkout with `fetch-depth: 0`"
            raise CouldNotTell(f"the commit {brief(revision)} is not in this clone", fix)
        self.commit = found
        self.name = f" at {found[:12]}"
        self.prefix = git.output("rev-parse", "--show-prefix").strip("\n")

    def read(self, paths: list[str]) -> dict[str, bytes]:
        """The content of those paths that are files."""
        listed = {path: entry for path in self._folders(paths) for path, entry in self._listed(path).items()}
        wanted: dict[str, str] = {}
        for path in paths:
            mode, sha, size = listed.get(posixpath.normpath(path), ("", "", 0))
            if mode == "120000":
                raise CouldNotTell(f"{brief(path, 200)}{self.name} is a symbolic link", "commit the file itself")
            if mode.startswith("100") and size > MAX_BYTES:
                raise CouldNotTell(f"{brief(path, 200)} is larger than {show_size(MAX_BYTES)}", "split it")
            if mode.startswith("100"):
                wanted[path] = sha
        return self._contents(wanted) if wanted else {}

    @staticmethod
    def _folders(paths: list[str]) -> set[str]:
        return {posixpath.dirname(posixpath.normpath(path)) for path in paths}

    def is_folder(self, path: str) -> bool:
        """Whether a folder of this path is there."""
        full = self._full(path)
        if full == ".":
            return True
        done = git.git("cat-file", "-t", f"{self.commit}:{full}")
        return done.code == 0 and done.out.strip() == "tree"

    def below(self, folder: str, *, recursive: bool) -> list[str]:
        """Paths of the files in a folder."""
        found = [path for path, (mode, _, _) in self._listed(folder, recursive=recursive).items() if mode != "040000"]
        if len(found) > MAX_FILES:
            raise _too_many(folder)
        return sorted(found)

    def _listed(self, folder: str, *, recursive: bool = False) -> dict[str, tuple[str, str, int]]:
        """Path → mode, blob and size of what a folder holds."""
        full = self._full(folder)
        where = [] if full == "." else [full + "/"]
        options = ["-z", "-l", "--full-tree", *(["-r"] if recursive else [])]
        text = git.output("--literal-pathspecs", "ls-tree", *options, self.commit, "--", *where)
        found: dict[str, tuple[str, str, int]] = {}
        for line in filter(None, text.split("\0")):
            head, _, name = line.partition("\t")
            mode, _, sha, size = head.split()
            found[posixpath.relpath("/" + name, "/" + self.prefix)] = (mode, sha, int(size) if size.isdigit() else 0)
        return found

    def _full(self, path: str) -> str:
        full = posixpath.normpath(posixpath.join(self.prefix, path))
        if full.startswith(("../", "/")) or full == "..":
            raise CouldNotTell(f"{brief(path, 200)} does not lie in the repository", "name a path inside of it")
        return full

    def _contents(self, wanted: dict[str, str]) -> dict[str, bytes]:
        asked = "".join(f"{sha}\n" for sha in wanted.values()).encode()
        # Latin-1 keeps every byte, and so every offset.
        done = run(git.command("cat-file", "--batch"), timeout=60, env=git.ENVIRONMENT, stdin=asked, errors="latin-1")
        text, start, found = done.out, 0, {}
        for path in wanted:
            head, _, _ = text[start : start + 200].partition("\n")
            fields = head.split()
            if done.code or len(fields) != 3 or fields[1] != "blob":
                fix = "check out the whole history, blobs included: actions/checkout without `filter:`"
                raise CouldNotTell(f"{brief(path, 200)}{self.name} cannot be read from this clone", fix)
            start += len(head) + 1
            found[path] = text[start : start + int(fields[2])].encode("latin-1")
            start += int(fields[2]) + 1
        return found


def _too_many(folder: str) -> CouldNotTell:
    found = f"{brief(folder, 200)} holds more than {MAX_FILES} files"
    return CouldNotTell(found, "name the folder of the revisions in script_location")
