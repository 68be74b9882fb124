"""No credential stands anywhere in the history: every file of every commit of every ref, and every message."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path, PurePath

from deploy_gate.catalog import About
from deploy_gate.facts import history, kingfisher, scanned, secret_baseline, secret_marks, secret_rules
from deploy_gate.facts.history import Told
from deploy_gate.facts.kingfisher import Place
from deploy_gate.facts.scanned import Seen
from deploy_gate.facts.secret_baseline import Known
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Evidence, Json, Result, brief, failed, passed
from deploy_gate.units import Duration, counted, show_duration

ABOUT = About(locks=(kingfisher.LOCK,), timeout=3700)
_MESSAGE = "(commit message)"
# What a tag or another ref names without a commit.
_OBJECT = "(object)"


@dataclass(frozen=True, slots=True)
class Find:
    """One secret: the oldest place it stands at, and all of them."""

    first: Place
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What was scanned, what stands there, and what somebody answers for."""

    commits: int
    new: int
    finds: tuple[Find, ...] = ()
    known: Sequence[Known] = field(default_factory=tuple)
    today: date = field(default_factory=lambda: datetime.now(UTC).date())


def check(*, baseline: str, cache: str, time_limit: Duration) -> Result:
    """Scan what is new, add what was found before, and judge; CouldNotTell unless all of the history is here."""
    known = secret_baseline.read(baseline, of_commits=True)
    ends = history.tips()
    scanner = kingfisher.program()
    stamp = kingfisher.version()
    file = Path(cache) if cache else None
    seen = scanned.read(file, stamp)
    told, fresh = (Told(), []) if set(ends) <= set(seen.tips) else _scan(scanner, seen.tips, time_limit)
    seen = _together(seen, ends, told, fresh)
    if file:
        scanned.write(file, stamp, seen)
    return judge(Facts(seen.commits, len(told.commits), grouped(seen.places, seen.heights), known))


def validate(*, baseline: str, time_limit: float, **_: object) -> None:
    """Misconfigured for a baseline that cannot be read, before anything is scanned."""
    secret_baseline.read(baseline, of_commits=True)
    if not 1 <= time_limit <= 3600:
        raise Misconfigured([f"input 'time-limit' is {show_duration(time_limit)}, expected 1 s to 1 h"])


def _scan(scanner: Path, tips: Sequence[str], seconds: float) -> tuple[Told, list[Place]]:
    """All places that the commits of `tips` do not reach: one that is gone meanwhile leaves nothing out."""
    done = list(history.commits(tips).values())
    with history.laid_out(done) as layout, ThreadPoolExecutor(1) as beside:
        said = beside.submit(_messages, scanner, done, layout.folder, seconds)
        since = (f"--since-commit={layout.base}",) if layout.base else ()
        found = kingfisher.scan(scanner, layout.repository, since, layout.folder / "home", seconds)
        found = [_named(one) for one in secret_marks.lasting(found, layout.repository)]
        told, places = said.result()
        # The scanner looks at commits that no ref reaches, too, as far as they lie here.
        return told, [*_reachable(found, set(told.commits)), *places]


def _messages(scanner: Path, done: Sequence[str], folder: Path, seconds: float) -> tuple[Told, list[Place]]:
    """What the messages hold, beside the files: git takes long to tell them all."""
    told = history.told(done)
    repository = history.written(told.text, folder / "messages.git")
    found = kingfisher.scan(scanner, repository, (), folder / "other", seconds)
    return told, [_said(one, told) for one in found]


def _said(one: Place, told: Told) -> Place:
    mark = secret_marks.mark_of(told.text, one)
    return Place(one.rule, _MESSAGE, 0, told.owner(one.line), mark)


def _named(one: Place) -> Place:
    """With the object that it is, where the scanner knows no commit."""
    return one if one.commit else replace(one, path=_OBJECT, commit="".join(PurePath(one.path).parts[-2:]))


def _together(seen: Seen, ends: Sequence[str], told: Told, fresh: Sequence[Place]) -> Seen:
    """What was found before and now, without what no ref reaches any more."""
    if history.whole(seen.tips, ends):
        new = {commit: seen.commits + height for height, commit in enumerate(reversed(told.commits))}
        places = dict.fromkeys([*seen.places, *fresh])
        return Seen(tuple(ends), seen.commits + len(new), {**seen.heights, **new}, tuple(places))
    heights = history.heights()
    places = dict.fromkeys([*_reachable(seen.places, heights), *fresh])
    return Seen(tuple(ends), len(heights), heights, tuple(places))


def _reachable(places: Sequence[Place], commits: Container[str]) -> list[Place]:
    """Objects that no ref reaches any more are no history; what a tag or ref names directly is."""
    loose = {one for one in places if one.commit not in commits}
    objects = history.objects() if loose else set()
    return [one for one in places if one not in loose or one.commit in objects]


def grouped(places: Sequence[Place], heights: Mapping[str, int]) -> tuple[Find, ...]:
    """Places by the secret that stands there, the oldest first; our own rule names what two rules found."""

    def age(one: Place) -> float:
        # A tag, or what it names, has no place among the commits: it counts as the newest.
        return heights.get(one.commit, math.inf)

    by_mark: dict[str, list[Place]] = {}
    for one in places:
        by_mark.setdefault(one.mark, []).append(one)
    finds = []
    for same in by_mark.values():
        same.sort(key=lambda one: (age(one), one.rule not in secret_rules.NAMES, one.path))
        finds.append(Find(same[0], tuple(same)))
    finds.sort(key=lambda one: (-age(one.first), one.first.path, one.first.line))
    return tuple(finds)


def judge(facts: Facts) -> Result:
    """A secret fails unless somebody answers for it, and his day has not passed."""
    scope = f"{counted(facts.commits, 'commit')} of all refs ({facts.new} new since the last scan)"
    answered = {find: _answer(find, facts.known) for find in facts.finds}
    bad = [find for find, known in answered.items() if known is None or known.over(facts.today)]
    evidence = [_evidence(find, answered[find], facts.today) for find in facts.finds]
    evidence += [_stale(one) for one in facts.known if one not in answered.values()]
    more = {"target": 0, "measured": len(bad), "evidence": evidence}
    kept = len(facts.finds) - len(bad)
    also = f"; {kept} more in the baseline" if kept else ""
    if not bad:
        return passed(f"0 secrets in {scope}, the limit is 0{also}", **more)
    shown = ", ".join(_shown(one, answered[one]) for one in bad[:3]) + (", …" if len(bad) > 3 else "")
    fix = (
        "revoke it where it was issued: whoever has a clone has it. Then name it in the baseline with why, by and "
        "until, or rewrite the history (`git filter-repo`)"
    )
    return failed(f"{counted(len(bad), 'secret')} in {scope}, the limit is 0: {shown}{also}", fix, **more)


def _answer(find: Find, known: Sequence[Known]) -> Known | None:
    return secret_baseline.longest(
        one for one in known if any(one.covers(at.rule, at.path, at.commit) for at in find.places)
    )


def _shown(find: Find, known: Known | None) -> str:
    first = find.first
    late = f", whose baseline ended on {known.until}" if known else ""
    return f"{brief(first.rule)} in {brief(first.path)} of {first.commit[:12]}{late}"


def _evidence(find: Find, known: Known | None, today: date) -> Evidence:
    first = find.first
    told = f"{_shown(find, None)}, at {counted(len({(one.path, one.commit) for one in find.places}), 'place')}"
    if known and not known.over(today):
        told += f"; in the baseline until {known.until} by {brief(known.by)}: {brief(known.why, 200)}"
    elif known:
        told += f"; its baseline ended on {known.until}"
    place: dict[str, Json] = (
        {"path": brief(first.path, 300), "line": first.line} if first.path not in (_MESSAGE, _OBJECT) else {}
    )
    return {"message": told, "rule": first.rule, "commit": first.commit, **place}


def _stale(one: Known) -> Evidence:
    where = f"{brief(one.rule)} in {brief(one.path)} of {one.commit[:12]}"
    return {"message": f"the baseline names {where}, which is not there any more", "rule": "stale-baseline"}
