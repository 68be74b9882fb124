"""What people read: the table, the review, and the command at a prompt."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from deployments import END, TARGETS, entry
from support import ROOT

from deploy_gate.commands import ledger_command
from deploy_gate.ledger import chain, reading, review
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.entry import Entry, Outcome, Times

WINDOW = timedelta(days=28)


def text(*entries: Entry) -> str:
    return review.text(entries, "production", until=END, window=WINDOW, targets=TARGETS)


def test_a_failure_is_told_as_far_as_the_ledger_knows() -> None:
    bad = entry(2, "b", Outcome.FELL_BACK, subject="feat: prices | <b>", times=Times(300, 20, 1, 0.5))
    bad = replace(bad, decided_by="errors", why="6.1 % of 2,000 failed", actor="ada", author="Grace")
    bad = replace(bad, run_url="https://github.example/acme/shop/actions/runs/1")
    told = text(entry(3, "a"), bad, entry(1, "c"))
    assert "bbbbbbbbbbbb fell back" in told
    assert "Decided by: errors; " in told
    assert "detect 20 s, decide 1 s, restore 500 ms" in told
    assert "- [ ] Which line would have?" in told
    assert "errors decided 1 failure" in told
    assert "<b>" not in told
    assert "- Run: <https://github.example/acme/shop/actions/runs/1>" in told
    assert "Run" not in text(replace(bad, run_url="https://x.example/><img src=x>"))


def test_good_times_and_none() -> None:
    assert "None of 2 deployments failed." in text(entry(3, "a"), entry(2, "b"))
    assert "Nothing was deployed in this time." in text()


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A file with two deployments."""
    head, path = Head(), tmp_path / "ledger.jsonl"
    for number, release in enumerate("ab"):
        line, head = chain.line(entry(2 - number, release).as_json(), head)
        path.write_bytes((path.read_bytes() if path.exists() else b"") + line)
    return path


def test_verify(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger_command.run(["verify", "--file", str(ledger)]) == 0
    head = capsys.readouterr().out.splitlines()[-1]
    assert ledger_command.run(["verify", "--file", str(ledger), "--known", head]) == 0
    ledger.write_bytes(ledger.read_bytes().replace(b"aaaa", b"cccc", 1))
    assert ledger_command.run(["metrics", "--file", str(ledger)]) == 1
    assert "line 2 does not follow from the line before it" in capsys.readouterr().out


def test_at_a_prompt(ledger: Path) -> None:
    for words, said in ((["show"], "deployed"), (["metrics", "--window", "5200w"], "Success rate | 100.0% | ")):
        command = [sys.executable, str(ROOT / "scripts"), "ledger", *words, "--file", str(ledger)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert said in done.stdout
    wrong = [sys.executable, str(ROOT / "scripts"), "ledger", "verifi", "--file", str(ledger)]
    done = subprocess.run(wrong, capture_output=True, text=True, check=False)
    assert (done.returncode, "verify" in done.stderr + done.stdout) == (2, True)


@pytest.mark.parametrize(
    "odd",
    [
        {"subject": 5},
        {"times": {"total": "abc"}},
        {"times": {"total": -1}},
        {"waivers": ["x"]},
        {"run_url": None},
        {"outcome": "great"},
        {"release": "main"},
        {"ended": "2026-13-40T00:00:00Z"},
    ],
)
def test_a_line_of_another_shape_breaks_nothing(odd: dict[str, object]) -> None:
    good = entry(1, "a").as_json()
    lines = b"".join(chain.line({**good, **more}, Head())[0] for more in ({}, odd))
    ledger = reading.read(lines)
    assert (len(ledger.entries), ledger.unread) == (1, 1)


def test_what_a_newer_version_adds_is_left_alone() -> None:
    line, _ = chain.line({**entry(1, "a").as_json(), "new": 1, "times": {"total": 1, "more": 2}}, Head())
    assert len(reading.read(line).entries) == 1
