"""The site of all deployments: static pages built from the ledger, ready to be served, or to be opened from a disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from deploy_gate.checklist.model import Checklist
from deploy_gate.ledger import backtest, met, rules
from deploy_gate.ledger.backtest import Judgement
from deploy_gate.pages import deployment, layout, trends
from deploy_gate.pages.archive import Archive, Record
from deploy_gate.pages.trends import Measure

NEWEST = 50
"""How many the first page lists."""
ROWS = 500
"""How many a page of a month lists: more make a browser slow."""
LAST = 20
"""How many deployments of each environment are judged again."""
WHOLE = 100
"""Of how many of the newest deployments the evidence is shown: a hundred lines each take their time to write."""
MOST_PLACES = 10


@dataclass(frozen=True, slots=True)
class Options:
    """Of how many of the newest deployments the whole evidence gets onto their pages, and what counts as now."""

    now: datetime
    whole: int = WHOLE


@dataclass(slots=True)
class _Seen:
    """What the evidence of the newest deployments held, by environment."""

    measures: dict[str, list[Measure]] = field(default_factory=dict)
    judged: dict[str, list[Judgement]] = field(default_factory=dict)
    numbers: dict[str, list[int]] = field(default_factory=dict)
    """Their numbers in the ledger."""


@dataclass(frozen=True, slots=True)
class Month:
    """One page of a month's deployments, newest first; a full month has several."""

    name: str
    file: str
    records: Sequence[Record]
    failures: int


def build(there: Archive, checklist: Checklist, options: Options, write: Callable[[str, str], None]) -> int:
    """Hand every page to `write` as its path and text; returns how many there are."""
    places = there.environments[:MOST_PLACES]
    seen, pages = _Seen(), 0
    tried = {name: rules.of(checklist, name, {}) for name in places}
    for path, text in _deployments(there, checklist, options, seen, tried):
        write(path, text)
        pages += 1
    months = list(_months(there.records))
    counted = {name: there.of(name) for name in places}
    targets = {name: one.target for name, one in checklist.metrics.items()}
    figures = {name: trends.figures(known, targets, options.now, name) for name, known in counted.items()}
    charts = {name: trends.measures(seen.measures.get(name, []), name) for name in places}
    made = f"{options.now:%Y-%m-%d %H:%M} UTC"
    common = {"there": there, "made": made, "places": places, "figures": figures, "months": months}
    newest = list(reversed(there.records[-NEWEST:]))
    write("index.html", layout.render("index.html", up="", here="index", records=newest, charts=charts, **common))
    write("metrics.html", layout.render("metrics.html", up="", here="metrics", charts=charts, **common))
    again = {"judged": seen.judged, "numbers": seen.numbers, "counts": backtest.counts, "last": LAST}
    write("backtest.html", layout.render("backtest.html", up="", here="backtest", **again, **common))
    for month in months:
        write(month.file, layout.render("month.html", up="", here="month", month=month, **common))
    return pages + 3 + len(months)


def _deployments(
    there: Archive, checklist: Checklist, options: Options, seen: _Seen, tried: Mapping[str, rules.Rules]
) -> Iterator[tuple[str, str]]:
    """Newest first, so that the evidence is read once: for its page, the charts and the backtest."""
    beside, titles = _neighbours(there.records), deployment.titles(checklist)
    known = met.names(checklist)
    for place, record in enumerate(reversed(there.records)):
        document: Mapping[str, Any] | None = None
        why = ""
        if place < options.whole:
            document, why = there.document(record)
            _collect(seen, record, document, known, tried)
        page = deployment.page(record, document, why, beside[record.number], titles)
        yield f"deployments/{record.number}.html", page


def _collect(
    seen: _Seen,
    record: Record,
    document: Mapping[str, Any],
    known: Mapping[str, Sequence[str]],
    tried: Mapping[str, rules.Rules],
) -> None:
    name = record.entry.environment
    if record.told is None or name not in tried:
        return
    measures, judged = seen.measures.setdefault(name, []), seen.judged.setdefault(name, [])
    if len(measures) < trends.MOST:
        measures.append(Measure(record, met.of(document, known)))
    if len(judged) < LAST:
        judged.append(backtest.judge(record.told, document, tried[name]))
        seen.numbers.setdefault(name, []).append(record.number)


def _neighbours(records: Sequence[Record]) -> dict[int, tuple[int | None, int | None]]:
    """The numbers before and after each line, of the same environment."""
    found: dict[int, tuple[int | None, int | None]] = {}
    last: dict[str, int] = {}
    for one in records:
        before = last.get(one.entry.environment)
        if before is not None:
            found[before] = (found[before][0], one.number)
        found[one.number] = (before, None)
        last[one.entry.environment] = one.number
    return found


def _months(records: Sequence[Record]) -> Iterator[Month]:
    ordered = sorted(records, key=lambda one: (one.entry.ended, one.number), reverse=True)
    for name, found in groupby(ordered, key=lambda one: one.entry.ended[:7]):
        own = list(found)
        for start in range(0, len(own), ROWS):
            part = own[start : start + ROWS]
            number = start // ROWS + 1
            failures = sum(one.mood in ("bad", "open") for one in part)
            title = f"{name} ({number})" if len(own) > ROWS else name
            yield Month(title, f"month-{name}{f'-{number}' if number > 1 else ''}.html", part, failures)


@contextmanager
def into(folder: Path) -> Iterator[Callable[[str, str], None]]:
    """Writes pages below a folder, beside the work that makes them; OSError of any of them at the end."""
    (folder / "deployments").mkdir(parents=True)
    with ThreadPoolExecutor(1) as beside:
        waiting: list[Future[None]] = []

        def write(path: str, text: str) -> None:
            waiting.append(beside.submit(_write, f"{folder}/{path}", text.encode("utf-8", "replace")))

        yield write
        for one in waiting:
            one.result()


def _write(path: str, raw: bytes) -> None:
    with Path(path).open("xb", buffering=0) as stream:
        stream.write(raw)
