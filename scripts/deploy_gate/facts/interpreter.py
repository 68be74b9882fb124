"""The consumer's own Python: finding it, asking it, and running its tools as an active environment would."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy_gate import process
from deploy_gate.result import CouldNotTell

_TIMEOUT = 30.0
_POETRY_NAMES = ("POETRY_VIRTUALENVS_PATH", "POETRY_VIRTUALENVS_IN_PROJECT", "POETRY_CACHE_DIR", "POETRY_HOME")
# With -c the working directory comes first on the path, and a stray json.py of the workspace would be imported.
_NO_STRAYS = "import sys; sys.path[:] = [one for one in sys.path if one]\n"
_VERSIONS = """
import json, sys
from importlib import metadata
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""
_SCRIPTS = """
import json, os, sys, sysconfig
schemes = [sysconfig.get_path("scripts"), sysconfig.get_path("scripts", os.name + "_user")]
print(json.dumps([os.path.dirname(sys.executable), *schemes]))
"""


def find(given: str) -> Path:
    """The interpreter that has the consumer's packages; absolute, links not followed.

    `given` (a path, a folder of an environment, or a name on PATH) wins. Else the first of: the active environment
    (VIRTUAL_ENV), uv's (UV_PROJECT_ENVIRONMENT), `.venv`, `venv`, poetry's, `python3` on PATH. Never our own private
    one. CouldNotTell, with what was looked for, when there is none.
    """
    if given:
        return _named(given)
    looked: list[str] = []
    for what, candidate in _candidates():
        if candidate and _usable(candidate) and not _is_ours(candidate):
            return candidate
        looked.append(what)
    found = f"no Python of this project was found; looked for {', '.join(looked)}"
    raise CouldNotTell(found, "name it in the input `python`")


def _named(given: str) -> Path:
    path = Path.cwd() / given
    for candidate in (path / "bin" / "python", path):
        if _usable(candidate):
            return Path(os.path.normpath(candidate))
    if "/" not in given and (found := _on_path(given)):
        return found
    where = f"at {path}" if "/" in given else f"at {path}, nor on PATH"
    raise CouldNotTell(f"the interpreter '{given}' is not there: no program {where}", "correct the input `python`")


def _candidates() -> Iterator[tuple[str, Path | None]]:
    """What is looked for, in order, and where it would be; a generator, because asking poetry takes a second."""
    for name in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"):
        folder = os.environ.get(name, "")
        yield f"${name}", Path.cwd() / folder / "bin" / "python" if folder else None
    for folder in (".venv", "venv", "env"):
        yield folder, Path.cwd() / folder / "bin" / "python"
    yield "poetry's environment", _of_poetry()
    yield "python3 on PATH", _on_path("python3")


def _of_poetry() -> Path | None:
    program = _on_path("poetry")
    if program is None or not _is_poetry_project():
        return None
    fix = "run `poetry install`, or name the interpreter in the input `python`"
    done = process.run([program, "env", "info", "-p", "--no-ansi"], timeout=_TIMEOUT, pass_env=_POETRY_NAMES)
    lines = done.out.split("\n")
    if done.code or not lines[0].startswith("/"):
        raise CouldNotTell(f"poetry knows no environment of this project: {done.last_words(1)}", fix)
    return Path(lines[0].strip(), "bin", "python")


def _is_poetry_project() -> bool:
    try:
        text = Path("pyproject.toml").read_text(errors="replace")
    except OSError:
        return False
    return Path("poetry.lock").is_file() or re.search(r"^\s*\[tool\.poetry\b", text, re.MULTILINE) is not None


def _on_path(name: str) -> Path | None:
    # Relative entries do not count: they would mean a file of the workspace.
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        candidate = Path(folder, name)
        if candidate.is_absolute() and _usable(candidate) and not _is_ours(candidate):
            return candidate
    return None


def _usable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _is_ours(path: Path) -> bool:
    if sys.prefix == sys.base_prefix:
        return False
    return os.path.realpath(path.parent) == os.path.realpath(Path(sys.prefix, "bin"))


def environment(python: Path) -> dict[str, str]:
    """Variables as if the interpreter's environment were active, and no byte code written beside the sources."""
    home = python.parent.parent
    active = {"VIRTUAL_ENV": str(home)} if (home / "pyvenv.cfg").is_file() else {}
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])
    return {**active, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def ask(python: Path, code: str, *args: str, cwd: Path | None = None) -> object:
    """Run a few lines that print one JSON value, strays of the workspace kept off; CouldNotTell when that fails."""
    with tempfile.TemporaryDirectory(prefix="deploy-gate-") as nowhere:
        argv: list[str | Path] = [python, "-c", _NO_STRAYS + code, *args]
        done = process.run(argv, timeout=_TIMEOUT, cwd=cwd or Path(nowhere), env=environment(python), limit=1024 * 1024)
    try:
        answer: object = json.loads(done.out)
    except ValueError:
        found = f"{python} does not answer (exit code {done.code}): {done.last_words()}"
        raise CouldNotTell(found, "repair that environment, or name another in the input `python`") from None
    return answer


def versions(python: Path, *packages: str) -> dict[str, str]:
    """The versions of those packages that are installed there."""
    answer = ask(python, _VERSIONS, *packages)
    return {str(name): str(version) for name, version in answer.items()} if isinstance(answer, dict) else {}


def _pip(python: Path) -> str:
    """The system's own Python takes no packages (PEP 668): then an environment comes first."""
    if python.parent in (Path("/usr/bin"), Path("/bin")):
        return "python3 -m venv .venv && .venv/bin/pip"
    return f"{python} -m pip"


def required(python: Path, *packages: str) -> dict[str, str]:
    """The versions of packages that must all be there; CouldNotTell with the command that installs what is missing."""
    found = versions(python, *packages)
    missing = [one for one in packages if one not in found]
    if missing:
        fix = f"run `{_pip(python)} install {' '.join(missing)}`, or name the interpreter that has it in `python`"
        raise CouldNotTell(f"{' and '.join(missing)} not installed in the project's interpreter {python}", fix)
    return found


def script(python: Path, name: str) -> Path | None:
    """A program installed with that interpreter, or None."""
    folders = ask(python, _SCRIPTS)
    candidates = [Path(str(folder), name) for folder in folders] if isinstance(folders, list) else []
    return next((one for one in candidates if one.is_absolute() and _usable(one)), None)
