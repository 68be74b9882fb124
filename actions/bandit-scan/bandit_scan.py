"""Bandit over the repository's Python files, with the project's configuration."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from deploy_gate import process
from deploy_gate.catalog import About
from deploy_gate.facts import files, linter
from deploy_gate.result import CouldNotTell, Evidence, Result, error, failed, one_line, passed
from deploy_gate.units import counted

# It prefers the bandit that the project installed, with its plugins, which is the project's code.
ABOUT = About(runs_code=True, timeout=300)
TIMEOUT = 3600.0  # the engine's own limit comes first
MAX_REPORT = 256 * 1024 * 1024
ARGUMENTS = 200_000
_RANK = {"UNDEFINED": 0, "LOW": 1, "MEDIUM": 2, "HIGH": 3}
_SECTION = re.compile(rb"^[ \t]*\[tool\.bandit\b", re.MULTILINE)
_INI = re.compile(rb"^[ \t]*\[bandit\]", re.MULTILINE)

Level = Literal["low", "medium", "high"]


@dataclass(slots=True)
class Facts:
    """What bandit said, over all its runs."""

    bandit: str
    lines: int = 0
    files: int = 0
    results: list[dict[str, Any]] = field(default_factory=list)
    unread: list[Evidence] = field(default_factory=list)


def check(*, path: list[str], severity: Level, confidence: Level, config: str, python: str) -> Result:
    """No known-dangerous construct."""
    sources = files.below(files.existing(path))
    if not sources:
        raise CouldNotTell(
            f"no Python file of the repository below {', '.join(path)}",
            "correct `path`; files that git ignores do not count",
        )
    bandit = linter.get("bandit", python)
    facts = Facts(bandit.label)
    settings = _settings(config)
    for batch in _batches(sources):
        _add(facts, _run([bandit.path, *settings], batch))
    return judge(facts, severity, confidence)


def judge(facts: Facts, severity: Level, confidence: Level) -> Result:
    """A finding at or above both levels fails; a file it could not read, or no code at all, is no answer."""
    limit = f"of {severity} severity or more, {confidence} confidence or more"
    bad = [_evidence(one) for one in facts.results if _reaches(one, severity, confidence)]
    seen = f"{counted(facts.lines, 'line')} in {counted(facts.files, 'file')}, {facts.bandit}"
    if bad:
        found = f"{counted(len(bad), 'finding')} {limit} in {seen}; the limit is 0"
        fix = "mend the listed lines, or mark a false alarm with `# nosec RULE` and the reason"
        return failed(found, fix, target=0, measured=len(bad), evidence=[*bad, *facts.unread])
    if facts.unread:
        first = facts.unread[0]
        found = f"bandit could not read {counted(len(facts.unread), 'file')}: {first['path']}: {first['message']}"
        return error(found, "mend their syntax, or leave them out in bandit's `exclude_dirs`", evidence=facts.unread)
    if not facts.lines:
        return error(f"bandit found no line of code ({seen})", "correct `path`, or bandit's `exclude_dirs`")
    below = f" ({len(facts.results)} below that)" if facts.results else ""
    return passed(f"0 findings {limit}{below} in {seen}; the limit is 0", target=0, measured=0)


def _reaches(one: dict[str, Any], severity: Level, confidence: Level) -> bool:
    enough = (("issue_severity", severity), ("issue_confidence", confidence))
    return all(_RANK.get(str(one.get(key)), 3) >= _RANK[level.upper()] for key, level in enough)


def _settings(config: str) -> list[str]:
    """Options that name the configuration: bandit looks for none by itself when it is given files."""
    if config:
        return ["-c", files.existing([config])[0]]
    options = []
    if _SECTION.search(_content("pyproject.toml")):
        options += ["-c", "pyproject.toml"]
    elif other := next((name for name in ("bandit.yaml", "bandit.yml") if Path(name).is_file()), ""):
        options += ["-c", other]
    if _INI.search(_content(".bandit")):
        options += ["--ini", ".bandit"]
    elif _content(".bandit") and not options:
        options += ["-c", ".bandit"]
    return options


def _content(name: str) -> bytes:
    try:
        with Path(name).open("rb") as stream:
            return stream.read(1024 * 1024)
    except OSError:
        return b""


def _batches(sources: list[str]) -> Iterator[list[str]]:
    """The files in groups that fit on a command line."""
    batch: list[str] = []
    size = 0
    for name in sources:
        # With ./ in front, exclusions are written as for `bandit -r .`.
        spelled = name if Path(name).is_absolute() else f"./{name}"
        if batch and size + len(spelled) > ARGUMENTS:
            yield batch
            batch, size = [], 0
        batch.append(spelled)
        size += len(os.fsencode(spelled)) + 1
    yield batch


def _run(command: list[str | Path], batch: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="deploy-gate-") as folder:
        report = Path(folder, "report.json")
        # Levels are named, because else those of an ini file would hide findings from us; so is the output file.
        argv = [*command, "-q", "-f", "json", "-o", report, "--severity-level", "low", "--confidence-level", "low"]
        done = process.run([*argv, "--", *batch], timeout=TIMEOUT)
        try:
            with report.open("rb") as stream:
                found = json.loads(stream.read(MAX_REPORT))
        except (OSError, ValueError):
            found = None
    if done.code not in (0, 1) or not isinstance(found, dict):
        words = one_line(done.err or done.out, 400) or "it printed nothing"
        fix = "mend bandit's configuration; run it by hand"
        raise CouldNotTell(f"bandit ended with exit code {done.code} and no report: {words}", fix)
    return found


def _add(facts: Facts, report: dict[str, Any]) -> None:
    metrics = report.get("metrics", {})
    facts.lines += int(metrics.get("_totals", {}).get("loc", 0))
    facts.files += sum(name != "_totals" for name in metrics)
    facts.results += report.get("results", [])
    facts.unread += [
        {"message": str(one.get("reason")), "path": files.relative(str(one.get("filename"))), "rule": "unread"}
        for one in report.get("errors", [])
    ]


def _evidence(one: dict[str, Any]) -> Evidence:
    levels = f"severity {one.get('issue_severity')}, confidence {one.get('issue_confidence')}".lower()
    return {
        "message": one_line(f"{one.get('issue_text')} ({levels})"),
        "path": files.relative(str(one.get("filename"))),
        "line": int(one.get("line_number") or 1),
        "column": int(one.get("col_offset") or 0) + 1,
        "rule": str(one.get("test_id")),
    }
