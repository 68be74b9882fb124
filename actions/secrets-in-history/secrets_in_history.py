"""No credential stands anywhere in the history: every file of every commit of every ref, and every message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path, PurePath

from deploy_gate.catalog import About
from deploy_gate.facts import history, kingfisher, scanned, secret_baseline, secret_marks, secret_rules
from deploy_gate.facts.history import Layout
from deploy_gate.facts.kingfisher import Place
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
    known = secret_baseline.read(baseline)
    ends = history.tips()
    scanner = kingfisher.program()
    stamp = f"{kingfisher.version(scanner)} {secret_rules.version()}"
    file = Path(cache) if cache else None
    seen = scanned.read(file, stamp)
    done = history.commits(seen.tips)
    fresh = [] if set(ends) <= set(seen.tips) else _scan(scanner, done, time_limit)
    places = [*seen.places, *fresh]
    order = history.order()
    places = _reachable(places, order)
    if file and len(ends) <= scanned.MAX_TIPS:
        scanned.write(file, stamp, ends, places)
    return judge(Facts(len(order), history.count(done), grouped(places, order), known))


def validate(*, baseline: str, time_limit: float, **_: object) -> None:
    """Misconfigured for a baseline that cannot be read, before anything is scanned."""
    secret_baseline.read(baseline)
    if not 1 <= time_limit <= 3600:
        raise Misconfigured([f"input 'time-limit' is {show_duration(time_limit)}, expected 1 s to 1 h"])


def _scan(scanner: Path, done: Sequence[str], seconds: float) -> list[Place]:
    """All places that the commits `done` do not reach: one that is gone meanwhile leaves nothing out."""
    with history.laid_out(done) as layout:
        since = (f"--since-commit={layout.base}",) if layout.base else ()
        home = layout.folder / "home"
        home.mkdir()
        found = kingfisher.scan(scanner, layout.repository, since, home, seconds)
        return [_named(one, layout) for one in secret_marks.lasting(found, layout.repository)]


def _named(one: Place, layout: Layout) -> Place:
    """With the commit whose message it is, or the object that it is, where the scanner knows no commit."""
    if one.commit == layout.made:
        return replace(one, path=_MESSAGE, commit=layout.owner(one.line), line=0)
    if not one.commit:
        return replace(one, path=_OBJECT, commit="".join(PurePath(one.path).parts[-2:]))
    return one


def _reachable(places: Sequence[Place], order: Mapping[str, int]) -> list[Place]:
    """Objects that no ref reaches any more are no history; what a tag or ref names directly is."""
    loose = {one for one in places if one.commit not in order}
    objects = history.blobs() if loose else set()
    return [one for one in dict.fromkeys(places) if one not in loose or one.commit in objects]


def grouped(places: Sequence[Place], order: Mapping[str, int]) -> tuple[Find, ...]:
    """Places by the secret that stands there, the oldest first; our own rule names what two rules found."""
    by_mark: dict[str, list[Place]] = {}
    for one in places:
        by_mark.setdefault(one.mark, []).append(one)
    finds = []
    for same in by_mark.values():
        same.sort(key=lambda one: (-order.get(one.commit, -1), not one.rule.startswith(secret_rules.PREFIX), one.path))
        finds.append(Find(same[0], tuple(same)))
    finds.sort(key=lambda one: (order.get(one.first.commit, -1), one.first.path, one.first.line))
    return tuple(finds)


def judge(facts: Facts) -> Result:
    """A secret fails unless somebody answers for it, and his day has not passed."""
    scope = f"{counted(facts.commits, 'commit')} of all refs ({facts.new} new since the last scan)"
    answered = {find: _answer(find, facts.known) for find in facts.finds}
    bad = [find for find, known in answered.items() if known is None or known.until < facts.today]
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
    """Of several the one that counts longest."""
    fitting = [one for one in known if any(one.covers(at.rule, at.path, at.commit) for at in find.places)]
    return max(fitting, key=lambda one: one.until, default=None)


def _shown(find: Find, known: Known | None) -> str:
    first = find.first
    late = f", whose baseline ended on {known.until}" if known else ""
    return f"{brief(first.rule)} in {brief(first.path)} of {first.commit[:12]}{late}"


def _evidence(find: Find, known: Known | None, today: date) -> Evidence:
    first = find.first
    told = f"{_shown(find, None)}, at {counted(len({(one.path, one.commit) for one in find.places}), 'place')}"
    if known and known.until >= today:
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
