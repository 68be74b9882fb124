"""A server has room: processor, memory or disks, within a limit, with the band of the table of thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from deploy_gate.catalog import About
from deploy_gate.facts import onhost, vitals
from deploy_gate.facts import prometheus as scraping
from deploy_gate.facts.onhost import Place
from deploy_gate.facts.prometheus import Prometheus
from deploy_gate.facts.vitals import Measured
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, failed, passed, warned
from deploy_gate.units import Duration, Percent

ABOUT = About(secrets=onhost.SECRETS, reads=onhost.READS, timeout=180)
Measures = Literal["cpu", "memory", "disk-io"]
_MOST = 60.0
_FIX = {
    "cpu": "see what runs there (`top`), and whether the release computes more than the one before; or roll back",
    "memory": "see what holds it (`ps --sort=-rss`), and whether the release leaks; or roll back",
    "disk-io": "see what reads and writes there (`iotop`), and whether queries of the release lack an index",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Percent: from `limit` on it fails; the others name the band that is shown."""

    limit: float
    target: float = 50
    warning: float = 70
    critical: float = 85


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    host: str,
    host_keys: str,
    config: str,
    measures: Measures,
    limit: Percent,
    target: Percent,
    warning: Percent,
    critical: Percent,
    over: Duration,
    seconds: Duration,
    prometheus: str,
    selector: str,
) -> Result:
    """Ask the server, or Prometheus, and judge the share."""
    validate(**locals())
    limits = Limits(limit, target, warning, critical)
    if prometheus:
        found = vitals.of_prometheus(Prometheus(prometheus), measures, selector, over)
        return judge(measures, found, limits)
    with onhost.opened(Place(host, host_keys, config)) as there:
        words = (f"--seconds={seconds:g}", *((f"--over={over:g}",) if over else ()))
        told = there.good("resources", *words, timeout=_MOST + 60)
    return judge(measures, vitals.of_host(told, measures, over), limits)


def validate(*, prometheus: str, selector: str, over: float, seconds: float, **more: Any) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    wrong = []
    try:
        if prometheus:
            scraping.validate(prometheus, selector)
        else:
            onhost.validate(more["host"], more["config"])
    except Misconfigured as fault:
        wrong += [one.message for one in fault.problems]
    if not 0 < seconds <= _MOST:
        wrong.append(f"input 'seconds' is {seconds:g} s, expected up to {_MOST:g} s")
    if not 0 <= over <= 86400 or (prometheus and not over):
        wrong.append(f"input 'over' is {over:g} s, expected up to a day, and some time for Prometheus")
    bands = [more[name] for name in ("target", "warning", "critical")]
    if bands != sorted(bands) or not more["limit"]:
        wrong.append("inputs 'limit', 'target', 'warning' and 'critical' are wrong, expected a limit and rising bands")
    if wrong:
        raise Misconfigured(wrong)


def judge(name: str, seen: Measured, limits: Limits) -> Result:
    """Failed from the limit on; below it the band decides between passed and a warning, so does what is missing."""
    named = ((limits.critical, "critical"), (limits.warning, "warning"), (limits.target, "watch"))
    band = next((word for least, word in named if seen.share >= least), "normal")
    peak = f", {seen.greatest:.1f} % at most" if seen.greatest is not None else ""
    found = f"{name} {seen.share:.1f} % ({seen.how}{peak}), the limit is {limits.limit:g} %; band {band}"
    more: dict[str, Any] = {"target": limits.limit, "measured": seen.share, "evidence": [{"band": band}]}
    if seen.share >= limits.limit:
        return failed(found, _FIX[name], **more)
    if seen.missing:
        fix = "run this again when the guard has run for so long (`slots guard start`), or choose a shorter `over`"
        return warned(f"{found}; {seen.missing}", fix, **more)
    if seen.share >= limits.target:
        return warned(found, "watch it: it is within its limit and above its target", **more)
    return passed(found, **more)
