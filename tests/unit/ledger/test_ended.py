"""What was held, or cut off, and how it ended: every reader of the ledger says the same of it, and counts it once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from deployments import END, TARGETS, entry
from ledgers import written

from deploy_gate.ledger import afterwards, chain, ended, reading, review
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.entry import Entry, Kind, Outcome, Times
from deploy_gate.ledger.history import Failure, deployments
from deploy_gate.ledger.metrics import Figure, figures
from deploy_gate.pages import archive
from deploy_gate.policy import live

BEFORE = entry(5, "a")
HELD = entry(2, "b", Outcome.UNKNOWN, times=Times(300, 20, 5))
CONFIRM = replace(entry(1.99, "b", kind=Kind.CONFIRM), actor="ada", reason="I looked")
BACK = replace(entry(1.98, "a", Outcome.ROLLED_BACK, Kind.ROLLBACK, left="b"), actor="guard")


def read(*lines: Entry) -> list[Entry]:
    raw, head = b"", Head()
    for one in lines:
        line, head = chain.line(one.as_json(), head)
        raw += line
    return reading.read(raw).entries


def told(*lines: Entry) -> dict[str, Figure]:
    found = figures(read(*lines), "production", until=END, window=timedelta(days=28), targets=TARGETS)
    return {one.name: one for one in found}


def test_held_and_not_answered_is_a_failure_and_not_live() -> None:
    lines = read(BEFORE, HELD)
    assert [one.failure for one in deployments(lines, "production")] == [None, Failure.UNKNOWN]
    assert live.live(lines, "production") == lines[0]
    assert ended.still_open(lines, "production") == lines[1]


@pytest.mark.parametrize(
    "order",
    [
        (BEFORE, HELD, CONFIRM),
        # A person was quicker than the run that asked.
        (BEFORE, CONFIRM, HELD),
    ],
)
def test_confirmed_by_a_person_it_is_live_and_a_success_with_an_intervention(
    order: tuple[Entry, ...], tmp_path: Path
) -> None:
    lines = read(*order)
    place = order.index(HELD)
    found = deployments(lines, "production")
    assert [(one.entry.release, one.failure) for one in found] == [("a" * 40, None), ("b" * 40, None)]
    assert found[1].entry.interventions == [
        {"found": "confirmed by ada at 2026-11-23T00:14:24Z: I looked", "status": "passed"}
    ]
    assert (found[1].entry.times.detect, found[1].entry.times.decide, found[1].entry.times.restore) == (20, 5, None)
    assert live.live(lines, "production") == lines[place]
    # The guard, or a person, can take it back yet.
    assert ended.still_open(lines, "production") == lines[place]
    assert ended.still_open([*lines, replace(BEFORE, outcome=Outcome.FELL_BACK)], "production") == lines[place]
    assert ended.still_open([*lines, BACK], "production") is None
    counted = told(*order)
    assert (counted["success-rate"].n, counted["success-rate"].of) == (2, 2)
    assert counted["change-failure-rate"].n == counted["rollback-rate"].n == 0
    assert counted["deployment-frequency"].n == 2
    said = review.text(lines, "production", until=END, window=timedelta(days=28), targets=TARGETS)
    assert "None of 2 deployments failed." in said
    assert "cut off" not in said
    whole = afterwards.text(found[1])
    assert "- by hand: confirmed by ada at 2026-11-23T00:14:24Z: I looked" in whole
    assert "- Rollback required: No" in whole
    site = archive.opened(written(tmp_path / "ledger", [(one, {}) for one in order]))
    words = {"deploy": ("deployed", "good"), "confirm": ("confirmed", "good")}
    assert [(one.outcome, one.mood) for one in site.records] == [words[one.kind] for one in order]


def test_taken_back_by_the_guard_it_is_rolled_back_once(tmp_path: Path) -> None:
    lines = read(BEFORE, HELD, BACK)
    assert [one.failure for one in deployments(lines, "production")] == [None, Failure.ROLLED_BACK]
    assert live.live(lines, "production") == lines[0]
    assert ended.still_open(lines, "production") is None
    counted = told(BEFORE, HELD, BACK, BACK)
    assert (counted["rollback-rate"].n, counted["change-failure-rate"].n, counted["rollback-rate"].of) == (1, 1, 2)
    assert (counted["success-rate"].n, counted["success-rate"].of) == (1, 2)
    said = review.text(lines, "production", until=END, window=timedelta(days=28), targets=TARGETS)
    assert "bbbbbbbbbbbb rolled back" in said
    assert "cut off" not in said
    site = archive.opened(written(tmp_path / "ledger", [(one, {}) for one in (BEFORE, HELD, BACK)]))
    assert [(one.outcome, one.mood) for one in site.records[1:]] == [("rolled back", "bad"), ("rolled back", "bad")]
    assert site.records[1].repaired_by == 3


AGAIN = entry(1, "b", Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("lines", "outcomes"),
    [
        # A confirm of another release or place, one that did not come about, or one of long before.
        ([HELD, replace(CONFIRM, release="c" * 40)], [Outcome.UNKNOWN]),
        ([HELD, replace(CONFIRM, environment="staging")], [Outcome.UNKNOWN]),
        ([HELD, replace(CONFIRM, outcome=Outcome.UNKNOWN)], [Outcome.UNKNOWN]),
        ([replace(CONFIRM, ended="2026-11-22T00:00:00Z"), HELD], [Outcome.UNKNOWN]),
        # It answers one question, and none that was settled otherwise.
        ([HELD, CONFIRM, AGAIN], [Outcome.DEPLOYED, Outcome.UNKNOWN]),
        ([HELD, AGAIN, CONFIRM], [Outcome.UNKNOWN, Outcome.DEPLOYED]),
        ([HELD, BACK, CONFIRM], [Outcome.UNKNOWN]),
        ([CONFIRM, BACK, AGAIN], [Outcome.UNKNOWN]),
        ([replace(HELD, outcome=Outcome.FELL_BACK), CONFIRM], [Outcome.FELL_BACK]),
        ([replace(HELD, outcome=Outcome.NOT_BACK), CONFIRM], [Outcome.NOT_BACK]),
    ],
)
def test_what_is_no_answer(lines: list[Entry], outcomes: list[Outcome]) -> None:
    found = [one.outcome for one in read(*lines) if one.kind is Kind.DEPLOY]
    assert found == outcomes


def test_confirmed_and_rolled_back_later_failed_as_any_other() -> None:
    lines = read(BEFORE, HELD, CONFIRM, BACK)
    assert [one.failure for one in deployments(lines, "production")] == [None, Failure.ROLLED_BACK]
    assert live.live(lines, "production") == lines[0]
