"""How busy a server is, from the host program or from Prometheus (node exporter)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from deploy_gate.facts.prometheus import Prometheus
from deploy_gate.result import CouldNotTell
from deploy_gate.units import show_duration

_COVERED = 0.8
_FIX = "see `slots resources` on the server; the program there may be another version's"
_ABSENT = {
    "disk-io": "the kernel there counts no disk; ask a Prometheus with a node exporter on the machine itself",
}
# Brackets in each for the selector, and for the range.
_QUERIES = {
    "cpu": '100 * (1 - avg(rate(node_cpu_seconds_total{mode="idle",%(selector)s}[%(range)s])))',
    "memory": "100 * (1 - avg_over_time(node_memory_MemAvailable_bytes{%(selector)s}[%(range)s])"
    " / avg_over_time(node_memory_MemTotal_bytes{%(selector)s}[%(range)s]))",
    "disk-io": '100 * max(rate(node_disk_io_time_seconds_total{device!~"(loop|ram|zram|sr|fd).*",%(selector)s}'
    "[%(range)s]))",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Percent, its greatest value where that is known, how it was measured, and what of its time is missing."""

    share: float
    how: str
    greatest: float | None = None
    missing: str = ""


def of_host(told: Mapping[str, Any], name: str, over: float) -> Measured:
    """From `slots resources`: the samples where they cover enough of `over`; 0: what was measured just now.

    Where they cover less, whichever of both is worse, and that it does not tell of the whole time.
    """
    sampled, now, span = _read(told, "disk" if name == "disk-io" else name)
    known = [one for one in (sampled, now) if one is not None]
    if not known or not (over or now):
        raise CouldNotTell(f"{name} is not known there", _ABSENT.get(name, _FIX))
    if not over:
        return known[-1]
    if not span:
        found = f"the guard wrote nothing down in the last {show_duration(over)}, so {name} of that time is not known"
        raise CouldNotTell(found, "see `slots guard status`, and guard.sample there; or ask for now with `over: 0s`")
    if sampled is not None and span >= _COVERED * over:
        return sampled
    covered = f"only {show_duration(span)} of {show_duration(over)} are covered by the guard's samples"
    worst = max(known, key=lambda one: one.share)
    return replace(worst, missing=covered if sampled is not None else f"the guard's samples do not tell {name}")


def _read(told: Mapping[str, Any], key: str) -> tuple[Measured | None, Measured | None, float]:
    """What the samples say, what was measured now, and how many seconds the samples cover."""
    try:
        kept, live = told["samples"], told["live"]
        span, count, mean = _number(kept["span"]), int(kept["count"]), kept[key]
        sampled = now = None
        if mean is not None:
            how = f"mean of {count} samples over {show_duration(span)}"
            sampled = Measured(_number(mean["mean"]), how, _number(mean["max"]))
        if live is not None and live[key] is not None:
            now = Measured(_number(live[key]), f"measured for {show_duration(_number(live['seconds']))}")
    except (KeyError, TypeError, ValueError, OverflowError):
        raise CouldNotTell("the server's answer does not say how busy it is", _FIX) from None
    return (sampled if span else None), now, span


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError
    return float(value)


def of_prometheus(server: Prometheus, name: str, selector: str, seconds: float) -> Measured:
    """From the node exporter's counters, over that time."""
    server.require_up(selector)
    values = {"selector": selector, "range": f"{max(round(seconds), 1)}s"}
    share = server.number(_QUERIES[name] % values)
    return Measured(share, f"mean over {show_duration(seconds)} by Prometheus")
