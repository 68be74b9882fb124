"""The running application lets in whom it should, and nobody else: tokens, roles, or API keys."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deploy_gate.catalog import About
from deploy_gate.facts import access_file, accounts, forgery, http, site
from deploy_gate.facts.access_file import ANYBODY, File, split
from deploy_gate.facts.accounts import Accounts
from deploy_gate.facts.http import Answer, Order
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, Variable

ABOUT = About(reads=site.READS, timeout=300, rude=1)

Mode = Literal["auth", "rbac", "api-key"]


@dataclass(frozen=True, slots=True)
class Case:
    """Who came to which route, whether they must be let in, and what was answered.

    `refused` are the codes of a no, `answers` those of a yes beside 2xx.
    """

    who: str
    route: str
    welcome: bool
    status: int
    refused: tuple[int, ...]
    answers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Codes:
    """What a route may answer: a no, and beside 2xx a yes."""

    refused: Sequence[int]
    answers: Sequence[int]


def check(*, url: str, mode: Mode, file: Path, secrets: list[Variable], timeout: Duration, budget: int) -> Result:
    """Try every case of a mode and judge the answers; CouldNotTell when one says nothing."""
    validate(url=url, timeout=timeout, budget=budget)
    declared = access_file.read(file)
    _declared(declared, mode, file)
    site.not_while_watching()
    who = Accounts(site.of(url, timeout=timeout, budget=budget), declared, secrets)
    cases = {"auth": _auth, "rbac": _rbac, "api-key": _keys}[mode]
    return judge(list(cases(who, declared)), mode)


def validate(*, url: str, timeout: float, budget: int, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    site.of(url, timeout=timeout, budget=budget)


def _declared(file: File, mode: Mode, path: Path) -> None:
    part = {"auth": file.auth, "rbac": file.rbac, "api-key": file.api_key}[mode]
    if part is None:
        raise Misconfigured([f"{brief(str(path))} has no `{mode}:`, so there is nothing to prove"])


def _auth(who: Accounts, file: File) -> Iterator[Case]:
    auth = file.auth
    if auth is None:
        raise AssertionError
    codes = Codes(auth.refused, auth.answers)
    good = who.token(auth.role)
    yield _case("a good token", auth.route, True, who.ask(auth.route, auth.role), codes)
    tokens = [("no token", ""), ("an expired token", _expired(who, auth, good)), *forgery.forged(good)]
    for what, token in tokens:
        yield _case(what, auth.route, False, accounts.bearing(who.place, auth.route, token), codes)


def _expired(who: Accounts, auth: access_file.Auth, good: str) -> str:
    if not auth.expired:
        return forgery.expired(good, who.secret(auth.signing_key))
    token = who.secret(auth.expired)
    ends = forgery.ends(token)
    if ends is not None and ends > time.time():
        found = f"the token in {auth.expired} has not run out yet, so it proves nothing"
        raise CouldNotTell(found, "store a token that has run out, one that was good once")
    return token


def _rbac(who: Accounts, file: File) -> Iterator[Case]:
    rbac = file.rbac
    if rbac is None:
        raise AssertionError
    for row in rbac.routes:
        for role in ("", *file.roles):
            welcome = ANYBODY in row.allow or role in row.allow
            codes = Codes(rbac.refused, row.answers)
            yield _case(role or "nobody", row.route, welcome, who.ask(row.route, role), codes)


def _keys(who: Accounts, file: File) -> Iterator[Case]:
    key = file.api_key
    if key is None:
        raise AssertionError
    method, path = split(key.route)
    good, revoked = who.secret(key.good), who.secret(key.revoked)
    changed = good[:-1] + ("a" if good[-1] != "a" else "b")
    tried = [("a good key", good), ("no key", ""), ("a wrong key", site.random_name()), ("a revoked key", revoked)]
    for what, value in (*tried, ("a good key with one sign changed", changed)):
        answer = who.place.patient(path, Order(method, {key.header: value} if value else {}))
        yield _case(what, key.route, value == good, answer, Codes(key.refused, key.answers))


def _case(who: str, route: str, welcome: bool, answer: Answer, codes: Codes) -> Case:
    site.judgeable(answer, f"{who} at {route}")
    if answer.status in http.REDIRECTS and answer.status not in (*codes.refused, *codes.answers):
        found = f"{who} at {route} was answered {answer.status}, a redirect to {answer.location}"
        raise CouldNotTell(
            found, f"give the final route, or say `refused: [{answer.status}]` if that is the log-in page"
        )
    return Case(who, route, welcome, answer.status, tuple(codes.refused), tuple(codes.answers))


def judge(cases: Sequence[Case], mode: Mode) -> Result:
    """Who is welcome is not refused, and who is not is refused by one of the codes that mean no."""
    if not any(one.welcome for one in cases) or all(one.welcome for one in cases):
        found = "all cases are of one kind: somebody must be let in, and somebody refused, for this to prove anything"
        raise CouldNotTell(found, "add a route to the file that not everybody may use")
    wrong = [text for one in cases if (text := _wrong(one))]
    evidence: list[Evidence] = [{"message": text} for text in wrong]
    evidence += [
        {"message": f"{brief(one.who)} at {brief(one.route)}: {one.status}"} for one in cases if not _wrong(one)
    ]
    more = {"target": 0, "measured": len(wrong), "evidence": evidence}
    if wrong:
        also = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        found = f"{len(wrong)} of {len(cases)} cases answered wrongly, none is allowed: {'; '.join(wrong[:3])}{also}"
        return failed(found, _FIX[mode], **more)
    if unclear := [one for one in cases if one.welcome and not _let_in(one)]:
        code = unclear[0].status
        told = "; ".join(f"{_shown(one)} was answered {one.status}" for one in unclear[:3])
        fix = f"name a route that lets them in, or say `answers: [{code}]` if {code} is what they get there"
        raise CouldNotTell(f"{told}, which says neither yes nor no", fix, evidence)
    inside = sum(one.welcome for one in cases)
    return passed(f"{inside} of {len(cases)} cases let in, {len(cases) - inside} refused, all as declared", **more)


_FIX: dict[Mode, str] = {
    "auth": "let the route verify signature, algorithm and end of every token before anything else",
    "rbac": "correct the route's rule, or the file if the rule has changed on purpose",
    "api-key": "let the route look the key up, and refuse it when it is unknown or revoked",
}


def _let_in(one: Case) -> bool:
    return 200 <= one.status < 300 or one.status in one.answers


def _shown(one: Case) -> str:
    return f"{brief(one.who)} at {brief(one.route)}"


def _wrong(one: Case) -> str:
    if one.welcome:
        refused = one.status in (401, 403, *one.refused) and not _let_in(one)
        return f"{_shown(one)} was refused with {one.status}, expected to be let in" if refused else ""
    codes = " or ".join(map(str, one.refused))
    return "" if one.status in one.refused else f"{_shown(one)} was answered {one.status}, expected {codes}"
