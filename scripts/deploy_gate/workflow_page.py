"""The page of the reusable workflows, written from their YAML: what each is for, takes, hands back and is granted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy_gate import yamlfile
from deploy_gate.tables import table

_LEVELS = ("none", "read", "write")
_HEAD = """<!-- written by `python3 scripts docs` -->

# Reusable workflows

Each is called by a job of yours: `uses: tsh/deploy-gate/.github/workflows/NAME.yml@v1`, with `permissions:` as its
chapter says, since a called workflow can only have less than the job that calls it. `init` writes the callers. Which
check to require, and what the secrets are for, stands in [required-checks.md](required-checks.md).
"""


def page(folder: Path) -> str:
    """The whole page, from the workflows of a folder that other repositories can call."""
    return _HEAD + "".join(_chapter(path) for path in sorted(folder.glob("*.yml")) if is_reusable(path))


def is_reusable(path: Path) -> bool:
    """Whether it can be called."""
    return "workflow_call" in yamlfile.read(path).data["on"]


def granted(jobs: dict[str, Any]) -> dict[str, str]:
    """What a caller must grant: of each scope the most that any job of it has."""
    found: dict[str, str] = {}
    for job in jobs.values():
        for scope, level in job["permissions"].items():
            found[scope] = max(level, found.get(scope, "none"), key=_LEVELS.index)
    return found


def _chapter(path: Path) -> str:
    data = yamlfile.read(path).data
    call = data["on"]["workflow_call"]
    parts = [
        f"\n## {path.stem}\n",
        _said(path),
        f"Grant: {_scopes(granted(data['jobs']))}. Jobs: {', '.join(f'`{name}`' for name in data['jobs'])}.",
        _table(("input", "meaning", "default"), _inputs(call.get("inputs", {}))),
        _table(("secret", "meaning", "needed"), _secrets(call.get("secrets", {}))),
        _table(("output", "meaning"), [(name, one["description"]) for name, one in call.get("outputs", {}).items()]),
    ]
    return "\n".join(f"{part}\n" if part else "" for part in parts).replace("\n\n\n", "\n\n")


def _said(path: Path) -> str:
    """The comment at its head."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = [line.removeprefix("#").strip() for line in lines[: lines.index(f"name: {path.stem}")]]
    return "\n".join(head)


def _scopes(found: dict[str, str]) -> str:
    return ", ".join(f"`{scope}: {level}`" for scope, level in found.items()) or "nothing"


def _inputs(inputs: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (name, one["description"], "**required**" if one.get("required") else _default(one.get("default", "")))
        for name, one in inputs.items()
    ]


def _default(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if text else "–"


def _secrets(secrets: dict[str, Any]) -> list[tuple[str, ...]]:
    return [(name, one["description"], "yes" if one.get("required") else "–") for name, one in secrets.items()]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return table(head, [(f"`{name}`", *rest) for name, *rest in rows]) if rows else ""
