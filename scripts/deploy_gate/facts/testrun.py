"""How the project's pytest is started: what it measures, and where it writes. Nothing may land in the workspace."""

from __future__ import annotations

import re
from pathlib import Path

from deploy_gate.facts import interpreter

_SETTINGS = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_OWN_SOURCE = re.compile(r"--cov[\"',\s=]+[^-\"',\s=\]]")
_KINDS = "html|xml|lcov|annotate|markdown-append|markdown"
_OWN_REPORT = re.compile(rf"--cov-report[\"',\s=]+({_KINDS})\b")
_COMMENT = re.compile(r"^[ \t]*[#;].*$", re.MULTILINE)
_HAS_SOURCE = """
import json, coverage
settings = coverage.Coverage(data_file=None)
print(json.dumps(any(settings.get_option("run:" + name) for name in ("source", "source_pkgs", "include"))))
"""


def outputs(folder: Path, *, measures: bool) -> list[str]:
    """Options that say what pytest writes (`junit.xml`, and `coverage.json` if it measures) into `folder`."""
    shape = ["--tb=short", "--show-capture=no", "--color=no", "-o", f"cache_dir={folder}/cache"]
    junit = [f"--junitxml={folder}/junit.xml", "-o", "junit_family=xunit1", "-o", "junit_logging=no"]
    if not measures:
        return [*shape, *junit]
    # A report that the project's own options ask for is written aside, not into the workspace.
    own = {kind for name in _SETTINGS for kind in _OWN_REPORT.findall(_text(name))}
    aside = [f"--cov-report={kind}:{folder}/{kind}" for kind in sorted(own)]
    return [*shape, *junit, "--cov-report=", f"--cov-report=json:{folder}/coverage.json", *aside]


def environment(python: Path, folder: Path) -> dict[str, str]:
    """Variables that make the environment active and keep data files in `folder`."""
    kept = {"COVERAGE_FILE": f"{folder}/.coverage", "HYPOTHESIS_STORAGE_DIRECTORY": f"{folder}/hypothesis"}
    return {**interpreter.environment(python), **kept}


def targets(python: Path, source: list[str]) -> list[str]:
    """Options that say what to measure.

    `source` wins, else what the project says in pytest's options or coverage's settings, else all below here.
    """
    if source:
        return [f"--cov={one}" for one in source]
    if any(_OWN_SOURCE.search(_text(name)) for name in _SETTINGS):
        return []
    return ["--cov"] if interpreter.ask(python, _HAS_SOURCE, cwd=Path.cwd()) is True else ["--cov=."]


def _text(name: str) -> str:
    try:
        with Path(name).open("rb") as stream:
            return _COMMENT.sub("", stream.read(1024 * 1024).decode(errors="replace"))
    except OSError:
        return ""
