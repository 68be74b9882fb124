"""From statuses to one word."""

from __future__ import annotations

from datetime import date

import pytest

from deploy_gate.checklist.model import Waiver
from deploy_gate.engine.verdict import Judged, Word, decide, waive
from deploy_gate.result import Result, Severity, Status

TODAY = date(2027, 1, 31)


def item(name: str, status: Status, severity: Severity = Severity.BLOCK, decides: bool = True) -> Judged:
    return Judged(name, severity, Result.of(status, f"{name} found"), decides)


@pytest.mark.parametrize(
    ("statuses", "word", "decided"),
    [
        ("passed passed", "go", None),
        ("passed warned attested waived skipped", "go", None),
        ("passed failed", "no-go", "1"),
        ("error failed pending", "no-go", "1"),
        ("passed error", "could-not-tell", "1"),
        ("pending passed", "could-not-tell", "0"),
        ("skipped", "go", None),
        ("", "could-not-tell", None),
    ],
)
def test_blocking_items(statuses: str, word: str, decided: str | None) -> None:
    items = [item(str(place), Status(status)) for place, status in enumerate(statuses.split())]
    found = decide(items)
    assert (found.word, found.decided_by) == (word, decided)


@pytest.mark.parametrize("severity", [Severity.WARN, Severity.INFO])
@pytest.mark.parametrize("status", [Status.FAILED, Status.ERROR, Status.PENDING])
def test_a_soft_item_never_decides(severity: Severity, status: Status) -> None:
    assert decide([item("a", status, severity), item("b", Status.PASSED)]).word is Word.GO


def test_lines_that_nobody_looks_at_never_decide_and_are_never_enough() -> None:
    later = item("later", Status.PENDING, decides=False)
    assert decide([later, item("a", Status.PASSED)]).word is Word.GO
    assert decide([later]).word is Word.COULD_NOT_TELL
    assert decide([later], may_be_empty=True).word is Word.GO


def test_the_reason_names_item_value_and_how_many_more() -> None:
    found = decide([item("a", Status.FAILED), item("b", Status.FAILED)])
    assert found.why == "a failed: a found (and 1 more)"


@pytest.mark.parametrize(
    ("status", "until", "then"),
    [
        (Status.FAILED, date(2027, 1, 31), Status.WAIVED),
        (Status.ERROR, date(2027, 2, 1), Status.WAIVED),
        (Status.PENDING, date(2027, 2, 1), Status.WAIVED),
        (Status.FAILED, date(2027, 1, 30), Status.FAILED),
        (Status.ERROR, date(2027, 1, 30), Status.FAILED),
        (Status.PASSED, date(2027, 1, 30), Status.PASSED),
        (Status.PASSED, date(2027, 2, 1), Status.PASSED),
        (Status.SKIPPED, date(2027, 2, 1), Status.SKIPPED),
    ],
)
def test_waivers_end(status: Status, until: date, then: Status) -> None:
    waiver = Waiver(why="cold cache", by="a.name", until=until.isoformat())  # type: ignore[arg-type]
    found = waive(Result.of(status, "p95 is 501 ms, the limit is 500 ms"), waiver, TODAY)
    assert found.status is then
    assert "501 ms" in found.found
    if then is Status.WAIVED:
        assert found.found.startswith(f"waived by a.name, until {until}: cold cache; ")
    if then is Status.FAILED:
        assert "the waiver by a.name ended on 2027-01-30" in found.found
        assert found.fix
