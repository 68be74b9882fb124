"""What a test run did, read from the JUnit XML file that it wrote."""

from __future__ import annotations

import re

# What is read is bounded, and refused when it declares entities: see `read`.
import xml.etree.ElementTree as ET  # nosec B405
from dataclasses import dataclass
from pathlib import Path

from deploy_gate.facts import files
from deploy_gate.result import Evidence, one_line

MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Testcases:
    """Counts of one run; `bad` lists each test that failed or could not be run, with its place and reason."""

    passed: int
    skipped: int
    bad: tuple[Evidence, ...] = ()

    @property
    def ran(self) -> int:
        """Tests that came to an end, good or bad."""
        return self.passed + len(self.bad)


def read(path: Path) -> Testcases | None:
    """The run a JUnit XML file tells of (family `xunit1`, which has files and lines); None when it is not one."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        # Bounded, and without entities, which could make a small file huge; pytest writes none.
        if len(raw) > MAX_BYTES or b"<!DOCTYPE" in raw[:4096] or b"<!ENTITY" in raw:
            return None
        root = ET.fromstring(raw)  # noqa: S314 # nosec B314
    except (OSError, ET.ParseError):
        return None
    return _count(list(root.iter("testcase")))


def _count(cases: list[ET.Element]) -> Testcases:
    passed = skipped = 0
    bad: list[Evidence] = []
    for case in cases:
        reasons = [child for child in case if child.tag in ("failure", "error")]
        if reasons:
            bad.append(_evidence(case, reasons[0]))
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return Testcases(passed, skipped, tuple(bad))


def _evidence(case: ET.Element, reason: ET.Element) -> Evidence:
    text = reason.text or ""
    path = _place(case.get("file", ""))
    name = ".".join(part for part in (case.get("classname", ""), case.get("name", "")) if part)
    message = (reason.get("message") or "").strip() or reason.tag
    if message == "collection failure":
        message = _last_error(text) or message
    found = {"message": one_line(f"{name}: {message.splitlines()[0]}"), "rule": "test"}
    return {**found, "path": path, "line": _line(case, text)} if path else found


def _last_error(text: str) -> str:
    # pytest marks the lines of the exception with an E.
    marked = [line[1:].strip() for line in text.splitlines() if line.startswith("E  ")]
    return marked[0] if marked else ""


def _line(case: ET.Element, text: str) -> int:
    """Where in the test's own file it broke, else where the test starts (given 0-based)."""
    frames = re.findall(rf"^{re.escape(case.get('file', ''))}:(\d{{1,9}}): ", text, re.MULTILINE)
    start = case.get("line", "")
    return int(frames[-1]) if frames else int(start) + 1 if start.isascii() and start.isdigit() else 1


def _place(name: str) -> str:
    """The file relative to the working directory; pytest tells it relative to its root, which may lie above."""
    parts = Path(name).parts
    for skip in range(len(parts)):
        candidate = Path(*parts[skip:])
        if candidate.is_file():
            return files.relative(str(candidate))
    return ""
