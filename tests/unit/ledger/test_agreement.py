"""GitHub's deployments beside the ledger: the difference is named."""

from __future__ import annotations

import pytest
from deployments import END, entry

from deploy_gate.github.deployments import Deployment
from deploy_gate.ledger import agreement
from deploy_gate.ledger.entry import Entry, Kind, Outcome
from deploy_gate.result import Status


def there(release: str, state: str) -> Deployment:
    return Deployment(7, "c" * 40, release * 40, state, END, END)


@pytest.mark.parametrize(
    ("history", "github", "status", "said"),
    [
        (
            [entry(2, "b"), entry(1, "a")],
            there("a", "success"),
            Status.PASSED,
            "deployed in the ledger, success on GitHub",
        ),
        (
            [entry(1, "a", Outcome.FELL_BACK)],
            there("a", "failure"),
            Status.PASSED,
            "fell-back in the ledger, failure on",
        ),
        # A rollback is a line of its own, and no deployment of GitHub's.
        (
            [entry(2, "a"), entry(1, "b", Outcome.ROLLED_BACK, Kind.ROLLBACK, left="a")],
            there("a", "success"),
            Status.PASSED,
            "deployed in the ledger",
        ),
        ([entry(1, "a")], there("b", "success"), Status.FAILED, "aaaaaaaaaaaa in the ledger, bbbbbbbbbbbb on GitHub"),
        ([entry(1, "a")], there("a", "failure"), Status.FAILED, "it is deployed in the ledger, failure on GitHub"),
        (
            [entry(1, "a", Outcome.UNKNOWN)],
            there("a", "success"),
            Status.FAILED,
            "it is unknown in the ledger, success",
        ),
        ([entry(1, "a")], there("a", "in_progress"), Status.PENDING, "deployment 7 to production has not ended"),
        ([], there("a", "success"), Status.FAILED, "the ledger knows no deployment"),
        ([entry(1, "a")], None, Status.FAILED, "GitHub knows no deployment"),
        ([], None, Status.FAILED, "neither the ledger nor GitHub knows"),
    ],
)
def test_both_say_the_same(history: list[Entry], github: Deployment | None, status: Status, said: str) -> None:
    result = agreement.judge(history, "production", github)
    assert result.status is status
    assert said in result.found
