"""Files that are whole or not there: several at once, so that a reader never sees half of a set."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def write_all(texts: Mapping[Path, str]) -> None:
    """Write every file, or none: all are written beside their places first, then renamed. OSError names the file."""
    waiting: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            _check(path)
            waiting[path] = _beside(path, text)
        for path, temporary in waiting.items():
            temporary.replace(path)
    finally:
        for temporary in waiting.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _check(path: Path) -> None:
    # Found out before the first rename: afterwards a part of the set would stay.
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(21, "a folder of that name is in the way", str(path))


def _beside(path: Path, text: str) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    # For everybody: mkstemp's 0600 would hide it from a later step of another user.
    Path(name).chmod(0o644)
    return Path(name)
