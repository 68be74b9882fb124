"""The wheels kept between runs, none of them trusted: each is hashed again. Standard library only."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from deploy_gate.bootstrap.error import SetupError

if TYPE_CHECKING:
    from pathlib import Path

PIN = re.compile(r"^(?P<name>[\w.-]+)(\[[^\]]*\])?==(?P<version>[^\s;]+)(?P<condition>\s*;)?")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
FETCHING = ".fetch-"
DAY = 86400.0


class Pin(NamedTuple):
    """One line of a lock. ``conditional``: holds only on some platforms or Pythons."""

    name: str
    version: str
    conditional: bool
    hashes: frozenset[str]


def pins(lock: Path) -> list[Pin]:
    """What a lock names; SetupError if that is nothing."""
    lines = lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    found = [
        Pin(_plain(match["name"]), match["version"], bool(match["condition"]), frozenset(HASH.findall(line)))
        for line in lines
        if (match := PIN.match(line))
    ]
    if not found:
        raise SetupError(f"{lock} names no package", "restore it from the repository")
    return found


def discard_bad(wheels: Path, wanted: list[Pin]) -> None:
    """Remove every wheel of a wanted version whose content is not the lock's: cut short, or tampered with."""
    hashes = {(pin.name, pin.version): pin.hashes for pin in wanted}
    for wheel in wheels.glob("*.whl"):
        allowed = hashes.get(_identity(wheel))
        if allowed is not None and digest(wheel) not in allowed:
            print(f"deploy-gate: discarded the cached {wheel.name}: its hash is not the lock's", file=sys.stderr)
            wheel.unlink(missing_ok=True)


def all_there(wheels: Path, wanted: list[Pin]) -> bool:
    """Whether each unconditional pin has some wheel; it may still be one for another Python."""
    there = {_identity(wheel) for wheel in wheels.glob("*.whl")}
    return all(pin.conditional or (pin.name, pin.version) in there for pin in wanted)


def take_over(fetched: Path, wheels: Path) -> None:
    """Move fetched wheels to where they stay, each in one step: nobody ever sees half a file there."""
    for wheel in fetched.glob("*.whl"):
        wheel.replace(wheels / wheel.name)


def forget_interrupted(wheels: Path) -> None:
    """Remove folders of fetches that ended more than a day ago without cleaning up."""
    for folder in wheels.glob(f"{FETCHING}*"):
        if folder.stat().st_mtime < time.time() - DAY:
            shutil.rmtree(folder, ignore_errors=True)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _identity(wheel: Path) -> tuple[str, str]:
    name, _, rest = wheel.name.partition("-")
    return _plain(name), rest.partition("-")[0]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
