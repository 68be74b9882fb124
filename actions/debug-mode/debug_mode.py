"""Debug mode is on, or off, as it should be: by the health document, error pages, and the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deploy_gate.catalog import About
from deploy_gate.facts import accounts, http, site, traces
from deploy_gate.facts.http import Answer
from deploy_gate.facts.served import field as value_at
from deploy_gate.facts.site import Site
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, counted

ABOUT = About(reads=site.READS, timeout=120)

Mode = Literal["enabled", "disabled"]
Policy = Literal["open", "closed", "any"]
# The answers of proxies, and of limits: what the application itself would show, nobody has seen.
SILENT = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the health document says, which error pages were seen with which trace, and whether docs are open."""

    said: bool | None
    field: str
    pages: tuple[tuple[str, int, str], ...]
    docs: bool | None = None
    unread: str = ""
    """Why the health document says nothing of the application: a proxy, or a refusal, answered in its place."""


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    url: str,
    expected: Mode,
    health: str,
    field: str,
    error_paths: list[str],
    docs: str,
    docs_policy: Policy,
    timeout: Duration,
    budget: int,
) -> Result:
    """Ask for the document, the errors and the documentation, and judge what they tell together."""
    validate(url=url, health=health, error_paths=error_paths, docs=docs, timeout=timeout, budget=budget)
    place = site.of(url, timeout=timeout, budget=budget)
    said, unread = _said(place, health, field) if health else (None, "")
    pages = tuple(_page(place, path) for path in (f"/{site.random_name()}", *error_paths))
    open_ = _open(place, docs) if docs_policy != "any" else None
    return judge(Facts(said, field, pages, open_, unread), expected, docs_policy)


def validate(
    *, url: str, health: str, error_paths: list[str], docs: str, timeout: float, budget: int, **_: object
) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    place = site.of(url, timeout=timeout, budget=budget)
    for path in (health, docs, *error_paths):
        place.address(path)


def _said(place: Site, health: str, field: str) -> tuple[bool | None, str]:
    """The health document's word, or why it is none; it may stand beside a 503, since that is about something else."""
    answer = place.slashed(place.ask(health))
    value = {"true": True, "false": False}.get(str(value_at(accounts.data(answer), field)).lower())
    # 404: there is no such document here, and error pages alone must tell.
    document = answer.status == 404 or (answer.status < 300 and accounts.data(answer) is not None)
    return value, "" if document or value is not None else f"{brief(health)} answered {answer.status}{_kind(answer)}"


def _kind(answer: Answer) -> str:
    if answer.status in http.REDIRECTS:
        return f", a redirect to {answer.location}"
    return "" if accounts.data(answer) is not None else ", and no JSON"


def _page(place: Site, path: str) -> tuple[str, int, str]:
    answer = place.ask(path)
    return path, answer.status, traces.told(answer.body) if answer.status >= 400 else ""


def _open(place: Site, docs: str) -> bool:
    answer = place.slashed(place.ask(docs))
    site.judgeable(answer, "the documentation")
    there = site.goal(answer)
    if there is None or there.origin != place.base.origin:
        site.not_moved(answer, "the documentation")
    return answer.status < 300


def judge(facts: Facts, expected: Mode, policy: Policy) -> Result:
    """One sign of debug mode is enough where it must be off; where it must be on, nothing may deny it alone."""
    shown = [f"{trace} at {brief(path)} ({status})" for path, status, trace in facts.pages if trace]
    signs = [f"{brief(facts.field)} is true in the health document"] if facts.said else []
    signs += shown
    more = {"target": expected, "measured": "enabled" if signs else "disabled", "evidence": _evidence(facts)}
    if expected == "disabled" and signs:
        found = f"debug mode is enabled, expected disabled: {'; '.join(signs[:3])}"
        return failed(found, "set DEBUG=false in this environment and restart the application", **more)
    _told_by_the_application(facts, bool(signs))
    errors = [one for one in facts.pages if one[1] >= 500]
    if facts.said is None and not shown and not errors:
        found = f"the health document has no {brief(facts.field)}, and no error page of the application was seen"
        fix = "give the `field` of the health document, or `error-paths` that end in an error"
        raise CouldNotTell(found, fix, _evidence(facts))
    if expected == "enabled" and not signs:
        found = f"debug mode is disabled, expected enabled ({_denied(facts, errors)})"
        return failed(found, "set DEBUG=true in this environment and restart the application", **more)
    if facts.docs is not None and facts.docs != (policy == "open"):
        is_, fix = (
            ("open", "close it in this environment") if facts.docs else ("closed", "serve it in this environment")
        )
        return failed(f"the API's documentation is {is_}, expected {policy}", fix, **more)
    told = "; ".join(signs[:3]) or _denied(facts, errors)
    also = f"; its documentation is {policy}" if facts.docs is not None else ""
    return passed(f"debug mode is {expected}, as expected: {told}{also}", **more)


def _told_by_the_application(facts: Facts, signs: bool) -> None:
    """CouldNotTell where something before the application answered, unless a sign was seen all the same."""
    silent = [
        f"{brief(path)} answered {status}" for path, status, trace in facts.pages if status in SILENT and not trace
    ]
    unheard = [*([facts.unread] if facts.unread else []), *silent]
    if unheard and not signs:
        found = f"what was asked does not come from the application: {'; '.join(unheard[:3])}"
        fix = "see whether the application is up behind its proxy and `health` the path of its document (empty: none)"
        raise CouldNotTell(found, fix, _evidence(facts))


def _denied(facts: Facts, errors: Sequence[tuple[str, int, str]]) -> str:
    said = [f"{brief(facts.field)} is false in the health document"] if facts.said is False else []
    return "; ".join([*said, f"no trace on {counted(len(errors) or len(facts.pages), 'error page')}"])


def _evidence(facts: Facts) -> list[Evidence]:
    return [
        {"message": f"{brief(path)} answered {status}: {trace or 'no trace'}"} for path, status, trace in facts.pages
    ]
