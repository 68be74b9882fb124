"""Users fare well since the switch: quick enough, few errors, not worse than with the release before."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.facts import http, marker, onhost, prometheus
from deploy_gate.facts.onhost import Place
from deploy_gate.facts.prometheus import METRIC, Prometheus
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, brief
from deploy_gate.traffic import figures, judging, scraped, topup
from deploy_gate.traffic.bands import Limits
from deploy_gate.traffic.figures import Traffic
from deploy_gate.traffic.judging import Proves
from deploy_gate.units import Duration, duration, percent

ABOUT = About(secrets=(*onhost.SECRETS, marker.VARIABLE), reads=onhost.READS, timeout=300)
_CLASS = re.compile(r"([a-z][a-z0-9-]{0,30})=(.{1,1000})")
_MOST = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be counted, from when on, and what it is compared with; None: since the switch."""

    since: float | None
    baseline: float
    classes: list[str]


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    host: str,
    host_keys: str,
    config: str,
    proves: Proves,
    limit: str,
    min_requests: int,
    since: str,
    baseline: Duration,
    classes: str,
    bands: str,
    consider: float,
    immediate: float,
    top_up: int,
    top_up_urls: str,
    prometheus: str,
    selector: str,
    baseline_selector: str,
    requests_metric: str,
    duration_metric: str,
) -> Result:
    """Have the requests counted, and judge the counts."""
    validate(**locals())
    limits = Limits(min_requests=min_requests, slower_consider=consider, slower_immediate=immediate)
    asked = Asked(None if since == "switch" else duration(since), baseline, _lines(classes))
    wanted = judging.Wanted(proves, limits, _limit(proves, limit), judging.rows(bands))
    if prometheus:
        server, spans = Prometheus(prometheus), (asked.since or 0, baseline)
        metrics = scraped.Metrics(requests_metric, duration_metric, [_class(one) for one in asked.classes])
        return judging.judge(scraped.traffic(server, metrics, (selector, baseline_selector), spans), wanted)
    with onhost.opened(Place(host, host_keys, config)) as there:
        seen = _ask(there, asked)
        sent = 0
        short = min_requests - seen.window.users.requests
        if top_up and short > 0:
            sent = topup.send(_lines(top_up_urls), min(top_up, short))
            seen = _ask(there, asked)
    return judging.judge(seen, wanted, sent)


def _ask(there: Any, asked: Asked) -> Traffic:
    words = ["switch" if asked.since is None else f"{asked.since:g}", f"--baseline={asked.baseline:g}"]
    words += [f"--class={one}" for one in asked.classes]
    # The hash alone: command lines are for everybody to read.
    words += [f"--marker={hashlib.sha256(marker.token().encode()).hexdigest()}"]
    return figures.parse(there.good("traffic", "--since", *words, timeout=120))


def validate(*, proves: str, limit: str, since: str, classes: str, bands: str, **more: Any) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    wrong = [*_numbers(**more), *_source(since=since, **more)]
    if proves.endswith("-band") and limit:
        wrong.append(f"input 'limit' is '{brief(limit)}', expected nothing: {proves} has bands")
    lines = _lines(classes)
    if len(lines) > _MOST:
        wrong.append(f"input 'classes' has {len(lines)} lines, expected at most {_MOST}")
    tried: dict[str, Callable[[], object]] = {
        "limit": lambda: _limit(proves, limit),
        "since": lambda: since == "switch" or duration(since),
        "bands": lambda: judging.rows(bands),
        "classes": lambda: [_class(one) for one in lines],
    }
    for name, read in tried.items():
        try:
            read()
        except ValueError as fault:
            wrong.append(f"input '{name}' is wrong, expected {fault}")
    if wrong:
        raise Misconfigured(wrong)


def _numbers(*, min_requests: int, consider: float, immediate: float, **_: Any) -> list[str]:
    wrong = [f"input 'min-requests' is {min_requests}, expected 20 or more"] if min_requests < 20 else []
    if not 1 < consider <= immediate:
        wrong.append("inputs 'consider' and 'immediate' are wrong, expected multiples above 1 that rise")
    return wrong


def _source(*, since: str, host: str, config: str, prometheus: str, top_up: int, **more: Any) -> list[str]:
    wrong = []
    try:
        if prometheus:
            _scraping(prometheus, more)
        else:
            onhost.validate(host, config)
    except Misconfigured as fault:
        wrong += [one.message for one in fault.problems]
    if prometheus and since == "switch":
        wrong.append("input 'since' is switch, expected a duration: Prometheus does not know of the switch")
    urls = _lines(more["top_up_urls"])
    if not 0 <= top_up <= topup.MOST or (top_up and not urls):
        wrong.append(f"input 'top-up' is {top_up}, expected 0 to {topup.MOST}, and addresses in 'top-up-urls'")
    for one in urls:
        try:
            http.parse(one)
        except ValueError as fault:
            wrong.append(f"input 'top-up-urls': {brief(one)!r}: expected {fault}")
    return wrong


def _scraping(url: str, more: dict[str, Any]) -> None:
    prometheus.validate(url, more["selector"], more["baseline_selector"])
    for name in ("requests_metric", "duration_metric"):
        if not METRIC.fullmatch(more[name]):
            raise Misconfigured(
                [f"input '{name.replace('_', '-')}' is '{brief(more[name])}', expected a metric's name"]
            )


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _class(text: str) -> tuple[str, re.Pattern[str]]:
    match = _CLASS.fullmatch(text)
    if not match:
        raise ValueError(f"NAME=REGEX such as search=^/api/search, not {brief(text)!r}")
    try:
        return match[1], re.compile(match[2])
    except re.error as fault:
        raise ValueError(f"a regular expression, not {brief(text)!r}: {fault}") from None


def _limit(proves: str, text: str) -> float:
    """Milliseconds, or a share."""
    if proves == "p95":
        return duration(text or "500ms") * 1000
    return percent(text or "0.1%") / 100 if proves == "errors" else 0.0
