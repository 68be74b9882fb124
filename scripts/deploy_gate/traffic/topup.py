"""Requests of our own where users send too few: asked for, bounded, and told."""

from __future__ import annotations

import time
from collections.abc import Sequence

from deploy_gate.facts import http
from deploy_gate.facts.http import NoAnswer

MOST = 1000
_A_SECOND = 20
_SECONDS = 60


def send(urls: Sequence[str], number: int) -> int:
    """Send so many GETs in turn, twenty a second at most and for a minute; returns how many were sent.

    They carry no marker: what they meet is what a user would have met.
    """
    addresses = [http.parse(url) for url in urls]
    begun = time.monotonic()
    for count in range(min(number, MOST)):
        early = begun + count / _A_SECOND - time.monotonic()
        if early > 0:
            time.sleep(early)
        if time.monotonic() > begun + _SECONDS:
            return count
        try:
            http.get(addresses[count % len(addresses)], timeout=5, limit=64 * 1024)
        except NoAnswer:  # the log knows of it too, or the figures stay too small
            continue
    return min(number, MOST)
