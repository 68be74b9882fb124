"""No foreign origin may read a site's answers, and the allowed ones may."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from deploy_gate.catalog import About
from deploy_gate.facts import http, site
from deploy_gate.facts.http import Answer, Order
from deploy_gate.facts.site import Site
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed, warned
from deploy_gate.units import Duration, counted

ABOUT = About(reads=site.READS, timeout=180)

MAX_ALLOWED = 10
_METHOD = re.compile(r"[A-Z]{3,10}")
Kind = Literal["request", "request with credentials", "preflight"]
KINDS: tuple[Kind, ...] = ("request", "request with credentials", "preflight")


@dataclass(frozen=True, slots=True)
class Origin:
    """An origin, what is tried with it, and whether it may read answers."""

    text: str
    trick: str
    allowed: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What a site answered to one origin."""

    origin: Origin
    kind: Kind
    allows: str
    credentials: bool
    varies: bool


def check(
    *,
    url: str,
    path: str,
    method: str,
    allowed: list[str],
    wildcard: Literal["refused", "accepted"],
    timeout: Duration,
    budget: int,
) -> Result:
    """Ask as each origin, by plain requests and preflights, and judge what the answers allow."""
    validate(url=url, path=path, method=method, allowed=allowed, timeout=timeout, budget=budget)
    place = site.of(url, timeout=timeout, budget=budget)
    plain = place.ask(path)
    _judgeable(plain, "request")
    seen = [_ask(place, path, method, origin, kind) for origin in origins(place, allowed) for kind in KINDS]
    _not_locked_out(plain, seen)
    return judge(seen, wildcard_refused=wildcard == "refused")


def validate(*, url: str, path: str, method: str, allowed: list[str], timeout: float, budget: int, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    site.of(url, timeout=timeout, budget=budget).address(path)
    if not _METHOD.fullmatch(method):
        raise Misconfigured([f"input 'method' is {brief(method)!r}, expected a method such as POST"])
    if len(allowed) > MAX_ALLOWED:
        raise Misconfigured([f"input 'allowed' names {len(allowed)} origins, expected {MAX_ALLOWED} at most"])
    for one in allowed:
        parts = urlsplit(one)
        if f"{parts.scheme}://{parts.netloc}" != one or parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Misconfigured([f"input 'allowed' has {brief(one)!r}, expected an origin: https://app.shop.example"])


def origins(place: Site, allowed: Sequence[str]) -> list[Origin]:
    """Foreign ones, made up or alike, and the allowed ones; each text once."""
    own = f"{place.base.scheme}://{place.base.host}"
    found = [Origin(one, "the allowed origin", allowed=True) for one in allowed]
    found += [Origin(f"https://{site.random_name()}.example", "a foreign origin"), Origin("null", "the origin null")]
    for one in (*allowed[:3], *([] if allowed else [own])):
        found += _alike(one)
    once: dict[str, Origin] = {}
    for origin in found:
        once.setdefault(origin.text, origin)
    return list(once.values())


def _alike(origin: str) -> Iterator[Origin]:
    """Origins that a careless comparison takes for this one."""
    scheme, _, host = origin.partition("://")
    yield Origin(f"{origin}.evil.example", "a suffix")
    if not re.fullmatch(r"[0-9.:]+|\[.*\].*", host):
        yield Origin(f"{scheme}://evil{host}", "a prefix")
        yield Origin(f"{scheme}://evil.{host}", "a subdomain")
    if "." in host and not re.fullmatch(r"[0-9.:]+", host):
        yield Origin(f"{scheme}://{host.replace('.', 'x', 1)}", "an unescaped dot")
    if scheme == "https":
        yield Origin(f"http://{host}", "another scheme")


def _ask(place: Site, path: str, method: str, origin: Origin, kind: Kind) -> Seen:
    headers = {"Origin": origin.text}
    if kind == "request with credentials":
        headers["Cookie"] = "session=deploy-gate"
    if kind == "preflight":
        headers |= {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization"}
    answer = place.ask(path, Order("OPTIONS" if kind == "preflight" else "GET", headers))
    _judgeable(answer, kind)
    return Seen(
        *(origin, kind, _value(answer, "access-control-allow-origin")),
        _value(answer, "access-control-allow-credentials").lower() == "true",
        "origin" in ",".join(answer.header("vary")).lower() or "*" in answer.header("vary"),
    )


def _judgeable(answer: Answer, kind: Kind) -> None:
    site.judgeable(answer, f"the {kind}")
    if kind != "preflight" and (answer.status == 404 or answer.status in http.REDIRECTS):
        found = f"the {kind}: {answer.address.shown} answered {answer.status}, so it is no path whose rules count"
        raise CouldNotTell(found, "give a `path` of the API that exists, without a redirect")


def _not_locked_out(plain: Answer, seen: Sequence[Seen]) -> None:
    """CouldNotTell where even a request of no origin is turned away, as a firewall does: that is about something else.

    Not logged in (401), not this method (405), not these values (422) are answers of the application.
    """
    if plain.status < 300 or plain.status in (401, 405, 422) or any(one.allows for one in seen):
        return
    found = (
        f"{plain.address.shown} answered {plain.status} to a request of no origin, and none had Access-Control headers"
    )
    fix = "give a `path` of the API that answers, or let this address through the firewall, then run this again"
    raise CouldNotTell(found, fix)


def _value(answer: Answer, name: str) -> str:
    return ", ".join(one.strip() for one in answer.header(name))


def judge(seen: Sequence[Seen], *, wildcard_refused: bool) -> Result:
    """Foreign origins read nothing, allowed ones are let in and told apart by caches."""
    troubles = [text for one in seen if (text := _trouble(one, wildcard_refused))]
    evidence: list[Evidence] = [{"message": text} for text in troubles]
    foreign = len({one.origin.text for one in seen if not one.origin.allowed})
    let_in = len({one.origin.text for one in seen if one.origin.allowed})
    if troubles:
        start = f"{len(troubles)} of {counted(len(seen), 'request')} answered wrongly, none is allowed: "
        fix = "compare the Origin header with a list of whole origins, and answer no other with Access-Control headers"
        more = f"; and {len(troubles) - 3} more" if len(troubles) > 3 else ""
        return failed(start + "; ".join(troubles[:3]) + more, fix, target=0, measured=len(troubles), evidence=evidence)
    told = f"{counted(foreign, 'foreign origin')} could read nothing, {counted(let_in, 'allowed one')} could"
    told += f", in {counted(len(seen), 'request')}"
    mixed = [one for one in seen if one.origin.allowed and not one.varies and one.allows != "*"]
    if mixed:
        fix = "let every answer whose Access-Control headers depend on the origin say `Vary: Origin`"
        return warned(f"{told}; but without `Vary: Origin` a cache hands one origin's answer to another", fix)
    return passed(told, target=0, measured=0)


def _trouble(one: Seen, wildcard_refused: bool) -> str:
    who = f"{one.origin.trick} {brief(one.origin.text)}"
    also = " with credentials" if one.credentials else ""
    if one.origin.allowed:
        if one.allows in (one.origin.text, "*"):
            return ""
        return f"{who} is not let in ({one.kind}: {brief(one.allows) or 'no Access-Control-Allow-Origin'})"
    if one.allows == "*" and (one.credentials or wildcard_refused):
        return f"everybody is let in{also} by `*` ({one.kind} of {who})"
    # Of several values browsers accept none; but whoever sends them has a comparison that is wrong.
    if one.origin.text in [part.strip() for part in one.allows.split(",")]:
        return f"{who} is let in{also} ({one.kind})"
    return ""
