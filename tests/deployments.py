"""Made-up deployments for tests of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from deploy_gate.ledger.entry import Entry, Kind, Outcome, Times

MOMENT = "%Y-%m-%dT%H:%M:%SZ"
END = datetime(2026, 11, 25, tzinfo=UTC)
TARGETS = {
    "deployment-frequency": "1-2 per week",
    "deployment-duration": "< 10 minutes",
    "success-rate": "> 95%",
    "rollback-rate": "< 5%",
    "recovery-time": "< 2 minutes",
    "change-failure-rate": "< 5%",
}


def entry(
    days: float,
    release: str,
    outcome: Outcome = Outcome.DEPLOYED,
    kind: Kind = Kind.DEPLOY,
    *,
    left: str = "",
    subject: str = "",
    times: Times = Times(),  # noqa: B008 - frozen
    met: Mapping[str, float] | None = None,
) -> Entry:
    """A line that ended `days` before the end, and took five minutes."""
    ended = END - timedelta(days=days)
    began = ended - timedelta(minutes=5)
    return Entry(
        "production",
        release * 40,
        kind,
        outcome,
        began.strftime(MOMENT),
        ended.strftime(MOMENT),
        from_release=left * 40,
        subject=subject,
        times=times,
        met=met or {},
    )
