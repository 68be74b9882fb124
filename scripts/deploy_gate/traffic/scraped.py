"""The users' requests as Prometheus counted them: raw counters and histograms of the application."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deploy_gate.facts.prometheus import Labels, Prometheus
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.traffic.figures import Figures, Traffic, Window

_READS = ("GET", "HEAD", "OPTIONS")
_PATHS = ("handler", "path", "endpoint", "route", "uri")
_STATUS = (
    *("status", "code", "status_code", "http_status", "response_code", "http_status_code"),
    *("http_response_status_code", "status_class"),
)
_LONGEST = 1e7
_BEYOND = 60.0
_NUMBER = re.compile(r"[1-9](?:\d\d|xx|XX)")
Patterns = Sequence[tuple[str, re.Pattern[str]]]


@dataclass(frozen=True, slots=True)
class Metrics:
    """What they are called, and which classes of endpoints there are."""

    requests: str
    durations: str
    classes: Patterns
    status: str = ""
    """Label of the status; empty: whichever of the usual ones holds one."""


def traffic(server: Prometheus, metrics: Metrics, selectors: tuple[str, str], spans: tuple[float, float]) -> Traffic:
    """The window of `spans[0]` seconds until now of the first selector; of the second one the span before it."""
    selector, old = selectors
    seconds, before = spans
    server.require_up(selector)
    window = _window(server, metrics, selector, seconds, 0)
    if not window.classes:
        found = f"Prometheus has no {metrics.requests} with {{{brief(selector)}}}"
        raise CouldNotTell(found, "correct `requests-metric` or `selector`, or let the application export its metrics")
    baseline = _window(server, metrics, old, before, seconds) if old else None
    return Traffic("", window, baseline, source="Prometheus", taken=window.users.requests)


def _window(server: Prometheus, metrics: Metrics, selector: str, seconds: float, ago: float) -> Window:
    found: dict[str, Figures] = {}
    ignored = 0
    for labels, grown in server.grown(metrics.requests, selector, seconds, ago).items():
        kind, number = _class(labels, metrics.classes), round(grown)
        if kind == "ignore":
            ignored += number
        else:
            one = found.get(kind, Figures())
            failed = number if number and _status(labels, metrics) >= "5" else 0
            found[kind] = replace(one, requests=one.requests + number, errors=one.errors + failed)
    for kind, ms in _times(
        server.grown(f"{metrics.durations}_bucket", selector, seconds, ago), metrics.classes
    ).items():
        found[kind] = replace(found.get(kind, Figures()), ms=ms)
    return Window(brief(selector, 60), seconds, found, ignored=ignored)


def _class(labels: Labels, classes: Patterns) -> str:
    known = dict(labels)
    path = next((known[name] for name in _PATHS if name in known), "")
    plain = "read" if known.get("method", "GET").upper() in _READS else "write"
    return next((name for name, pattern in classes if path and pattern.search(path)), plain)


def _status(labels: Labels, metrics: Metrics) -> str:
    """`503` or `5xx`; CouldNotTell without one: taken for well, every error would vanish."""
    known = dict(labels)
    names = (metrics.status,) if metrics.status else _STATUS
    found = next((known[name] for name in names if _NUMBER.fullmatch(known.get(name, ""))), "")
    if not found:
        shown = ", ".join(f"{name}={value}" for name, value in labels if name != "__name__")
        told = f"Prometheus has requests of which {metrics.requests} tells no status: {{{brief(shown, 200)}}}"
        fix = "name the label that holds 500 or 5xx in `status-label`, or let the application export one"
        raise CouldNotTell(told, fix)
    return found


def _times(buckets: dict[Labels, float], classes: Patterns) -> dict[str, dict[int, int]]:
    """Each request counts with the upper bound of its bucket: what is said to be within a limit is."""
    series: dict[Labels, list[tuple[float, float]]] = {}
    for labels, grown in buckets.items():
        bound = _bound(dict(labels).get("le", ""))
        series.setdefault(tuple(one for one in labels if one[0] != "le"), []).append((bound, grown))
    found: dict[str, dict[int, int]] = {}
    for labels, points in series.items():
        kind = _class(labels, classes)
        if kind == "ignore":
            continue
        ms, below, last = found.setdefault(kind, {}), 0.0, 0.0
        for bound, grown in sorted(points):
            if not math.isfinite(bound) and len(points) == 1:
                raise _no_bound("+Inf alone")
            # What no bucket holds took longer than the last one says; how long is not known, so it was not quick.
            key = round((bound if math.isfinite(bound) else max(last * 10, _BEYOND)) * 1000)
            ms[key] = ms.get(key, 0) + max(round(grown - below), 0)
            below, last = max(grown, below), bound
    return found


def _bound(text: str) -> float:
    """Seconds; CouldNotTell for what bounds no bucket of a histogram."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if found == math.inf or 0 <= found < _LONGEST:
        return found
    raise _no_bound(brief(text, 40) or "missing")


def _no_bound(text: str) -> CouldNotTell:
    told = f"Prometheus tells no upper bound of a bucket: le is {text}"
    return CouldNotTell(told, "correct `duration-metric`: the name of a histogram of seconds, without _bucket")
