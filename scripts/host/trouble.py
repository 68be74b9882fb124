"""Errors for people at three in the morning: what happened, what it usually means, what to do."""

from __future__ import annotations

import errno
import os
import pwd
from pathlib import Path

# Exit codes; those of a command that fell back are the same as the operations' on the runner.
# BUSY: somebody else is at work or holds the lease, nothing was changed; UNKNOWN: nobody knows how it ended.
DONE, REFUSED, WRONG, UNKNOWN, FELL_BACK, FALL_BACK_FAILED, BUSY = range(7)


class Trouble(Exception):
    """A command could not do what it was asked; nothing is left half done unless the text says so."""

    def __init__(self, what: str, means: str, do: str, code: int = REFUSED) -> None:
        """Three parts and the exit code."""
        super().__init__(what)
        self.what, self.means, self.do, self.code = what, means, do, code

    def lines(self) -> list[str]:
        """For a terminal."""
        return [f"what happened: {self.what}", f"usually means: {self.means}", f"what to do:    {self.do}"]

    def as_json(self) -> dict[str, str]:
        """For `--json`."""
        return {"what": self.what, "means": self.means, "do": self.do}


class Damaged(Trouble):
    """The state of this host cannot be read, or is gone although the journal is there."""


def is_rights(fault: OSError) -> bool:
    """Whether this user may not do that."""
    return fault.errno in (errno.EACCES, errno.EPERM)


def rights_trouble(fault: OSError, what: str = "") -> Trouble:
    """A file of ours belongs to another user: who, and as whom to go on."""
    place = Path(str(fault.filename or "/"))
    while not owner_of(place) and place != place.parent:
        place = place.parent
    owner, folder = owner_of(place), place if place.is_dir() else place.parent
    master, me = owner_of(folder), _name(os.geteuid())
    told = f"{what or 'not allowed'}: {fault.strerror} ({fault.filename or 'no file named'})"
    if master == me and owner != me:
        means = f"{place} belongs to {owner}, its folder to {me}: somebody ran a command as {owner}"
        return Trouble(told, means, f"`sudo chown -R {me}: {folder}`, then run this again", UNKNOWN)
    if master == me:
        means = f"{folder} belongs to {me}, but its mode does not let in"
        return Trouble(told, means, f"see `ls -la {folder}`", UNKNOWN)
    means = f"this is {me}, {folder} belongs to {master}: the state belongs to whoever ran `slots init`"
    return Trouble(told, means, f"run it as that user: `sudo -u {master} …`", UNKNOWN)


def owner_of(path: Path) -> str:
    """The name of the user to whom a file belongs; empty when that cannot be seen."""
    try:
        return _name(path.stat().st_uid)
    except OSError:
        return ""


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"


def disk_trouble(what: str, fault: OSError) -> Trouble:
    """A file of ours could not be written."""
    if is_rights(fault):
        return rights_trouble(fault, what)
    return Trouble(
        f"{what}: {fault.strerror or fault} ({fault.filename or 'no file named'})",
        "the disk is full or read-only",
        "free some space (`df -h`, `docker system df`), then run this again",
        UNKNOWN,
    )
