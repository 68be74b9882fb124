"""Ruff over the project's code with the project's configuration: lint findings and unformatted files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_gate import process
from deploy_gate.catalog import About
from deploy_gate.facts import files, linter
from deploy_gate.result import CouldNotTell, Evidence, Result, error, failed, one_line, passed
from deploy_gate.units import counted

# It prefers the ruff that the project installed, which is the project's code.
ABOUT = About(runs_code=True, timeout=120)
TIMEOUT = 3600.0  # the engine's own limit comes first
# Both are needed: with `fix-only = true` in the configuration, `--no-fix` alone still rewrites files.
_LOOK_ONLY = ("--no-fix", "--no-fix-only", "--no-cache", "--force-exclude")
_SETTINGS = {"pyproject.toml", "ruff.toml", ".ruff.toml"}
_FIX = "run `ruff check --fix` and `ruff format`, then mend by hand what is left"


@dataclass(frozen=True, slots=True)
class Facts:
    """What ruff said: its name, how many files it looked at, and its findings."""

    ruff: str
    files: int
    lint: list[Evidence]
    unformatted: list[Evidence] | None
    """None: the format was not looked at."""


def check(*, path: list[str], format: bool, python: str) -> Result:  # noqa: A002 - the input's name
    """Code is linted and formatted."""
    paths = files.existing(path)
    ruff = linter.get("ruff", python)
    lint = _lint(ruff.path, paths)
    unformatted = _unformatted(ruff.path, paths, lint) if format else None
    return judge(Facts(ruff.label, _looked_at(ruff.path, paths), lint, unformatted))


def judge(facts: Facts) -> Result:
    """Any finding fails; no file at all is no answer."""
    if not facts.files:
        return error(f"{facts.ruff} found no Python file", "correct `path`, or ruff's `include` and `exclude`")
    unformatted = facts.unformatted or []
    count = len(facts.lint) + len(unformatted)
    seen = f"{counted(facts.files, 'file')}, {facts.ruff}"
    if count:
        kinds = f"{len(facts.lint)} from lint, {len(unformatted)} unformatted; the limit is 0"
        evidence = [*facts.lint, *unformatted]
        return failed(
            f"{counted(count, 'finding')} in {seen}: {kinds}", _FIX, target=0, measured=count, evidence=evidence
        )
    what = "lint" if facts.unformatted is None else "lint and format"
    return passed(f"0 findings in {seen}, {what}; the limit is 0", target=0, measured=0)


def _lint(ruff: Path, paths: list[str]) -> list[Evidence]:
    done = _ruff([ruff, "check", *_LOOK_ONLY, "--output-format=json"], paths)
    entries = _entries(done.out) if done.code in (0, 1) else None
    if entries is None:
        raise _refused("check", done)
    return [_evidence(one) for one in entries]


def _looked_at(ruff: Path, paths: list[str]) -> int:
    done = _ruff([ruff, "check", *_LOOK_ONLY, "--show-files"], paths)
    if done.code:
        raise _refused("check --show-files", done)
    return sum(Path(line).name not in _SETTINGS for line in done.out.splitlines() if line)


def _unformatted(ruff: Path, paths: list[str], lint: list[Evidence]) -> list[Evidence]:
    """Files that `ruff format` would rewrite; one with a syntax error counts among the lint findings."""
    argv: list[str | Path] = [ruff, "format", "--check", "--no-cache", "--force-exclude"]
    done = _ruff([*argv, "--output-format=json"], paths)
    entries = _entries(done.out)
    if entries is None:
        # Older releases only print names.
        done = _ruff(argv, paths)
        start = "Would reformat: "
        names = [line.removeprefix(start) for line in done.out.splitlines() if line.startswith(start)]
        entries = [{"code": "unformatted", "filename": name, "message": "File would be reformatted"} for name in names]
    broken = any(one["rule"] in ("invalid-syntax", "E999") for one in lint)
    if done.code not in (0, 1) and not broken:
        raise _refused("format", done)
    found = {files.relative(one["filename"]): one for one in entries if one["code"] == "unformatted"}
    return [{**_evidence(one), "rule": "format"} for one in found.values()]


def _ruff(argv: list[str | Path], paths: list[str]) -> process.Finished:
    return process.run([*argv, "--", *paths], timeout=TIMEOUT)


def _entries(text: str) -> list[dict[str, Any]] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def _evidence(entry: dict[str, Any]) -> Evidence:
    place = entry.get("location") or {}
    return {
        "message": one_line(str(entry.get("message"))),
        "path": files.relative(str(entry.get("filename"))),
        "line": place.get("row", 1),
        "column": place.get("column", 1),
        "rule": entry.get("code") or "invalid-syntax",
    }


def _refused(what: str, done: process.Finished) -> CouldNotTell:
    words = one_line(done.err or done.out, 400) or "it printed nothing"
    fix = "mend ruff's configuration; run it by hand"
    return CouldNotTell(f"`ruff {what}` ended with exit code {done.code}: {words}", fix)
