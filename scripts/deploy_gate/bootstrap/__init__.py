"""Brings its own Python: one private, hash-locked environment per file in ``requirements/``.

Standard library only, and importable both before and inside an environment. Whatever costs time (venv, subprocess,
pip) is imported only when something has to be built: the way of a ready environment is a few system calls.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from deploy_gate.bootstrap.error import SetupError
from deploy_gate.bootstrap.place import environments_folder

if TYPE_CHECKING:
    from types import FrameType

__all__ = [
    "ROOT",
    "SetupError",
    "add",
    "ensure",
    "ensure_lock",
    "enter",
    "lock_file",
    "python",
    "site_packages",
    "tool",
]

ROOT = Path(__file__).resolve().parents[3]
READY = "ready"
COULD_NOT_SET_UP = 3
INTERRUPTED = 130


def lock_file(name: str) -> Path:
    """``requirements/<name>.txt``; SetupError naming the existing ones if there is no such lock."""
    path = ROOT / "requirements" / f"{name}.txt"
    if not path.is_file():
        known = ", ".join(sorted(lock.stem for lock in path.parent.glob("*.txt"))) or "none"
        raise SetupError(f"there is no lock file {name!r} in {path.parent}", f"use one of: {known}")
    return path


def base_python() -> str:
    """The real interpreter behind any virtual environment we may have been started from."""
    base: str | None = getattr(sys, "_base_executable", None) or sys.executable
    if not base:
        raise SetupError("this Python does not know its own path", "start deploy-gate with a python3 from PATH")
    return os.path.realpath(base)


def key(lock: bytes) -> str:
    """16 hex digits that change with the lock, the interpreter, its build, its place and the machine."""
    import hashlib

    digest = hashlib.sha256(lock)
    for part in (sys.version, base_python(), os.uname().machine):
        digest.update(b"\0" + os.fsencode(part))
    return digest.hexdigest()[:16]


def is_ready(env: Path) -> bool:
    """Complete (the marker is written last), and its interpreter has not been removed since."""
    return (env / READY).exists() and python(env).exists()


def ensure(name: str) -> Path:
    """The environment directory of lock ``name``, built if needed; SetupError if that cannot be done."""
    return ensure_lock(name, lock_file(name))


def ensure_lock(name: str, lock: Path) -> Path:
    """The same for any lock file, such as an example's own."""
    env = environments_folder() / f"{name}-{key(lock.read_bytes())}"
    if not is_ready(env):
        from deploy_gate.bootstrap import build

        build.build(name, lock, env, base_python(), is_ready)
    return env


def python(env: Path) -> Path:
    """The interpreter of an environment."""
    return env / "bin" / "python"


def tool(env: Path, name: str) -> Path:
    """A program installed in an environment; SetupError if its lock does not bring it."""
    path = env / "bin" / name
    if not path.exists():
        raise SetupError(f"there is no program {name!r} in {env.name}", "add it to the lock that should bring it")
    return path


def site_packages(env: Path) -> Path:
    """Where the packages of an environment lie."""
    free_threaded = "t" if "t" in sys.abiflags else ""
    return env / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}{free_threaded}" / "site-packages"


def add(name: str) -> None:
    """Make the packages of lock ``name`` importable here, behind those of the core; SetupError if they can't be had."""
    folder = str(site_packages(ensure(name)))
    if folder not in sys.path:
        sys.path.append(folder)


def enter(name: str, argv: list[str]) -> NoReturn:
    """Run the command line inside the environment of lock ``name``: never returns. Exit 3: could not set up."""
    import signal

    try:
        signal.signal(signal.SIGTERM, _interrupt)
        env = ensure(name)
        if os.path.realpath(sys.prefix) != os.path.realpath(env):
            _restart_in(env, argv)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        from deploy_gate import cli

        sys.exit(cli.main(argv))
    except SetupError as error:
        print(f"deploy-gate: could not set up: {error.found}\n  → {error.fix}", file=sys.stderr)
        sys.exit(COULD_NOT_SET_UP)
    except KeyboardInterrupt:
        print("deploy-gate: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """A cancelled job must not leave an installer behind: unwind as Ctrl-C does."""
    raise KeyboardInterrupt


def _restart_in(env: Path, argv: list[str]) -> NoReturn:
    """Replace this process by the environment's isolated Python.

    The consumer's variables stay as they are, because the checks find the consumer's interpreter by them.
    """
    if "deploy-gate" in sys._xoptions:
        raise SetupError(f"{python(env)} does not start in {env}", f"remove {env} and run again")
    environment = {name: value for name, value in os.environ.items() if name != "__PYVENV_LAUNCHER__"}
    inside = str(python(env))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(inside, [inside, "-I", "-X", "utf8", "-X", "deploy-gate", str(ROOT / "scripts"), *argv], environment)
