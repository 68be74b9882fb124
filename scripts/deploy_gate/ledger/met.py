"""What users met with a deployment: response time, errors and health after the switch, read from its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy_gate.checklist.model import Checklist
from deploy_gate.ledger.entry import RAN_CODE
from deploy_gate.ledger.rules import AFTER
from deploy_gate.statistics.recorded import number

P95, ERRORS, HEALTH = "p95", "errors", "health"
_POINTS = {P95: "p95_ms", ERRORS: "errors_share"}


@dataclass(frozen=True, slots=True)
class Met:
    """By name (`p95` in milliseconds, `errors` as a share, `health` in seconds): what was measured, and its target."""

    values: Mapping[str, float | None]
    targets: Mapping[str, float | None]

    @property
    def known(self) -> dict[str, float]:
        """What was measured at all."""
        return {name: value for name, value in self.values.items() if value is not None}


def names(checklist: Checklist) -> dict[str, list[str]]:
    """Which lines measure what: `health` by its name, the others by what they prove."""
    found: dict[str, list[str]] = {P95: [], ERRORS: [], HEALTH: ["health"]}
    for name, item in checklist.items.items():
        if item.check == "traffic" and item.with_.get("proves") in found:
            found[str(item.with_["proves"])].append(name)
    return found


def of(document: Mapping[str, Any], known: Mapping[str, Sequence[str]]) -> Met:
    """The last value of each that was recorded after the switch; of what no line measured, the watch's worst moment."""
    values, targets = _watched(document), dict[str, float | None]()
    for item in _items(document):
        for name, ids in known.items():
            if item.get("id") in ids and isinstance(item.get("measured"), float):
                values[name], targets[name] = number(item["measured"]), number(item.get("target"))
    return Met(values, targets)


def _items(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The lines of the reports after the switch."""
    reports = document.get("reports")
    for report in reports if isinstance(reports, list) else []:
        # One from a job that ran the repository's code may call itself what it likes.
        after = isinstance(report, dict) and report.get("phase") in list(map(str, AFTER)) and not report.get(RAN_CODE)
        if after:
            listed = report.get("items")
            yield from (one for one in (listed if isinstance(listed, list) else []) if isinstance(one, dict))


def points(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What the watch saw, moment by moment."""
    watch = document.get("watch")
    listed = watch.get("points") if isinstance(watch, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _watched(document: Mapping[str, Any]) -> dict[str, float | None]:
    seen = points(document)
    known = {name: [number(point.get(key)) for point in seen] for name, key in _POINTS.items()}
    return {name: max((one for one in values if one is not None), default=None) for name, values in known.items()}
