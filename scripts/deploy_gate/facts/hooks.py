"""Deliveries of webhooks: GitHub's own list of them, and times as services write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from deploy_gate.facts import accounts
from deploy_gate.facts.http import Answer, Order
from deploy_gate.facts.site import Site
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief

_HOOK = re.compile(r"([A-Za-z0-9-]{1,39})/([A-Za-z0-9._-]{1,100})/([0-9]{1,18})")
_NEXT = re.compile(r"<([^>]{1,2000})>;\s*rel=\"next\"")


State = Literal["delivered", "waiting", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery: how it went, when (Unix time), and how to tell it from others."""

    state: State
    when: float
    told: str
    source: str


def path(hook: str) -> str:
    """Where GitHub lists the deliveries of `OWNER/REPOSITORY/HOOK-ID`; Misconfigured for anything else."""
    match = _HOOK.fullmatch(hook)
    if not match:
        raise Misconfigured([f"input 'github-hook' is {brief(hook)!r}, expected OWNER/REPOSITORY/HOOK-ID"])
    return f"repos/{match[1]}/{match[2]}/hooks/{match[3]}/deliveries?per_page=100"


def deliveries(place: Site, hook: str, token: str, since: float) -> list[Delivery]:
    """What GitHub delivered since a moment, newest first; a delivery sent again counts by its last attempt."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    last: dict[str, Delivery] = {}
    where = place.base.path.rstrip("/") + "/" + path(hook)
    while where:
        answer = place.ask(where, Order("GET", headers))
        found = [_delivery(one) for one in _listed(answer, hook)]
        for guid, one in found:
            if one.when >= since:
                last.setdefault(guid, one)
        link = _NEXT.search(", ".join(answer.header("link")))
        where = link[1] if link and found and all(one.when >= since for _, one in found) else ""
    return list(last.values())


def _listed(answer: Answer, hook: str) -> Iterator[dict[str, Any]]:
    data = accounts.data(answer)
    if answer.status != 200 or not isinstance(data, list):
        found = f"GitHub answered {answer.status} when asked for the deliveries of {brief(hook)}"
        fix = "use a token with read access to the repository's webhooks, and see whether the hook exists"
        raise CouldNotTell(found, fix)
    yield from (one for one in data if isinstance(one, dict))


def _delivery(one: dict[str, Any]) -> tuple[str, Delivery]:
    code, when = one.get("status_code"), moment(one.get("delivered_at"))
    if when is None:
        raise CouldNotTell("GitHub lists a delivery without a time", "run this again")
    # 0 stands for no answer at all.
    bad = not isinstance(code, int) or not 200 <= code < 400
    told = brief(f"{one.get('event')}, {code}, {one.get('status')}", 160)
    return str(one.get("guid")), Delivery("failed" if bad else "delivered", when, told, "GitHub")


def moment(value: Any) -> float | None:
    """Unix time of an ISO 8601 text (without a zone: UTC) or a number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
