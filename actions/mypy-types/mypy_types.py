"""mypy in the project's own interpreter, with the project's configuration."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy_gate import process
from deploy_gate.catalog import About
from deploy_gate.facts import files, interpreter
from deploy_gate.result import CouldNotTell, Evidence, Result, error, failed, one_line, passed
from deploy_gate.units import counted

ABOUT = About(runs_code=True, timeout=600)
TIMEOUT = 3600.0  # the engine's own limit comes first
# These shape what is printed and keep it from installing or writing anything; none changes what counts as an error.
_SHAPE = ("--no-pretty", "--show-column-numbers", "--show-error-codes", "--hide-error-context", "--hide-absolute-path")
_SHAPE_TOO = ("--no-color-output", "--error-summary", "--no-install-types", "--interactive", "--cache-dir=/dev/null")
_PLACE = r"(?P<path>[^:\n]+|.+?\.pyi?)(?::(?P<line>\d+))?(?::(?P<column>\d+))?(?::\d+:\d+)?"
_ERROR = re.compile(_PLACE + r": error: (?P<message>.*)")
_CONFIGURATION = re.compile(r"^\S*(?:pyproject\.toml|mypy\.ini|setup\.cfg|\.mypy\.ini): .*$", re.MULTILINE)
_RULE = re.compile(r"(?P<message>.*?)  \[(?P<rule>[a-z0-9-]+)\]")
_CHECKED = re.compile(r"(?:checked |no issues found in )(\d+) source files?")
_NO_TARGET = "Missing target module, package, files, or command"


@dataclass(frozen=True, slots=True)
class Facts:
    """What mypy said: its version, exit code, files checked, errors, and last words for when it broke off."""

    version: str
    code: int
    files: int
    errors: list[Evidence]
    words: str
    ignored: str = ""
    """What mypy says of its own configuration: it goes on without the part it cannot read."""


def check(*, path: list[str], python: str) -> Result:
    """Types are right."""
    paths = files.existing(path)
    if odd := next((one for one in files.below(path or ["."]) if "@" in Path(one).name), ""):
        raise CouldNotTell(f"mypy 2 says nothing about a file with @ in its name: {odd}", "rename the file")
    program = interpreter.find(python)
    version = interpreter.required(program, "mypy")["mypy"]
    done = _mypy(program, paths)
    if not paths and _NO_TARGET in done.err:
        done = _mypy(program, ["."])
    return judge(read(version, done))


def judge(facts: Facts) -> Result:
    """Any error fails, a syntax error too; whatever else made mypy break off is no answer."""
    name = f"mypy {facts.version}"
    if facts.ignored:
        return error(f"{name} ignored a part of its configuration: {facts.ignored}", "mend that line, or take it out")
    syntax = bool(facts.errors) and all(one.get("rule") == "syntax" for one in facts.errors)
    if facts.code not in (0, 1) and not syntax:
        fix = "run mypy by hand in that interpreter, and mend its configuration or what it stumbles over"
        if "Duplicate module named" in facts.words:
            fix = "set `path`, such as `src`, or `explicit_package_bases = true` in mypy's configuration"
        return error(f"{name} broke off with exit code {facts.code}: {facts.words}", fix, evidence=facts.errors)
    if facts.errors:
        count = len(facts.errors)
        scope = "a syntax error stopped it" if syntax else f"{counted(facts.files, 'file')} checked"
        found = f"{counted(count, 'error')} by {name} ({scope}); the limit is 0"
        return failed(found, "mend the listed lines", target=0, measured=count, evidence=facts.errors)
    if facts.code or not facts.files:
        fix = "correct `path`, or `files` in mypy's configuration"
        return error(f"{name} checked {facts.files} files: {facts.words}", fix)
    return passed(f"0 errors in {counted(facts.files, 'file')}, {name}; the limit is 0", target=0, measured=0)


def read(version: str, done: process.Finished) -> Facts:
    """The facts in mypy's printed lines."""
    checked = _CHECKED.search(done.out)
    errors = [_evidence(match) for line in done.out.split("\n") if (match := _ERROR.fullmatch(line))]
    words = one_line(f"{done.err} {done.out}", 300) or "it printed nothing"
    ignored = _CONFIGURATION.search(done.err)
    count = int(checked[1]) if checked else 0
    return Facts(version, done.code, count, errors, words, one_line(ignored[0]) if ignored else "")


def _mypy(python: Path, paths: list[str]) -> process.Finished:
    with tempfile.TemporaryDirectory(prefix="deploy-gate-") as folder:
        # Else a `junit_xml` of the configuration would be written into the workspace.
        argv: list[str | Path] = [python, "-m", "mypy", *_SHAPE, *_SHAPE_TOO, f"--junit-xml={folder}/junit.xml"]
        argv += ["--", *paths] if paths else []
        done = process.run(argv, timeout=TIMEOUT, env=interpreter.environment(python))
    if done.code < 0:
        raise CouldNotTell(f"mypy was ended by signal {-done.code}", "look for a lack of memory, then run it again")
    return done


def _evidence(match: re.Match[str]) -> Evidence:
    rule = _RULE.fullmatch(match["message"])
    found: dict[str, str | int | float | bool | None] = {
        "message": one_line(rule["message"] if rule else match["message"]),
        "path": files.relative(match["path"]),
        "line": int(match["line"] or 1),
        "rule": rule["rule"] if rule else "error",
    }
    if match["column"]:
        found["column"] = int(match["column"])
    return found
