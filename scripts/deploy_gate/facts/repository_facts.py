"""What a repository looks like from outside, for `init`: its branch, its tools, its tests, its way to install."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy_gate.facts import git, repository_parts
from deploy_gate.units import counted


@dataclass(slots=True)
class Facts:
    """What was found, and what follows for the checklist."""

    branch: str
    install: list[str]
    name: str = "app"
    """What the application is called, for a path on its server."""
    repository: str = ""
    """Owner and name on GitHub; empty where nothing names them."""
    seen: list[str] = field(default_factory=list)
    not_applicable: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)


def look(root: Path) -> Facts:
    """Look at the repository below `root`; reads a handful of files, runs nothing of it."""
    facts = Facts(_branch(), _install(root), _name(root), github_name())
    project = _pyproject(root)
    _python(root, project, facts)
    _tests(root, project, facts)
    _migrations(root, project, facts)
    _parts(root, facts)
    if critical := _critical():
        facts.inputs["no-todo"] = {"paths": critical}
    else:
        facts.not_applicable["no-todo"] = "no path is declared critical yet; name yours: with: {paths: [app/orders]}"
    if not (root / "CHANGELOG.md").exists():
        facts.not_applicable["changelog"] = "no CHANGELOG.md yet; remove this line once there is one"
    return facts


def _name(root: Path) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", root.resolve().name.lower()).strip("-") or "app"


def origin() -> str:
    """The address of the remote `origin`; empty where there is none."""
    return git.git("remote", "get-url", "origin").out.strip()


def github_name() -> str:
    """`owner/name` on GitHub, as the run or else the remote `origin` says; empty where neither names one."""
    url = os.environ.get("GITHUB_REPOSITORY") or origin()
    path = urlsplit(url).path if "://" in url else url.rpartition(":")[2]
    match = re.fullmatch(r"/?([A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}?)(\.git)?/?", path)
    return match[1] if match else ""


def _branch() -> str:
    done = git.git("symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    remote = done.out.strip().removeprefix("origin/") if done.code == 0 else ""
    local = git.git("symbolic-ref", "--short", "HEAD")
    return remote or (local.out.strip() if local.code == 0 else "") or "main"


def _pyproject(root: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _install(root: Path) -> list[str]:
    """The usual commands of whatever the project is managed with."""
    if (root / "uv.lock").exists():
        return ["pipx install uv", "uv sync --locked"]
    if (root / "poetry.lock").exists():
        return ["pipx install poetry", "poetry config virtualenvs.in-project true", "poetry install"]
    files = ("requirements-dev.txt", "requirements/dev.txt", "dev-requirements.txt", "requirements.txt")
    found = next((name for name in files if (root / name).exists()), None)
    what = f"-r {found}" if found else "-e ." if (root / "pyproject.toml").exists() else "mypy pytest pytest-cov"
    return ["python3 -m venv .venv", f".venv/bin/pip install {what}"]


def _critical() -> list[str]:
    """Folders whose names sound like money or identity: a first guess, for the owner to correct."""
    telling = re.compile(r"(order|payment|billing|checkout|auth|login|account)", re.IGNORECASE)
    names = git.present(["."]) or []
    folders = {str(parent) for name in names for parent in Path(name).parents if telling.search(parent.name)}
    return sorted(one for one in folders if not one.startswith("tests"))[:5]


def _python(root: Path, project: dict[str, Any], facts: Facts) -> None:
    names = git.present(["."]) or [str(path) for path in root.rglob("*.py")][:1000]
    count = sum(name.endswith(".py") for name in names)
    facts.seen.append(counted(count, "Python file"))
    if not count:
        for item in ("lint", "types", "security-scan", "unit-tests", "integration-tests"):
            facts.not_applicable[item] = "no Python in this repository"
    elif "mypy" not in project.get("tool", {}) and not (root / "mypy.ini").exists():
        facts.not_applicable["types"] = "mypy is not configured yet; remove this line once it is"


def _parts(root: Path, facts: Facts) -> None:
    """Containers, the web application and workflows."""
    listed = git.present(["."])
    names = listed or [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()][:5000]
    for inputs, away, seen in (repository_parts.containers(names), repository_parts.application(names)):
        facts.inputs |= inputs
        facts.not_applicable |= away
        facts.seen += seen
    facts.seen += repository_parts.workflows(names)


_ALEMBIC = ("migrations-documented", "migrations-staged", "migrations-reversible", "rollback-migration")


def _migrations(root: Path, project: dict[str, Any], facts: Facts) -> None:
    """Where Alembic's configuration is, when it is not where the checks look first."""
    if (root / "alembic.ini").exists() or "alembic" in project.get("tool", {}):
        return
    names = git.present(["."]) or [path.relative_to(root).as_posix() for path in root.rglob("alembic.ini")][:10]
    found = [name for name in names if name.rpartition("/")[2] == "alembic.ini"]
    if len(found) == 1:
        facts.inputs |= {item: {"config": found[0]} for item in _ALEMBIC if item != "migrations-reversible"}
    elif not found:
        why = "no Alembic migrations in this repository; remove this line once there are"
        facts.not_applicable |= dict.fromkeys(_ALEMBIC, why)


def _tests(root: Path, project: dict[str, Any], facts: Facts) -> None:
    if "unit-tests" in facts.not_applicable:
        return
    markers = project.get("tool", {}).get("pytest", {}).get("ini_options", {}).get("markers", [])
    if not any(str(marker).startswith("integration") for marker in markers):
        if (root / "tests" / "integration").is_dir():
            facts.inputs["unit-tests"] = {"marker": "", "args": ["--ignore=tests/integration"]}
            facts.inputs["integration-tests"] = {"marker": "", "path": "tests/integration"}
        else:
            facts.not_applicable["integration-tests"] = "no integration tests yet; remove this line once there are"
    facts.seen.append("tests" if (root / "tests").is_dir() else "no tests folder")
