"""The window as pictures: an SVG for a file, and one line of signs for places that show no picture. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, GAP = 720, 70, 110, 26, 34
MOST = 240
MOST_KEPT = 60
"""Points that the ledger keeps of a watch."""
_SIGNS = "▁▂▃▄▅▆▇█"
_COLOURS = {"p95 ms": "#1f6feb", "errors %": "#cf222e", "health": "#1a7f37"}


@dataclass(frozen=True, slots=True)
class Point:
    """Some seconds of the window: p95 in milliseconds, share of errors in percent, 1 for a well front door."""

    at: float
    p95: float | None
    errors: float | None
    health: float | None


def points(samples: Sequence[Any], began: float) -> list[Point]:
    """From the guard's samples, whatever they hold; `began` is a moment of the server's clock."""
    found = []
    for one in samples:
        if not isinstance(one, dict) or not isinstance(one.get("at"), int | float):
            continue
        requests, errors = _number(one.get("requests")), _number(one.get("errors"))
        front = one.get("front")
        status = front.get("status") if isinstance(front, dict) else None
        share = 100 * errors / requests if requests and errors is not None else None
        health = None if status is None else float(status == 200)
        found.append(Point(round(float(one["at"]) - began, 1), _number(one.get("p95")), share, health))
    return _thinned(found, MOST)


def _thinned(found: Sequence[Point], most: int) -> list[Point]:
    step = -(-len(found) // most) or 1
    return [_worst(found[place : place + step]) for place in range(0, len(found), step)]


def kept(found: Sequence[Point]) -> list[dict[str, str | float]]:
    """The same for the record, as a page draws series: a moment since the watch began, and numbers by their unit."""
    return [_kept(one) for one in _thinned(found, MOST_KEPT)]


def _kept(one: Point) -> dict[str, str | float]:
    minutes, seconds = divmod(round(abs(one.at)), 60)
    errors = None if one.errors is None else round(one.errors / 100, 6)
    numbers = {"p95_ms": one.p95, "errors_share": errors, "health_share": one.health}
    known = {name: value for name, value in numbers.items() if value is not None}
    return {"at": f"{'-' if one.at < 0 else '+'}{minutes}:{seconds:02}", **known}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _worst(some: Sequence[Point]) -> Point:
    """Of many the worst: a second of trouble must not vanish in a mean."""
    return Point(
        some[0].at,
        max((one.p95 for one in some if one.p95 is not None), default=None),
        max((one.errors for one in some if one.errors is not None), default=None),
        min((one.health for one in some if one.health is not None), default=None),
    )


def rows(found: Sequence[Point]) -> dict[str, list[float | None]]:
    """The three lines of the picture."""
    return {
        "p95 ms": [one.p95 for one in found],
        "errors %": [one.errors for one in found],
        "health": [one.health for one in found],
    }


def signs(values: Sequence[float | None], width: int = 60) -> str:
    """One line: the higher the sign, the larger the value; a dot where nothing is known."""
    step = -(-len(values) // width) or 1
    groups = [[one for one in values[place : place + step] if one is not None] for place in range(0, len(values), step)]
    most = max((one for group in groups for one in group), default=0) or 1
    return "".join(_SIGNS[round((len(_SIGNS) - 1) * max(group) / most)] if group else "·" for group in groups)


def svg(found: Sequence[Point], marks: Sequence[tuple[float, str]] = ()) -> str:
    """The three lines below each other, with a mark where something was decided."""
    height = TOP + 3 * (HEIGHT + GAP)
    last = max((one.at for one in found), default=0.0) or 1.0
    view = f"0 0 {WIDTH + LEFT + 20} {height}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}" font-family="sans-serif" font-size="12">',
        "<title>p95, errors and health over the window</title>",
    ]
    for number, (name, values) in enumerate(rows(found).items()):
        top = TOP + number * (HEIGHT + GAP)
        parts += _line(name, values, [one.at / last for one in found], top)
    for at, text in marks[:20]:
        x = LEFT + WIDTH * min(max(at / last, 0), 1)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="14" y2="{height - GAP}" stroke="#9a6700"/>')
        parts.append(f'<text x="{x:.1f}" y="11" text-anchor="middle" fill="#9a6700">{escape(text[:40])}</text>')
    return "".join(parts) + "</svg>\n"


def _line(name: str, values: Sequence[float | None], places: Sequence[float], top: int) -> list[str]:
    most = max((one for one in values if one is not None), default=0.0) or 1.0
    drawn, pieces = False, []
    for value, place in zip(values, places, strict=True):
        if value is None:
            drawn = False
            continue
        pieces.append(f"{'L' if drawn else 'M'}{LEFT + WIDTH * place:.1f} {top + HEIGHT * (1 - value / most):.1f}")
        drawn = True
    colour = _COLOURS[name]
    return [
        f'<text x="{LEFT - 8}" y="{top + 12}" text-anchor="end">{name}</text>',
        f'<text x="{LEFT - 8}" y="{top + 28}" text-anchor="end" fill="#656d76">most {most:g}</text>',
        f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#d0d7de"/>',
        f'<path d="{" ".join(pieces)}" fill="none" stroke="{colour}" stroke-width="1.5"/>' if pieces else "",
    ]
