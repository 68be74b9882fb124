"""The figures, from made-up histories whose answers are known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from deployments import END, TARGETS, entry

from deploy_gate.ledger import review
from deploy_gate.ledger.entry import Entry, Kind, Outcome, Times
from deploy_gate.ledger.history import Failure, deployments
from deploy_gate.ledger.metrics import Figure, Target, figures


def computed(*entries: Entry, days: int = 28) -> dict[str, Figure]:
    found = figures(entries, "production", until=END, window=timedelta(days=days), targets=TARGETS)
    return {one.name: one for one in found}


@pytest.mark.parametrize(
    ("history", "failures"),
    [
        ([entry(3, "a"), entry(2, "b")], [None, None]),
        ([entry(3, "a"), entry(2, "b", Outcome.FELL_BACK)], [None, Failure.FELL_BACK]),
        ([entry(3, "a"), entry(2, "b", Outcome.NOT_BACK)], [None, Failure.NOT_BACK]),
        ([entry(3, "a"), entry(2, "b", Outcome.UNKNOWN)], [None, Failure.UNKNOWN]),
        (
            [entry(3, "a"), entry(2, "b"), entry(1.9, "a", Outcome.ROLLED_BACK, Kind.ROLLBACK, left="b")],
            [None, Failure.ROLLED_BACK],
        ),
        # A rollback from another release than this one, or one that did not come about.
        ([entry(2, "b"), entry(1.9, "a", Outcome.ROLLED_BACK, Kind.ROLLBACK, left="c")], [None]),
        ([entry(2, "b"), entry(1.9, "a", Outcome.UNKNOWN, Kind.ROLLBACK, left="b")], [None]),
        # Brought back by a deployment; the same a week later is a decision, not a repair.
        ([entry(3, "a"), entry(2, "b"), entry(1.5, "a")], [None, Failure.REVERTED, None]),
        ([entry(9, "a"), entry(8, "b"), entry(1.5, "a")], [None, None, None]),
        ([entry(3, "a"), entry(2, "b"), entry(1.5, "b")], [None, None, None]),
        ([entry(3, "a"), entry(2.5, "b", subject="hotfix: total")], [Failure.HOTFIXED, None]),
        ([entry(3, "a"), entry(2.5, "b", subject="fix!: total")], [Failure.HOTFIXED, None]),
        ([entry(3, "a"), entry(2.5, "b", subject='Revert "prices"')], [Failure.HOTFIXED, None]),
        ([entry(3, "a"), entry(2.5, "b", subject="fix: a typing mistake")], [None, None]),
        ([entry(3, "a"), entry(2.5, "b", subject="Merge pull request #7 from shop/hotfix/total")], [Failure.HOTFIXED, None]),
        ([entry(3, "a"), entry(2.5, "b", subject="Merge pull request #8 from shop/revert-7-prices")], [Failure.HOTFIXED, None]),
        ([entry(3, "a"), entry(2.5, "b", subject="Merge pull request #9 from shop/hotfixture")], [None, None]),
        # A rollback that failed is the release's failure, and the one that then came about mends it.
        ([entry(2, "b"), entry(1.9, "a", Outcome.NOT_BACK, Kind.ROLLBACK, left="b")], [Failure.NOT_BACK]),
        (
            [
                entry(2, "b"),
                entry(1.9, "a", Outcome.UNKNOWN, Kind.ROLLBACK, left="b"),
                entry(1.8, "a", Outcome.ROLLED_BACK, Kind.ROLLBACK, left="b"),
            ],
            [Failure.ROLLED_BACK],
        ),
        # What is in between and was not about it hides nothing: another server's rollback, an attempt that fell back.
        (
            [
                entry(2, "b"),
                entry(1.9, "a", Outcome.ROLLED_BACK, Kind.ROLLBACK, left="c"),
                entry(1.8, "d", Outcome.FELL_BACK),
                entry(1.7, "a", Outcome.ROLLED_BACK, Kind.ROLLBACK, left="b"),
            ],
            [Failure.ROLLED_BACK, Failure.FELL_BACK],
        ),
        (
            [entry(3, "a"), entry(2, "b"), entry(1.9, "c", Outcome.FELL_BACK), entry(1.5, "a")],
            [None, Failure.REVERTED, Failure.FELL_BACK, None],
        ),
        # A hotfix is owed to the one right before it, though that one never stayed.
        (
            [entry(2, "a"), entry(1.9, "b", Outcome.FELL_BACK), entry(1.8, "c", subject="hotfix: b")],
            [None, Failure.FELL_BACK, None],
        ),
        # One that fell back has not been live: trying it again is no return to it.
        ([entry(3, "b", Outcome.FELL_BACK), entry(2, "c"), entry(1.5, "b")], [Failure.FELL_BACK, None, None]),
        # A rollback without `from-release` is about its own release (monitor.yml), and about no other.
        ([entry(2, "b"), entry(1.9, "b", Outcome.ROLLED_BACK, Kind.ROLLBACK)], [Failure.ROLLED_BACK]),
        ([entry(2, "b"), entry(1.9, "c", Outcome.ROLLED_BACK, Kind.ROLLBACK)], [None]),
        # The order of the lines counts: the clock of the machine that rolled back was an hour slow.
        ([entry(1, "b"), entry(1.04, "a", Outcome.ROLLED_BACK, Kind.ROLLBACK, left="b")], [Failure.ROLLED_BACK]),
        # The last one is not finished, and the first and only one has nobody before it.
        ([entry(1, "b", Outcome.UNKNOWN)], [Failure.UNKNOWN]),
        ([], []),
        # What a gate stopped is no deployment, and a rehearsal neither.
        ([entry(3, "a"), entry(2.5, "b", Outcome.NOT_SWITCHED)], [None]),
        ([entry(3, "a"), entry(2.5, "b", kind=Kind.REHEARSAL)], [None]),
    ],
)  # fmt: skip
def test_what_became_of_it(history: list[Entry], failures: list[Failure | None]) -> None:
    assert [one.failure for one in deployments(history, "production")] == failures


def test_one_failure_is_counted_once() -> None:
    told = computed(
        entry(6, "a"),
        entry(5, "b", Outcome.FELL_BACK, times=Times(300, 20, 5, 1)),
        entry(4.9, "a", Outcome.ROLLED_BACK, Kind.ROLLBACK, left="b"),
        entry(4.8, "c", subject="hotfix: b again"),
        days=7,
    )
    assert (told["change-failure-rate"].n, told["change-failure-rate"].of) == (1, 3)
    assert (told["rollback-rate"].n, told["rollback-rate"].met) == (1, False)
    assert told["rework-rate"].n == 1


def test_the_figures_of_a_month() -> None:
    history = [entry(27 - 3 * number, str(number), times=Times(total=240 + number)) for number in range(8)]
    history.append(entry(1, "8", Outcome.FELL_BACK, times=Times(500, 60, 20, 10)))
    told = computed(*history)
    assert told["deployment-frequency"].value == 2
    assert told["deployment-frequency"].met is True
    assert told["deployment-duration"].value == 243.5
    assert (told["success-rate"].n, told["success-rate"].of, told["success-rate"].met) == (8, 9, False)
    recovery = told["recovery-time"]
    assert (recovery.value, recovery.n, recovery.of, recovery.met) == (90, 1, 1, True)
    assert recovery.parts == {"detect": 60, "decide": 20, "restore": 10}
    assert told["success-rate"].before is None


def test_the_window_before_is_beside_it() -> None:
    told = computed(entry(10, "a"), entry(9, "b", Outcome.FELL_BACK), entry(1, "c"), days=7)
    assert (told["change-failure-rate"].value, told["change-failure-rate"].before) == (0, 0.5)


def test_nothing_is_not_perfect() -> None:
    told = computed()
    assert told["deployment-frequency"].met is False
    for name in ("success-rate", "rollback-rate", "recovery-time", "change-failure-rate"):
        assert (told[name].value, told[name].met, told[name].of) == (None, None, 0)


def test_a_failure_nobody_timed_is_said() -> None:
    recovery = computed(entry(2, "a", Outcome.FELL_BACK, times=Times(300, 20, None, 1)))["recovery-time"]
    assert (recovery.value, recovery.n, recovery.of) == (None, 0, 1)


def test_a_recovery_is_timed_by_what_recovered() -> None:
    """Neither by a hotfix that fell back itself, nor by a rollback that did not come about."""
    times = Times(300, 20, 5, 1)
    told = computed(
        entry(6, "a"),
        entry(5.5, "b", Outcome.FELL_BACK, times=times),
        entry(5, "c", Outcome.UNKNOWN),
        entry(4, "d", Outcome.NOT_BACK, times=Times(300, 2000, 500, 100)),
        entry(3, "e"),
        entry(2.9, "d", Outcome.ROLLED_BACK, Kind.ROLLBACK, left="e", times=Times(60, 30, 5, 1)),
        entry(2.8, "f", subject="hotfix: e", times=Times(300, 3000, 500, 100)),
        days=7,
    )
    recovery = told["recovery-time"]
    assert (recovery.value, recovery.n, recovery.of) == (31, 2, 4)
    assert recovery.parts == {"detect": 25, "decide": 5, "restore": 1}


def test_what_users_met_is_a_median_beside_that_of_the_window_before() -> None:
    slow = {"p95": 900.0, "errors": 0.07, "health": 3.0}
    told = computed(
        entry(13, "a", met={"p95": 200.0, "errors": 0.0}),
        entry(12, "b", met={"p95": 240.0, "errors": 0.0002}),
        entry(11, "c", met={"p95": 100.0}),
        entry(6, "d", met={"p95": 250.0, "errors": 0.0004, "health": 0.05}),
        entry(5, "e", Outcome.FELL_BACK, met=slow),
        entry(4, "f", met={"p95": 300.0, "errors": 0.0006, "health": 0.03}),
        entry(3, "g"),
        entry(2, "h", Outcome.NOT_SWITCHED, met=slow),
        days=7,
    )
    p95, errors, health = (told[name] for name in ("response-time", "error-rate", "health-time"))
    assert (p95.value, p95.before, p95.n, p95.of) == (0.3, 0.2, 3, 4)
    assert (errors.value, errors.before, errors.n, errors.of) == (0.0006, 0.0001, 3, 4)
    assert (health.value, health.before, health.n, health.of) == (0.05, None, 3, 4)
    rows = review.table([p95, errors, health]).splitlines()[2:]
    assert rows == [
        "| Response time (p95, median) | 300 ms | — | — | 3 of 4 | 200 ms |",
        "| Requests that failed (median) | 0.060% | — | — | 3 of 4 | 0.010% |",
        "| Answer time of the health document (median) | 50 ms | — | — | 3 of 4 | — |",
    ]


def test_what_nobody_measured_is_no_row() -> None:
    assert {"response-time", "error-rate", "health-time"} & set(computed(entry(1, "a"))) == set()
    gone = computed(entry(9, "a", met={"p95": 200.0}), entry(1, "b"), days=7)
    assert (gone["response-time"].value, gone["response-time"].n, gone["response-time"].of) == (None, 0, 1)
    assert "error-rate" not in gone


def test_other_environments_do_not_count() -> None:
    assert figures([entry(1, "a")], "staging", until=END, window=timedelta(days=7), targets={})[0].n == 0


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("< 10 minutes", 599, 600),
        ("<= 10 minutes", 600, 601),
        ("> 95%", 0.951, 0.95),
        ("1-2 per week", 2, 2.01),
        ("1-2 per week", 1, 0.99),
    ],
)
def test_targets(text: str, good: float, bad: float) -> None:
    target = Target.parse(text)
    assert target is not None
    assert target.met(good)
    assert not target.met(bad)


def test_a_target_in_other_words_is_shown_and_judges_nothing() -> None:
    assert Target.parse("as often as it makes sense") is None
