"""The ways to fill an environment from a lock: uv where it is on PATH, else pip. Standard library only.

uv first, because it takes 0.2 s where pip takes 2.8 s (core lock, nothing cached).
"""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from deploy_gate.bootstrap import run as processes
from deploy_gate.bootstrap import wheels as cache
from deploy_gate.bootstrap.error import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

EXACT = ("--require-hashes", "--no-deps", "--only-binary", ":all:")
RUN_PIP_WHEEL = """
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
HAS_PIP = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pip') is None)"


class Order(NamedTuple):
    """What to install where. ``base``: real interpreter; ``held``: descriptor of the build lock."""

    name: str
    lock: Path
    env: Path
    base: str
    wheels: Path
    held: int

    @property
    def python(self) -> str:
        """The interpreter to install for, always named explicitly."""
        return str(self.env / "bin" / "python")

    def run(self, command: list[str], environment: dict[str, str]) -> None:
        """Run an installer; SetupError with its last words if it fails."""
        processes.run(command, environment, cwd=self.env.parent, about=self.name, held=self.held)


def ways(order: Order) -> list[Callable[[], None]]:
    """The ways open here, best first, each a function of no arguments; SetupError if there is none."""
    wanted = cache.pins(order.lock)
    cache.forget_interrupted(order.wheels)
    cache.discard_bad(order.wheels, wanted)
    cached = cache.all_there(order.wheels, wanted)
    found: list[Callable[[], None]] = []
    if uv := find_uv():
        found.append(partial(with_uv, order, uv, cached=cached))
    if pip := find_pip(order):
        found += [partial(from_wheels, order, pip)] if cached else []
        found.append(partial(fetch_and_install, order, pip))
    if not found:
        raise no_installer("has neither pip nor ensurepip, and uv is not on PATH")
    return found


def find_uv() -> str | None:
    """uv on PATH; a relative entry does not count, it would lead into the consumer's working directory."""
    candidates = [os.path.join(folder, "uv") for folder in processes.absolute_path().split(os.pathsep) if folder]
    return next((path for path in candidates if os.path.isfile(path) and os.access(path, os.X_OK)), None)


def find_pip(order: Order) -> list[str] | None:
    """The command of a pip that works for the new environment: the base interpreter's, or the one in ensurepip."""
    if processes.succeeds([order.base, "-I", "-c", HAS_PIP]):
        return [order.base, "-I", "-m", "pip", "--python", order.python]
    ensurepip = importlib.util.find_spec("ensurepip")
    if ensurepip is None or ensurepip.origin is None:
        return None
    folders = [Path(ensurepip.origin).with_name("_bundled"), sysconfig.get_config_var("WHEEL_PKG_DIR")]
    folders.append("/usr/share/python-wheels")  # Debian's ensurepip brings no wheel of its own
    wheels = [wheel for folder in folders if folder for wheel in sorted(Path(folder).glob("pip-*.whl"))]
    return [order.python, "-I", "-c", RUN_PIP_WHEEL, str(wheels[0])] if wheels else None


def with_uv(order: Order, uv: str, *, cached: bool) -> None:
    """Install by uv: from the cached wheels if all are there, else from the index, keeping nothing."""
    source = ["--no-index", "--find-links", str(order.wheels)] if cached else []
    fixed = ["--no-cache", "--no-config", *EXACT, "--python", order.python]
    order.run([uv, "pip", "install", *fixed, *source, "-r", str(order.lock)], processes.uv_environment())


def fetch_and_install(order: Order, pip: list[str]) -> None:
    """Fetch all wheels into the cache by pip, then install from there."""
    with tempfile.TemporaryDirectory(prefix=cache.FETCHING, dir=order.wheels) as fetched:
        where = ["-d", fetched, "--find-links", str(order.wheels)]
        command = [*pip, "download", "--no-cache-dir", "--no-input", "--disable-pip-version-check", *EXACT]
        order.run([*command, *where, "-r", str(order.lock)], processes.fetch_environment())
        cache.take_over(Path(fetched), order.wheels)
    from_wheels(order, pip)


def from_wheels(order: Order, pip: list[str]) -> None:
    """Install by pip from the cached wheels alone; no setting of the user's has a say in it."""
    command = [*pip, "--isolated", "install", "--no-cache-dir", "--no-input", "--disable-pip-version-check", *EXACT]
    where = ["--no-index", "--find-links", str(order.wheels), "--no-compile"]
    order.run([*command, *where, "-r", str(order.lock)], processes.offline_environment())


def no_installer(lack: str) -> SetupError:
    """The error of an interpreter that cannot make an environment, with the one command that mends it."""
    base = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    return SetupError(f"{base} {lack}", mending_command(base, os.geteuid()))


def mending_command(base: str, user: int, *, debian: bool | None = None) -> str:
    """One command for Debian's and Ubuntu's own interpreters, for others what to look for."""
    if debian is None:
        debian = os.path.exists("/etc/debian_version")
    if not debian or os.path.dirname(base) != "/usr/bin":
        return f"add the modules venv and ensurepip to {base} (its full package has them)"
    own = os.path.realpath("/usr/bin/python3") == base
    package = "python3-venv" if own else f"{os.path.basename(base)}-venv"
    return f"{'' if user == 0 else 'sudo '}apt-get install {package}"
