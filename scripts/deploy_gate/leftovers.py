"""Private folders of servers we start: locked while anything uses them, deleted by whoever finds one unlocked.

A killed process deletes nothing. So each folder holds a lock that its users inherit as an open file: the kernel gives
it up when the last of them is gone, and then `sweep` may take the folder away.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from deploy_gate.facts import deadline
from deploy_gate.result import CouldNotTell

PREFIX = "deploy-gate-used-"
_LOCK = "lock"
_FRESH = "deploy-gate-new-"


def make(user: int | None = None, longest: int = 60) -> tuple[Path, int]:
    """A new folder of mode 0700, for `user` if one is given, and the descriptor that holds its lock.

    Its path has at most `longest` characters, because that of a socket may have 107.
    """
    place = next((one for one in _places() if len(str(one)) + 30 <= longest and _open_to(one, user)), None)
    if place is None:
        tried = ", ".join(map(str, dict.fromkeys(_places())))
        found = f"no place for a temporary folder with a short path that the server's user can reach; tried {tried}"
        raise CouldNotTell(found, "set TMPDIR to a folder such as /tmp")
    fresh = Path(tempfile.mkdtemp(prefix=_FRESH, dir=place))
    lock = os.open(fresh / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    if user is not None:
        os.chown(fresh, user, -1)
    # Under the name that is looked for only now that it is locked.
    folder = fresh.with_name(PREFIX + fresh.name.removeprefix(_FRESH))
    fresh.rename(folder)
    return folder, lock


def remove(folder: Path, lock: int, seconds: float = 20) -> None:
    """Give our part of the lock up, wait until nobody else has one, and delete the folder."""
    os.close(lock)
    with suppress(OSError, TimeoutError):
        again = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        deadline.within(seconds, lambda: fcntl.flock(again, fcntl.LOCK_EX))
        os.close(again)
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Delete the folders that nobody uses any more: of this run's killed checks, and of earlier ones."""
    for place in _places():
        with suppress(OSError):
            for folder in list(place.glob(PREFIX + "*")):
                if _is_unused(folder):
                    shutil.rmtree(folder, ignore_errors=True)


def _places() -> Iterator[Path]:
    # The runner empties its own folder after each job.
    yield from (Path(os.environ[name]) for name in ("RUNNER_TEMP",) if os.environ.get(name))
    yield Path(tempfile.gettempdir())
    yield Path("/tmp")  # noqa: S108  # nosec B108 - short, and only the parent of a folder with a random name


def _open_to(place: Path, user: int | None) -> bool:
    """Whether it is there, and every folder on the way lets that user walk through."""
    if not place.is_dir():
        return False
    return user is None or all(one.stat().st_mode & 0o001 for one in (place, *place.resolve().parents))


def _is_unused(folder: Path) -> bool:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if os.fstat(lock).st_uid != os.geteuid():
            return False
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
