"""Errors for people at three in the morning: what happened, what it usually means, what to do."""

from __future__ import annotations

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


def disk_trouble(what: str, fault: OSError) -> Trouble:
    """A file of ours could not be written."""
    return Trouble(
        f"{what}: {fault.strerror or fault} ({fault.filename or 'no file named'})",
        "the disk is full or read-only, or the folder belongs to another user",
        "free some space (`df -h`, `docker system df`), or run as the user who owns the folder; then run this again",
        UNKNOWN,
    )
