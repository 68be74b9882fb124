"""A site serves none of the files and pages that give it away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deploy_gate.catalog import About
from deploy_gate.facts import leaks, site
from deploy_gate.facts.http import Answer
from deploy_gate.facts.leaks import Leak
from deploy_gate.facts.site import Site
from deploy_gate.problems import Misconfigured, nearest
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed, warned
from deploy_gate.units import Duration, counted, show_size

ABOUT = About(reads=site.READS, timeout=240, rude=1)

LOOK = 64 * 1024
Verdict = Literal["exposed", "suspicious", "unknown", "closed"]


@dataclass(frozen=True, slots=True)
class Control:
    """What is answered for a path that cannot exist."""

    status: int
    body: bytes
    name: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One path and what became of it."""

    path: str
    verdict: Verdict
    why: str


def check(*, url: str, paths: list[str], public: list[str], timeout: Duration, budget: int) -> Result:
    """Ask for each path once and judge the answer by its content."""
    validate(url=url, paths=paths, public=public, timeout=timeout, budget=budget)
    site.not_while_watching()
    place = site.of(url, timeout=timeout, budget=budget)
    wanted = [one for one in leaks.KNOWN if one.path not in public]
    wanted += [Leak(path, "declared as not public") for path in paths]
    controls = _controls(place)
    return judge([_look(place, one, controls) for one in wanted])


def validate(*, url: str, paths: list[str], public: list[str], timeout: float, budget: int) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    place = site.of(url, timeout=timeout, budget=budget)
    for path in paths:
        place.address(path)
    known = [one.path for one in leaks.KNOWN]
    for path in public:
        if path not in known:
            raise Misconfigured([f"input 'public' has {brief(path)!r}, which is not looked at{nearest(path, known)}"])
    if len(paths) + len(known) - len(public) + 2 > budget:
        raise Misconfigured([f"input 'budget' is {budget}, too few for {len(paths) + len(known) - len(public)} paths"])


def _controls(place: Site) -> list[Control]:
    """Two paths that cannot exist: a page like any other, and one that looks like a file."""
    found = []
    for ending in ("", ".sql"):
        name = site.random_name()
        answer = place.slashed(place.patient(f"/{name}{ending}", limit=LOOK), limit=LOOK)
        site.judgeable(answer, "a path that does not exist")
        # Where all is sent elsewhere (to https, to www, to a page about maintenance), every path would look closed.
        site.not_moved(answer, "a path that does not exist")
        if answer.status == 403:
            found_ = f"even a path that does not exist is answered 403 by {brief(place.base.host)}: are we locked out?"
            raise CouldNotTell(found_, "let this address in, or run from another, then run this again")
        found.append(Control(answer.status, answer.body, name))
    return found


def _look(place: Site, leak: Leak, controls: Sequence[Control]) -> Finding:
    answer = place.slashed(place.ask(leak.path, limit=LOOK), limit=LOOK)
    return assess(leak, answer, controls)


def assess(leak: Leak, answer: Answer, controls: Sequence[Control]) -> Finding:
    """One answer: what is in it counts more than its status, and the page that stands for every path for nothing."""
    status = answer.status
    # A page that repeats the path it was asked for must not be recognised by that.
    seen = leak.recognises(answer.body.replace(leak.path.strip("/").encode(), b""))
    if status == 429 or (status >= 500 and not seen):
        return Finding(leak.path, "unknown", f"answered {status}")
    if any(_same(leak.path, answer, one) for one in controls):
        return Finding(leak.path, "closed", f"answered {status}, as for every path")
    if seen and not any(leak.recognises(one.body) for one in controls):
        return Finding(leak.path, "exposed", f"{leak.what} is served (status {status}, {show_size(len(answer.body))})")
    if not 200 <= status < 300:
        return Finding(leak.path, "closed", f"answered {status}")
    if not leak.signature:
        return Finding(leak.path, "exposed", f"answered {status}: {leak.what}")
    return Finding(leak.path, "suspicious", f"answered {status} with something that is not recognised as {leak.what}")


def _same(path: str, answer: Answer, control: Control) -> bool:
    """Whether it is the page for every path; such a page may hold the path, or a token that changes each time."""
    if control.status != answer.status:
        return False
    ours = _plain(answer.body, path.strip("/"))
    theirs = _plain(control.body, control.name)
    if ours == theirs:
        return True
    import difflib

    short = min(len(ours), len(theirs)) > 200
    return short and difflib.SequenceMatcher(None, ours[:4096], theirs[:4096], autojunk=False).quick_ratio() > 0.98


def _plain(body: bytes, name: str) -> str:
    text = body.decode(errors="replace")
    return re.sub(r"[0-9a-fA-F]{16,}|\d{4,}", "#", text.replace(name, "#"))


def judge(findings: Sequence[Finding]) -> Result:
    """One exposed path is too many; what could not be told is not closed."""
    by: dict[Verdict, list[Finding]] = {"exposed": [], "suspicious": [], "unknown": [], "closed": []}
    for one in findings:
        by[one.verdict].append(one)
    evidence: list[Evidence] = [
        {"message": f"{brief(one.path)}: {one.why}", "rule": one.verdict}
        for name, several in by.items()
        for one in several
        if name != "closed"
    ]
    more = {"target": 0, "measured": len(by["exposed"]), "evidence": evidence}
    asked = counted(len(findings), "path")
    if by["exposed"]:
        found = f"{len(by['exposed'])} of {asked} served, none may be: {_told(by['exposed'])}"
        fix = "take it off the server or deny it in the proxy, and change every secret that was in it"
        return failed(found, fix, **more)
    if by["unknown"] or not findings:
        found = f"{len(by['unknown'])} of {asked} could not be judged: {_told(by['unknown'])}"
        raise CouldNotTell(found, "see why the site answers so, then run this again", evidence)
    if by["suspicious"]:
        found = f"{len(by['suspicious'])} of {asked} answered with something unknown: {_told(by['suspicious'])}"
        return warned(found, "open these addresses; deny them, or name them in `public`", **more)
    return passed(f"none of {asked} is served, none may be", **more)


def _told(findings: Sequence[Finding]) -> str:
    more = f"; and {len(findings) - 4} more" if len(findings) > 4 else ""
    return "; ".join(f"{brief(one.path)}: {brief(one.why, 120)}" for one in findings[:4]) + more
