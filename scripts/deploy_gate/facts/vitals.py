"""How busy a server is, from the host program or from Prometheus (node exporter)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    """Percent, its greatest value where that is known, and how it was measured."""

    share: float
    how: str
    greatest: float | None = None


def of_host(told: Mapping[str, Any], name: str) -> Measured:
    """From `slots resources`: the samples where they cover enough of the time, else what was measured just now."""
    key = "disk" if name == "disk-io" else name
    try:
        kept, live = told["samples"], told["live"]
        if kept["over"] and kept["span"] >= _COVERED * kept["over"] and kept[key] is not None:
            how = f"mean of {int(kept['count'])} samples over {show_duration(float(kept['span']))}"
            return Measured(float(kept[key]["mean"]), how, float(kept[key]["max"]))
        share, seconds = (live[key], float(live["seconds"])) if live is not None else (None, 0.0)
    except (KeyError, TypeError, ValueError):
        raise CouldNotTell("the server's answer does not say how busy it is", _FIX) from None
    if not isinstance(share, int | float):
        raise CouldNotTell(f"{name} is not known there", _ABSENT.get(name, _FIX))
    return Measured(float(share), f"measured for {show_duration(seconds)}")


def of_prometheus(server: Prometheus, name: str, selector: str, seconds: float) -> Measured:
    """From the node exporter's counters, over that time."""
    server.require_up(selector)
    values = {"selector": selector, "range": f"{max(round(seconds), 1)}s"}
    share = server.number(_QUERIES[name] % values)
    return Measured(share, f"mean over {show_duration(seconds)} by Prometheus")
