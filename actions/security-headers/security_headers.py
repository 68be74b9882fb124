"""Pages and error pages carry the headers that keep a browser safe: HSTS, CSP, nosniff, framing, referrer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from deploy_gate.catalog import About
from deploy_gate.facts import csp, site
from deploy_gate.facts.http import Answer
from deploy_gate.facts.site import Site
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, counted, show_duration

ABOUT = About(reads=site.READS, timeout=120)

HOPS = 3
REFERRER = ("no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin")
LEGAL = ("unsafe-inline", "unsafe-eval", "blob:", "data:")


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for HSTS; what a CSP may allow on purpose; the referrer policies that tell little enough."""

    min_age: float = 180 * 86400
    subdomains: bool = False
    csp_allows: tuple[str, ...] = ()
    referrer: tuple[str, ...] = REFERRER


@dataclass(frozen=True, slots=True)
class Page:
    """One answer and how to call it."""

    name: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Trouble:
    """One header that is not as it should be, and the pages where."""

    found: str
    fix: str
    pages: tuple[str, ...] = field(default=())


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    url: str,
    paths: list[str],
    min_age: Duration,
    include_subdomains: bool,
    csp_allows: list[str],
    referrer_policies: list[str],
    timeout: Duration,
    budget: int,
) -> Result:
    """Ask for each path and for one that does not exist, and judge the headers of every answer."""
    validate(url=url, paths=paths, csp_allows=csp_allows, timeout=timeout, budget=budget)
    place = site.of(url, timeout=timeout, budget=budget)
    limits = Limits(min_age, include_subdomains, tuple(csp_allows), tuple(one.lower() for one in referrer_policies))
    pages = [_page(place, path, path) for path in paths]
    pages.append(_page(place, "/" + site.random_name(), "an error page"))
    return judge(pages, limits)


def validate(*, url: str, paths: list[str], csp_allows: list[str], timeout: float, budget: int, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    place = site.of(url, timeout=timeout, budget=budget)
    for path in paths:
        place.address(path)
    if wrong := [one for one in csp_allows if one not in LEGAL]:
        raise Misconfigured([f"input 'csp-allows' has {brief(wrong[0])!r}, expected {' or '.join(LEGAL)}"])
    if not paths:
        raise Misconfigured(["input 'paths' names no path"])


def _page(place: Site, path: str, name: str) -> Page:
    """The answer at a path, or where it redirects to on the same host; CouldNotTell when it leads away, or nowhere."""
    answer = place.ask(path)
    for _ in range(HOPS):
        there = site.goal(answer)
        if there is None or there.origin != place.base.origin:
            break
        answer = place.ask(there.full)
    site.not_moved(answer, "the page")
    site.judgeable(answer, "the page")
    return Page(name, answer)


def judge(pages: Sequence[Page], limits: Limits) -> Result:
    """Every header of every page; what lacks on several is told once."""
    if not pages:
        raise CouldNotTell("no page was looked at", "name one path or more")
    found: dict[str, Trouble] = {}
    for page in pages:
        for trouble in _troubles(page.answer, limits):
            earlier = found.get(trouble.found, trouble)
            found[trouble.found] = Trouble(trouble.found, trouble.fix, (*earlier.pages, page.name))
    names = ", ".join(brief(page.name) for page in pages)
    evidence: list[Evidence] = [
        {"message": f"{one.found} (on {', '.join(map(brief, one.pages))}) → {one.fix}"} for one in found.values()
    ]
    if not found:
        age = show_duration(limits.min_age)
        told = f"HSTS of {age} or more, CSP, nosniff, framing and referrer policy hold on {names}"
        return passed(told, target=0, measured=0, evidence=[{"message": f"looked at {names}"}])
    troubles = list(found.values())
    told = "; ".join(f"{one.found} (on {', '.join(map(brief, one.pages))})" for one in troubles[:4])
    more = f"; and {len(troubles) - 4} more" if len(troubles) > 4 else ""
    start = f"{counted(len(troubles), 'fault')} in the headers, none is allowed: "
    return failed(start + told + more, troubles[0].fix, target=0, measured=len(troubles), evidence=evidence)


def _troubles(answer: Answer, limits: Limits) -> list[Trouble]:
    hsts, policy, referrer = _hsts(answer, limits), _csp(answer, limits), _referrer(answer, limits)
    return [*hsts, *policy, *_sniffing(answer), *_framing(answer), *referrer]


def _hsts(answer: Answer, limits: Limits) -> list[Trouble]:
    name, least = "Strict-Transport-Security", show_duration(limits.min_age)
    fix = f"let the proxy send `{name}: max-age={limits.min_age:.0f}` on every answer over TLS"
    if answer.address.scheme != "https":
        return [Trouble(f"served over plain http, where no {name} counts, expected https", "serve the site over TLS")]
    values = answer.header(name)
    if not values:
        return [Trouble(f"{name} is missing, expected a max-age of {least} or more", fix)]
    # Of several headers a browser reads the first.
    pairs = [part.strip().lower().partition("=") for part in values[0].split(";")]
    ages = [value.strip().strip('"') for key, _, value in pairs if key.strip() == "max-age"]
    if len(ages) != 1 or not (ages[0].isascii() and ages[0].isdigit()) or len(ages[0]) > 12:
        return [Trouble(f"{name} is {brief(values[0])}, which has no single max-age", fix)]
    found = []
    if int(ages[0]) < limits.min_age:
        found.append(Trouble(f"{name} has a max-age of {show_duration(int(ages[0]))}, expected {least} or more", fix))
    if limits.subdomains and "includesubdomains" not in [key.strip() for key, _, _ in pairs]:
        found.append(Trouble(f"{name} lacks includeSubDomains", "add includeSubDomains to it"))
    return found


def _csp(answer: Answer, limits: Limits) -> list[Trouble]:
    name = "Content-Security-Policy"
    policies = csp.parse(answer.header(name))
    if not policies:
        only = " (there is a report-only one, which stops nothing)" if answer.header(f"{name}-Report-Only") else ""
        return [Trouble(f"{name} is missing{only}", f"send a {name} that begins with default-src 'self'")]
    fix = "name what pages load by host, nonce or hash, and nothing wider"
    return [Trouble(f"{name}: {brief(hole, 160)}", fix) for hole in csp.holes(policies, limits.csp_allows)]


def _sniffing(answer: Answer) -> list[Trouble]:
    return _one_of(answer, "X-Content-Type-Options", ("nosniff",))


def _framing(answer: Answer) -> list[Trouble]:
    ancestors = csp.framed(csp.parse(answer.header("content-security-policy")))
    if ancestors is not None:
        if csp.wide(ancestors):
            return [Trouble("frame-ancestors lets everybody frame the page", "name who may, or 'none'")]
        return []
    legal = ("deny", "sameorigin")
    values = {part.strip().lower() for value in answer.header("x-frame-options") for part in value.split(",")}
    if len(values) == 1 and values <= set(legal):
        return []
    told = f"X-Frame-Options is {brief(', '.join(sorted(values)))}" if values else "nor X-Frame-Options"
    return [
        Trouble(f"neither frame-ancestors in the CSP {told}: anybody may frame the page", "send frame-ancestors 'none'")
    ]


def _referrer(answer: Answer, limits: Limits) -> list[Trouble]:
    # A list is a fall back for old browsers: the last one that is known counts.
    last: Callable[[str], str] = lambda value: value.split(",")[-1].strip()  # noqa: E731
    return _one_of(answer, "Referrer-Policy", limits.referrer, last)


def _one_of(answer: Answer, name: str, legal: Sequence[str], read: Callable[[str], str] = str.strip) -> list[Trouble]:
    values = [read(value).lower() for value in answer.header(name)][-1:]
    if values and values[0] in legal:
        return []
    shown = brief(values[0]) if values else "missing"
    return [Trouble(f"{name} is {shown}, expected {' or '.join(legal)}", f"send `{name}: {legal[0]}` on every answer")]
