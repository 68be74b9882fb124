"""Builds one environment, once, even when several processes ask for it at the same moment. Standard library only."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deploy_gate.bootstrap import install
from deploy_gate.bootstrap.error import SetupError
from deploy_gate.bootstrap.place import wheels_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOCK_SECONDS = 900.0
POLL_SECONDS = 0.05


def build(name: str, lock: Path, env: Path, base: str, is_ready: Callable[[Path], bool]) -> None:
    """Make ``env`` from ``lock`` with interpreter ``base``, unless another process did so while we waited."""
    with only_one(env.with_name(f"{env.name}.lock")) as held:
        if is_ready(env):
            return
        print(f"deploy-gate: preparing its own environment ({name}) …", file=sys.stderr, flush=True)
        order = install.Order(name, lock, env, base, wheels_folder(env.parent), held)
        try:
            _first_that_works(order)
            mark_ready(env)
        except BaseException:
            shutil.rmtree(env, ignore_errors=True)
            raise


def _first_that_works(order: install.Order) -> None:
    """Try the ways to install one after the other, each on a fresh environment; raise what the last one said."""
    ways = install.ways(order)
    for last, way in enumerate(ways, start=1 - len(ways)):
        make_empty(order.env)
        try:
            way()
        except SetupError:
            if last == 0:
                raise
        else:
            return


def make_empty(env: Path) -> None:
    """A new environment without packages; whatever half-made one lies there goes."""
    if env.exists():
        shutil.rmtree(env)
    try:
        import venv
    except ImportError as missing:
        raise install.no_installer(f"has no module {missing.name}") from missing
    try:
        venv.EnvBuilder(with_pip=False, symlinks=True).create(env)
    except OSError as error:
        found = f"could not make {env}: {error.strerror}"
        raise SetupError(found, "make room and rights there, then run again") from error


def mark_ready(env: Path) -> None:
    """Write the marker, the only sign of completeness, so that it survives a crash as a whole or not at all."""
    draft = env / "ready.draft"
    with draft.open("w") as file:
        file.write("complete\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(env / "ready")
    folder = os.open(env, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def only_one(path: Path) -> Iterator[int]:
    """Hold the lock at ``path``; yields its descriptor, which installers inherit.

    So the lock lasts until an installer orphaned by a killed parent has ended, too. SetupError after 15 minutes.
    """
    try:
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SetupError(f"could not open {path}: {error.strerror}", f"remove {path} and run again") from error
    try:
        _wait_for(held, path)
        yield held
    finally:
        os.close(held)


def _wait_for(held: int, path: Path) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                found = f"another process has been preparing {path.stem} for more than {LOCK_SECONDS:.0f} s"
                raise SetupError(found, f"end it (fuser {path} names it) and run again") from None
            time.sleep(POLL_SECONDS)
        except OSError as error:
            found = f"could not lock {path}: {error.strerror}"
            raise SetupError(found, "set XDG_CACHE_HOME to a folder on a local disk") from error
        else:
            return
