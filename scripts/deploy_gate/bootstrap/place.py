"""Where environments and wheels lie: private folders that belong to us. Standard library only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from deploy_gate.bootstrap.error import SetupError


def environments_folder() -> Path:
    """The folder of all environments, made if needed.

    The first of these that can be ours alone: ``$RUNNER_TEMP/deploy-gate/env`` (a job's own, emptied by the runner),
    the user's cache, ``deploy-gate-<uid>/env`` in the temporary folder. SetupError if none can.
    """
    parents = [*_runner_parents(), *_cache_parents()]
    folder = _first_private(parents, "env") or _first_private([_temporary_parent()], "env")
    if folder is None:
        tried = ", ".join(str(parent) for parent in [*parents, _temporary_parent()])
        raise SetupError(
            f"no folder for the environment: none of {tried} is writable and ours alone",
            "set XDG_CACHE_HOME to a folder you own and may write to",
        )
    return folder


def wheels_folder(environments: Path) -> Path:
    """The wheels kept between runs: in the user's cache, else beside the environments."""
    return _first_private([*_cache_parents(), environments.parent], "wheels") or environments


def _runner_parents() -> list[Path]:
    runner = os.environ.get("RUNNER_TEMP", "")
    return [Path(runner, "deploy-gate")] if os.path.isabs(runner) and os.path.isdir(runner) else []


def _cache_parents() -> list[Path]:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):
        cache = os.path.join(os.path.expanduser("~"), ".cache")
    return [Path(cache, "deploy-gate")] if os.path.isabs(cache) else []


def _temporary_parent() -> Path:
    import tempfile

    # One name per user, not a random one: the restarted process must find the same folder again.
    return Path(tempfile.gettempdir(), f"deploy-gate-{os.geteuid()}")


def _first_private(parents: list[Path], leaf: str) -> Path | None:
    return next((parent / leaf for parent in parents if _made_private(parent) and _made_private(parent / leaf)), None)


def _made_private(folder: Path) -> bool:
    """Whether ``folder`` now is a real folder of ours, writable to us and closed to everybody else."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        if found.st_mode & 0o077:
            folder.chmod(0o700)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)
