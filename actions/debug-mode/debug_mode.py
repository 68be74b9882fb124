"""Debug mode is on, or off, as it should be: by the health document, error pages, and the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deploy_gate.catalog import About
from deploy_gate.facts import accounts, site, traces
from deploy_gate.facts.served import field as value_at
from deploy_gate.facts.site import Site
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, counted

ABOUT = About(reads=site.READS, timeout=120)

Mode = Literal["enabled", "disabled"]
Policy = Literal["open", "closed", "any"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the health document says, which error pages were seen with which trace, and whether docs are open."""

    said: bool | None
    field: str
    pages: tuple[tuple[str, int, str], ...]
    docs: bool | None = None


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
    said = _said(place, health, field) if health else None
    pages = tuple(_page(place, path) for path in (f"/{site.random_name()}", *error_paths))
    open_ = _open(place, docs) if docs_policy != "any" else None
    return judge(Facts(said, field, pages, open_), expected, docs_policy)


def validate(
    *, url: str, health: str, error_paths: list[str], docs: str, timeout: float, budget: int, **_: object
) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    place = site.of(url, timeout=timeout, budget=budget)
    for path in (health, docs, *error_paths):
        place.address(path)


def _said(place: Site, health: str, field: str) -> bool | None:
    """The health document's word; it may stand beside a 503, since that is about something else."""
    value = value_at(accounts.data(place.ask(health)), field)
    return {"true": True, "false": False}.get(str(value).lower())


def _page(place: Site, path: str) -> tuple[str, int, str]:
    answer = place.ask(path)
    return path, answer.status, traces.told(answer.body) if answer.status >= 400 else ""


def _open(place: Site, docs: str) -> bool:
    answer = place.ask(docs)
    site.judgeable(answer, "the documentation")
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


def _denied(facts: Facts, errors: Sequence[tuple[str, int, str]]) -> str:
    said = [f"{brief(facts.field)} is false in the health document"] if facts.said is False else []
    return "; ".join([*said, f"no trace on {counted(len(errors) or len(facts.pages), 'error page')}"])


def _evidence(facts: Facts) -> list[Evidence]:
    return [
        {"message": f"{brief(path)} answered {status}: {trace or 'no trace'}"} for path, status, trace in facts.pages
    ]
