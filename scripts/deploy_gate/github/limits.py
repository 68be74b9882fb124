"""GitHub's rate limits: whether an answer means "later", and how long later is. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from deploy_gate.github.transport import Answer

PATIENCE = 30.0
"""Seconds that one check waits in all."""
# What GitHub asks for where a secondary limit names no time.
_UNNAMED = 60.0
_WORDS = re.compile(rb"secondary rate limit|abuse detection|API rate limit exceeded", re.IGNORECASE)


def now(answer: Answer) -> datetime:
    """The server's clock, which is the one its times are of; ours where it sends none."""
    try:
        found = parsedate_to_datetime(answer.headers.get("date", ""))
    except (TypeError, ValueError):
        return datetime.now(UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def delay(answer: Answer) -> float | None:
    """Seconds until it may be asked again; None when the answer is no rate limit's."""
    if answer.status not in (403, 429):
        return None
    after = answer.headers.get("retry-after", "")
    if after.isascii() and after.isdigit() and len(after) < 10:
        return max(float(after), 1.0)
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit() and len(reset) < 12:
        return max(float(reset) - now(answer).timestamp(), 0.0) + 1.0
    return _UNNAMED if answer.status == 429 or _WORDS.search(answer.body[:4096]) else None
