"""What readers get: nothing from outside is more than text, nothing is silently missing."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import cmarkgfm
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_gate.checklist.loading import Source
from deploy_gate.checklist.model import Checklist, Phase
from deploy_gate.engine.entry import Entry, State
from deploy_gate.engine.gate import Report, Row
from deploy_gate.engine.plan import Plan
from deploy_gate.engine.verdict import Judged, decide
from deploy_gate.report import junit, machine, markdown, notes, page, sarif, terminal, view, write
from deploy_gate.result import CouldNotTell, Result, Severity, Status, one_line

HOSTILE = "<script>alert(1)</script> | a `b` [x](javascript:1) *b* @admin #1 https://evil.example $x$ ```\n::error::x\x1b[31m\u202e"


def report(
    *items: tuple[str, Status, Severity, list[dict[str, Any]]], title: str = "A line", why: str = "found"
) -> Report:
    """A report of made-up rows, two sections."""
    sections = {name: {"part": "Part", "title": name.title()} for name in ("first", "second")}
    lines = {
        name: {
            "section": "first" if place % 2 == 0 else "second",
            "title": title,
            "check": "made-up",
            "phases": ["verify"],
        }
        for place, (name, *_) in enumerate(items)
    }
    checklist = Checklist.model_validate({"version": 1, "sections": sections, "items": lines})
    source = Source(checklist, {}, "0" * 64, "", trial=False)
    rows = []
    for name, status, severity, evidence in items:
        entry = Entry(name, checklist.items[name], title, State.RUN, severity=severity)
        rows.append(Row(entry, Judged(name, severity, Result.of(status, why, "do it", evidence=evidence, seconds=0.1))))
    plan = Plan(source, Phase.VERIFY, "production", False, [row.entry for row in rows], 0)
    return Report(plan, rows, decide([row.judged for row in rows]), "a" * 40, datetime.now(UTC), 1.5, ["a note"])


def one(status: Status, severity: Severity = Severity.BLOCK, count: int = 0, name: str = "it") -> Any:
    return (name, status, severity, [{"path": f"a/{n}.py", "line": n + 1, "message": f"m{n}"} for n in range(count)])


class Text(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(text: str) -> Text:
    return Text(cmarkgfm.github_flavored_markdown_to_html(text))


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
def test_escaped_text_renders_as_itself(text: str) -> None:
    page = rendered(markdown.escape(text))
    assert set(page.tags) <= {"p"}
    assert page.text.split() == text.split()


@given(st.text(max_size=60))
def test_escaped_text_stays_in_its_cell(text: str) -> None:
    page = rendered(f"| a | b |\n|---|---|\n| {markdown.escape(text)} | end |\n")
    assert page.tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
    assert page.text.rstrip().endswith("end")


def test_hostile_texts_are_only_text_everywhere() -> None:
    evidence = [{"message": HOSTILE, "path": "a\nb.py", "line": 3, "rule": HOSTILE}]
    found = report(("it", Status.FAILED, Severity.BLOCK, evidence), title=one_line(HOSTILE), why=HOSTILE)
    summary = rendered(markdown.summary(found))
    assert not {"script", "a", "em"} & set(summary.tags)
    shown = Text(page.document(found))
    assert "script" not in shown.tags
    assert "<script>alert(1)" in shown.text
    for line in terminal.table(found, colours=False):
        assert "\x1b" not in line
        assert not line.lstrip().startswith("::")
    ET.fromstring(junit.document(found))


def test_the_deciding_item_comes_first_and_whole_sections_fold() -> None:
    found = report(one(Status.PASSED, name="fine"), one(Status.ERROR, name="lost"), one(Status.PASSED, name="good"))
    text = markdown.summary(found)
    assert text.splitlines()[0] == "## ❓ Could not tell · verify · production"
    assert text.index("`lost`") < text.index("<details>")
    assert "<details><summary>Part · First: 2 passed</summary>" in text
    assert "<details open><summary>Part · Second: 1 error</summary>" in text


def test_a_summary_is_cut_honestly() -> None:
    items = [one(Status.FAILED, name=f"item-{n}", count=20) for n in range(300)]
    found = report(*items, why="x" * 500)
    whole = markdown.summary(found)
    assert len(whole.encode()) <= markdown.LIMIT
    small = markdown.summary(found, 60_000)
    assert len(small.encode()) <= 60_000
    shown = small.count("| ❌ failed |")
    assert 0 < shown < 300
    assert f"**{300 - shown} lines are not shown" in small.split("<details")[0], "where the eye begins"
    assert small.count("<details") == small.count("</details>")


def test_ten_annotations_of_a_kind_the_worst_first_the_rest_counted() -> None:
    soft = one(Status.FAILED, Severity.WARN, 30, "soft")
    found = notes.bounded(report(soft, one(Status.ERROR, name="lost"), one(Status.FAILED, count=30, name="bad")))
    kinds = [note.kind for note in found]
    assert kinds == ["error"] * 10 + ["warning"] * 10
    assert found[0].message.startswith("failed: found")
    assert (found[0].path, found[0].line) == ("a/0.py", 1)
    assert found[1].message.startswith("error: found")
    assert found[9].message == "23 more findings of this kind are in the job summary and in report.json"


def test_no_more_than_there_is_to_say() -> None:
    assert [note.kind for note in notes.bounded(report(one(Status.FAILED, count=1)))] == ["error"]
    assert notes.bounded(report(one(Status.PASSED), one(Status.SKIPPED, name="b"))) == []


def test_report_json_keeps_to_its_schema() -> None:
    everything = [one(status, name=f"s-{status}", count=2) for status in Status]
    document = machine.document(report(*everything))
    jsonschema.validate(json.loads(json.dumps(document)), machine.schema(), format_checker=jsonschema.FormatChecker())
    assert document["verdict"] == "no-go"
    assert document["decided_by"] == "s-failed"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document | {"more": 1}, machine.schema())


def test_junit_counts() -> None:
    root = ET.fromstring(junit.document(report(*[one(status, name=f"s-{status}") for status in Status])))
    assert sum(int(suite.get("failures", "")) for suite in root) == 1
    assert sum(int(suite.get("errors", "")) for suite in root) == 2
    assert sum(int(suite.get("skipped", "")) for suite in root) == 2
    assert sum(int(suite.get("tests", "")) for suite in root) == len(Status)


def test_sarif_holds_what_has_a_place() -> None:
    document = sarif.document(
        report(one(Status.FAILED, count=3), one(Status.WARNED, count=1, name="b"), one(Status.ERROR, name="c"))
    )
    results = document["runs"][0]["results"]
    assert [result["level"] for result in results] == ["error"] * 3 + ["warning"]
    assert results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a/0.py"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CouldNotTell, match="the report cannot be written"):
        write.folder(report(one(Status.PASSED)), tmp_path / "file" / "report")


def test_the_folder_holds_every_form(tmp_path: Path) -> None:
    write.folder(report(one(Status.PASSED)), tmp_path / "r")
    assert {path.name for path in (tmp_path / "r").iterdir()} == set(write.FILES)


def test_counts_tell_unbuilt_lines_apart() -> None:
    assert view.counted(report(one(Status.PENDING), one(Status.PASSED, name="b")).rows) == "1 passed, 1 pending"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_live_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    progress = terminal.Progress(2, stream)
    progress("lint", None)
    progress("types", None)
    progress("lint", Result.of(Status.PASSED, "fine"))
    progress.clear()
    frames = stream.getvalue().split("\r\x1b[2K")
    assert "0/2 done, running: lint, types" in frames
    assert "1/2 done, running: types" in frames
    assert frames[-1] == ""


def test_progress_in_a_log_is_a_line_an_item(capsys: pytest.CaptureFixture[str]) -> None:
    progress = terminal.Progress(1, io.StringIO())
    progress("lint", None)
    progress("lint", Result.of(Status.FAILED, "3 findings", seconds=1.25))
    assert capsys.readouterr().err == "failed lint (1.2 s)\n"
