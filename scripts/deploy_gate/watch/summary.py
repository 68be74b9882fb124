"""The watch for people: one text in Markdown, written once, at its end. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from deploy_gate.report.markdown import escape
from deploy_gate.units import show_duration
from deploy_gate.watch import chart
from deploy_gate.watch.chart import Point
from deploy_gate.watch.decision import Verdict
from deploy_gate.watch.metrics import Seen
from deploy_gate.watch.rule import State
from deploy_gate.watch.timeline import Moment, Times

_ICONS = {"go": "✅", "no-go": "❌", "could-not-tell": "❔"}
_STATES = {State.FINE: "✅", State.FAILING: "❌", State.NO_DATA: "❔", State.INCONCLUSIVE: "❔"}
_MOST_MOMENTS = 60


def text(
    verdict: Verdict,
    outcome: str,
    seen: Sequence[Seen],
    moments: Sequence[Moment],
    times: Times,
    points: Sequence[Point],
    left_out: Sequence[str] = (),
) -> str:
    """All of it."""
    by = f"`{verdict.by}` " if verdict.by else ""
    parts = [f"## {_ICONS[verdict.word]} watch: {verdict.word}\n\n{escape(outcome)}\n\n"]
    parts.append(f"Decided by {by}{escape(verdict.why)}\n\n" if by else f"{escape(verdict.why)}\n\n")
    if times.told:
        parts.append(f"**{escape(times.told)}**\n\n")
    parts.append(_picture(points))
    parts.append("| | line | looks | could not tell | bad | found |\n|---|---|---|---|---|---|\n")
    parts += [_row(one) for one in seen]
    parts.append("\n<details open><summary>Timeline</summary>\n\n| after | what | | |\n|---|---|---|---|\n")
    parts += [_moment(one) for one in _some(moments)]
    parts.append("\n</details>\n\n")
    if left_out:
        listed = "".join(f"- {escape(one)}\n" for one in left_out)
        parts.append(f"<details><summary>Not watched: {len(left_out)}</summary>\n\n{listed}\n</details>\n\n")
    return "".join(parts)


def _some(moments: Sequence[Moment]) -> Sequence[Moment]:
    return [*moments[: _MOST_MOMENTS // 2], *moments[max(_MOST_MOMENTS // 2, len(moments) - _MOST_MOMENTS // 2) :]]


def _moment(one: Moment) -> str:
    return f"| {show_duration(one.at)} | {one.what} | {escape(one.id)} | {escape(one.text)} |\n"


def _row(one: Seen) -> str:
    track, metric = one.metric.track, one.metric
    name = f"{escape(metric.title)} <br><sub>{escape(metric.id)}, {metric.role}</sub>"
    counts = f"{track.looks} | {track.none} | {track.bad}"
    return f"| {_STATES[one.state]} {one.state} | {name} | {counts} | {escape(one.why)} |\n"


def _picture(points: Sequence[Point]) -> str:
    if not points:
        return ""
    lines = []
    for name, values in chart.rows(points).items():
        known = [one for one in values if one is not None]
        if known:
            lines.append(f"{name:<9}{chart.signs(values)}  {min(known):g} to {max(known):g}\n")
    return "```text\n" + "".join(lines) + "```\n\n" if lines else ""
