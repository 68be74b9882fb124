"""Source files below paths that a user named: the tracked ones, or outside git those that are plausibly his own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from deploy_gate.facts import git
from deploy_gate.result import CouldNotTell, brief

PYTHON = (".py",)
_NOT_OURS = {"node_modules", "site-packages", "__pycache__", "build", "dist"}


def existing(paths: list[str]) -> list[str]:
    """The same paths, spelled so that no tool takes one for an option or an argument file (`-x`, `@x`).

    CouldNotTell when one is not there: a tool that looks at nothing finds nothing.
    """
    missing = [one for one in paths if not _exists(one)]
    if missing:
        names = ", ".join(brief(one, 200) for one in missing[:5])
        fix = "correct the path; it is relative to the workspace"
        raise CouldNotTell(f"the path {names} does not exist in {Path.cwd()}", fix)
    return [spelled(one) for one in paths]


def spelled(path: str) -> str:
    """A path no program can mistake for an option or an argument file."""
    return f"./{path}" if path.startswith(("-", "@")) else path


def below(paths: list[str], suffixes: tuple[str, ...] = PYTHON) -> list[str]:
    """Source files below the paths, sorted: the tracked ones, outside git all but hidden, installed and built ones."""
    tracked = git.present(paths)
    found = [name for one in paths for name in _walk(one)] if tracked is None else tracked
    return sorted({name for name in found if name.endswith(suffixes) and Path(name).is_file()})


def relative(path: str) -> str:
    """A tool's path as the report shows it: relative to the working directory where it lies below it."""
    plain = os.path.normpath(path)
    for root in (Path.cwd(), Path.cwd().resolve()):
        if Path(plain).is_relative_to(root):
            return str(Path(plain).relative_to(root))
    return plain


def _exists(path: str) -> bool:
    try:
        return "\0" not in path and Path(path).exists()
    except OSError:
        return False


def _walk(start: str) -> Iterator[str]:
    if Path(start).is_file():
        yield os.path.normpath(start)
    for folder, folders, names in os.walk(start):
        folders[:] = sorted(one for one in folders if not _is_foreign(Path(folder, one)))
        yield from (os.path.normpath(Path(folder, name)) for name in names)


def _is_foreign(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.name in _NOT_OURS or (folder / "pyvenv.cfg").exists()
