"""Line charts as plain numbers for a template: no drawing library, and a table that says the same in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from deploy_gate.units import show_duration

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 96, 12, 12, 28
MOST_POINTS = 200
MOST_SERIES = 6
_KNOWN = ("ms", "s", "share", "percent")


@dataclass(frozen=True, slots=True)
class Series:
    """One line; None where nobody measured, which is a gap and not a zero."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Path:
    """A series as drawn: unbroken pieces as the attribute `points`, and dots for the points that stand out."""

    name: str
    style: int
    pieces: list[str]
    dots: list[tuple[str, str, bool]]


@dataclass(frozen=True, slots=True)
class Chart:
    """Series over labelled moments, oldest first. `unit`: ms, s, share, percent or anything that is shown as it is."""

    name: str
    title: str
    unit: str
    labels: Sequence[str]
    series: Sequence[Series]
    limit: float | None = None
    limit_name: str = "limit"
    bad: frozenset[int] = frozenset()
    """Places of moments that stand out, such as deployments that failed."""
    bad_name: str = "failed"

    def thinned(self) -> Chart:
        """At most so many points: each the worst (the highest) of its share, so that no peak gets lost."""
        size = math.ceil(len(self.labels) / MOST_POINTS)
        kept = self.series[:MOST_SERIES]
        if size <= 1:
            return replace(self, series=kept)
        spans = [range(start, min(start + size, len(self.labels))) for start in range(0, len(self.labels), size)]
        series = [Series(one.name, [_worst(one.values[span.start : span.stop]) for span in spans]) for one in kept]
        labels = [self.labels[span.start] for span in spans]
        bad = frozenset(place for place, span in enumerate(spans) if self.bad.intersection(span))
        title = f"{self.title} (each point is the highest of {size})"
        return replace(self, title=title, labels=labels, series=series, bad=bad)

    @property
    def heading(self) -> str:
        """The title, with the unit where the axis has no room for it."""
        return f"{self.title} ({self.unit})" if self.unit and self.unit not in _KNOWN else self.title

    @property
    def empty(self) -> bool:
        """Nothing was measured."""
        return all(value is None for one in self.series for value in one.values)

    @property
    def top(self) -> float:
        """The highest value of the axis: a round number above everything."""
        known = [value for one in self.series for value in one.values if value is not None]
        return _round_up(max([*known, self.limit or 0.0], default=0.0))

    @property
    def ticks(self) -> list[tuple[str, str]]:
        """Height and text of the axis' marks."""
        top = self.top
        known = self.unit in _KNOWN
        marks = [(part / 4, top * part / 4) for part in range(5)]
        return [(f"{_y(share):.1f}", self.show(value) if known else f"{value:.4g}") for share, value in marks]

    @property
    def moments(self) -> list[tuple[str, str, str]]:
        """Place, anchor and text of the first, the middle and the last label."""
        last = len(self.labels) - 1
        places = sorted({0, last // 2, last}) if last >= 2 else list(range(last + 1))
        anchors = {0: "start" if last else "middle", last: "end" if last else "middle"}
        return [(f"{self._x(one):.1f}", anchors.get(one, "middle"), self.labels[one]) for one in places]

    @property
    def limit_at(self) -> str:
        """Height of the limit's line; empty without one."""
        return "" if self.limit is None else f"{_y(self.limit / self.top):.1f}"

    @property
    def paths(self) -> list[Path]:
        """Every series as it is drawn."""
        return [Path(one.name, place, *self._drawn(one)) for place, one in enumerate(self.series)]

    @property
    def told(self) -> str:
        """The chart in a sentence, for who does not see it."""
        return "; ".join(self._told(one) for one in self.series)

    def show(self, value: float | None) -> str:
        """A value in the chart's unit, for people."""
        if value is None:
            return "—"
        if self.unit in ("ms", "s"):
            return show_duration(value / (1000 if self.unit == "ms" else 1))
        if self.unit == "share":
            return f"{100 * value:.3g} %"
        return f"{value:.3g} %" if self.unit == "percent" else f"{value:.4g}{self.unit and ' ' + self.unit}"

    def _told(self, one: Series) -> str:
        known = [value for value in one.values if value is not None]
        if not known:
            return f"{one.name}: not measured"
        newest = f"{self.show(known[-1])} at the end" if len(known) > 1 else f"{self.show(known[0])}"
        return f"{one.name}: {newest}, {self.show(min(known))} to {self.show(max(known))}"

    def _drawn(self, one: Series) -> tuple[list[str], list[tuple[str, str, bool]]]:
        runs = list(self._runs(one))
        pieces = [" ".join(f"{x:.1f},{y:.1f}" for _, x, y in run) for run in runs if len(run) > 1]
        alone = {run[0][0] for run in runs if len(run) == 1}
        dots = [
            (f"{x:.1f}", f"{y:.1f}", place in self.bad)
            for run in runs
            for place, x, y in run
            if place in self.bad or place in alone
        ]
        return pieces, dots

    def _runs(self, one: Series) -> Iterator[list[tuple[int, float, float]]]:
        top, run = self.top, list[tuple[int, float, float]]()
        for place, value in enumerate(one.values):
            if value is None:
                if run:
                    yield run
                run = []
            else:
                run.append((place, self._x(place), _y(value / top)))
        if run:
            yield run

    def _x(self, place: int) -> float:
        room, last = WIDTH - LEFT - RIGHT, len(self.labels) - 1
        return LEFT + (room * place / last if last > 0 else room / 2)


def _y(share: float) -> float:
    """Height of a share of the axis."""
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _worst(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _round_up(value: float) -> float:
    """1, 2, 4 or 8 of a power of ten, so that quarters of it are short numbers."""
    if not math.isfinite(value) or value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 4, 8, 10) if value <= power * step * 1.000001)
