"""Ending a process with everything below it, also what left its group or session (Linux: subreaper and /proc)."""

from __future__ import annotations

import ctypes
import os
import signal
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_known: set[int] = set()


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, and remember which children were there before.

    See prctl(2), PR_SET_CHILD_SUBREAPER.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _known.clear()
    _known.update(_children().get(os.getpid(), ()))


def die_with_parent() -> None:
    """Be killed when the parent is, also where it had no time to do it (prctl(2), PR_SET_PDEATHSIG)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def die_with_parent_always() -> None:
    """The same for a program that is set-group-ID, as ssh-agent often is: the kernel forgets the wish for one of those.

    It runs without that group then (prctl(2), PR_SET_NO_NEW_PRIVS).
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    die_with_parent()


def _prctl(option: int, value: int) -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def end(pid: int, *, at_once: bool) -> int:
    """Wait for a child (or kill it first), end everything it started, and return its exit code (negative: signal)."""
    if at_once:
        _kill_tree(pid)
    _, raw = os.waitpid(pid, 0)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(raw)


def kill_adopted() -> None:
    """Kill what is left over: children that were adopted since `adopt_orphans`, and all below them."""
    for _ in range(50):
        strays = [pid for pid in _children().get(os.getpid(), ()) if pid not in _known]
        if not strays:
            return
        for pid in strays:
            _kill_tree(pid)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _kill_tree(pid: int) -> None:
    # Stopped first, so that nothing can be started while the tree is being walked.
    seen: set[int] = set()
    fresh = {pid}
    while fresh:
        for one in fresh:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(one, signal.SIGSTOP)
        seen |= fresh
        children = _children()
        fresh = {child for one in seen for child in children.get(one, ())} - seen
    for one in seen:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL)


def _children() -> dict[int, list[int]]:
    """Parent id to child ids, from /proc (field 4 of proc_pid_stat(5))."""
    found: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                found[parent].append(int(entry.name))
    return found
