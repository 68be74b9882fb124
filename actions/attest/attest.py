"""Writes down that the person who started this workflow attests an item for this release."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path

from deploy_gate.catalog import About
from deploy_gate.facts import attestations, git
from deploy_gate.facts.attestations import Attestation, stamp
from deploy_gate.facts.textfile import reason
from deploy_gate.result import CouldNotTell, Result, brief, passed

ABOUT = About(timeout=30)
MAX_EVIDENCE = 500
MAX_NAME = 200
_CODE = re.compile(r"[0-9a-f]{12}")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?")


def operate(*, file: Path, item: str, evidence: str, release: str, code: str) -> Result:
    """Append one attestation to `file`; `by` is who started the run, as GitHub says, never an input."""
    who = person()
    identity = release or git.tree()
    if not identity:
        raise CouldNotTell(
            "there is no release to attest: this is not a git checkout",
            "check the repository out first, or give `release`",
        )
    for name, text in (("item", item), ("release", identity)):
        if len(text) > MAX_NAME or not text.isprintable():
            raise CouldNotTell(
                f"{name} is '{brief(text, 80)}', expected at most {MAX_NAME} characters on one line", f"correct {name}"
            )
    bound = code.strip().strip("`").lower()
    if bound and not _CODE.fullmatch(bound):
        raise CouldNotTell(
            f"code is '{brief(code, 40)}', expected the twelve digits that the pending line shows", "correct code"
        )
    record = Attestation(item, identity, who, datetime.now(UTC), bounded(evidence), code=bound)
    append(file, record.as_line())
    where = f"at {stamp(record.at)}, in {brief(str(file), 200)}"
    return passed(f"{who} attested '{brief(item, 80)}' for release {brief(identity[:12], 200)} {where}")


def person() -> str:
    """The login that started this run; CouldNotTell outside a dispatched workflow, where nobody vouches for it."""
    event = os.environ.get("GITHUB_EVENT_NAME", "")
    if os.environ.get("GITHUB_ACTIONS") != "true" or event != "workflow_dispatch":
        where = f"on the event '{brief(event, 40)}'" if event else "outside GitHub Actions"
        found = f"nobody can attest {where}: only a run that a person started by hand names that person"
        raise CouldNotTell(found, "start it as a workflow with `on: workflow_dispatch`")
    who = os.environ.get("GITHUB_TRIGGERING_ACTOR", "")
    if not _LOGIN.fullmatch(who):
        found = f"GITHUB_TRIGGERING_ACTOR is '{brief(who, 60)}', which is no login, so who attests is not known"
        raise CouldNotTell(found, "run it in a workflow of GitHub Actions, which sets the variable")
    return who


def bounded(evidence: str) -> str:
    """The evidence with at most 500 characters, a cut marked; CouldNotTell when there is nothing to read in it."""
    if not brief(evidence, 200).strip(" �"):
        raise CouldNotTell("the evidence is empty", "say what was looked at, and what was seen")
    return evidence if len(evidence) <= MAX_EVIDENCE else evidence[: MAX_EVIDENCE - 1] + "…"


def append(file: Path, line: bytes) -> None:
    """Add one line under a lock, wholly or not at all, and wait until it is on the disk."""
    name = brief(str(file), 200)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(
            file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            refuse_damaged(descriptor, name, line)
            _write(descriptor, line)
        finally:
            os.close(descriptor)
        _sync_folder(file.parent)
    except (OSError, ValueError) as fault:
        raise CouldNotTell(
            f"{name} cannot be written: {reason(fault)}", "make it a writable file, not a link, with room on its disk"
        ) from None


def refuse_damaged(descriptor: int, name: str, line: bytes) -> None:
    """CouldNotTell when the file could not be read again with `line` added, or ends in the middle of a line."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise CouldNotTell(f"{name} is not a regular file", "name a file")
    raw = os.pread(descriptor, attestations.MAX_BYTES + 1, 0)
    if raw and not raw.endswith(b"\n") and len(raw) <= attestations.MAX_BYTES:
        found = f"the last line of {name} was only partly written, so nothing is added to it"
        raise CouldNotTell(found, "remove that last line, or end it with a newline if it is whole, and run again")
    attestations.parse(raw + line, name)


def _write(descriptor: int, line: bytes) -> None:
    before = os.fstat(descriptor).st_size
    try:
        written = os.write(descriptor, line)
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, before)
        raise
    if written < len(line):
        os.ftruncate(descriptor, before)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
