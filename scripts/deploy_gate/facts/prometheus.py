"""A Prometheus server, asked for values at a moment: bounded, never through a proxy, no data is no answer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from deploy_gate.facts import http
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.units import show_duration

_LIMIT = 8 * 1024 * 1024
_SELECTOR = re.compile(r'\s*(?:[A-Za-z_]\w*\s*(?:=|!=|=~|!~)\s*"(?:[^"\\]|\\.)*"\s*(?:,\s*|$))*')
LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
METRIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
Labels = tuple[tuple[str, str], ...]
_FIX = "see whether Prometheus scrapes it (Status, Targets), and correct the address or the selector"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One server, by its base address."""

    url: str
    timeout: float = 15

    def query(self, expression: str) -> dict[Labels, float]:
        """The series of an instant vector; CouldNotTell when the server does not answer it."""
        base = http.parse(self.url.rstrip("/") + "/api/v1/query?" + urlencode({"query": expression}))
        answer = http.get(base, timeout=self.timeout, limit=_LIMIT)
        data = _object(answer.body) if answer.whole else {}
        if answer.status != 200 or data.get("status") != "success":
            words = brief(str(data.get("error") or f"status {answer.status}"), 200)
            raise CouldNotTell(f"Prometheus at {base.shown} refused `{brief(expression, 100)}`: {words}", _FIX)
        try:
            return {_labels(one["metric"]): float(one["value"][1]) for one in data["data"]["result"]}  # type: ignore[index]
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            raise CouldNotTell(f"Prometheus at {base.shown} gave an answer of another kind", _FIX) from None

    def number(self, expression: str) -> float:
        """The one value of an expression; CouldNotTell when there is none, or it is no number."""
        found = list(self.query(expression).values())
        if len(found) != 1 or not math.isfinite(found[0]):
            what = "no data" if not found else f"{len(found)} series"
            raise CouldNotTell(f"Prometheus has {what} for `{brief(expression, 200)}`", _FIX)
        return found[0]

    def require_up(self, selector: str) -> None:
        """CouldNotTell when a target of that selector does not answer its scrapes, or there is none."""
        seen = self.query("up{%s}" % _of_target(selector))  # noqa: UP031 - braces
        if not seen or any(value != 1 for value in seen.values()):
            down = [dict(labels).get("instance", "?") for labels, value in seen.items() if value != 1]
            what = f"{brief(', '.join(down))} does not answer Prometheus" if seen else "Prometheus knows no such target"
            raise CouldNotTell(f"{what}, so there are no figures", _FIX)

    def grown(self, metric: str, selector: str, seconds: float, ago: float = 0) -> dict[Labels, float]:
        """How much each counter grew in `seconds` until `ago`.

        Of raw values, never rate(): that does not see what a counter was born with, and the first errors of a new
        release are exactly that. One that was greater began anew in between. One that was not there began with nothing
        where its process started since, or its target was scraped then; else it may be older, and CouldNotTell.
        """
        name = f"{metric}{{{selector}}}"
        late = self.query(name + _offset(ago))
        early = self.query(name + _offset(ago + seconds))
        strange = next((value for told in (late, early) for value in told.values() if not 0 <= value < math.inf), None)
        if strange is not None:
            found = f"{metric} in Prometheus is {strange:g}, which is no number of events"
            raise CouldNotTell(found, "see what exports it; a gauge or a recording rule is no counter")
        targets = self._beginnings(_of_target(selector), seconds, ago) if late else {}
        grown = {}
        for key, value in late.items():
            start, scraped = _beginning(dict(key), targets)
            was = 0.0 if start else early.get(key, 0.0 if scraped else None)
            if was is None:
                raise CouldNotTell(
                    f"Prometheus has no {metric} of {show_duration(ago + seconds)} ago, and does not know that it "
                    f"began since: {brief(str(dict(key).get('instance', '?')), 60)}",
                    "its scrapes may have had a gap then: choose a window since, or export process_start_time_seconds",
                )
            grown[key] = value - was if value >= was else value
        return grown

    def _beginnings(self, target: str, seconds: float, ago: float) -> dict[Labels, tuple[bool, bool]]:
        """Of each target at the window's end: whether its process started within, whether it was scraped before it."""
        up, then = f"up{{{target}}}", ago + seconds
        scraped = {_target(key) for key, value in self.query(up + _offset(then)).items() if value == 1}
        young = f"process_start_time_seconds{{{target}}}{_offset(ago)} >= time() - {then:g}"
        started = {_target(key) for key in self.query(young)}
        known = {_target(key) for key in self.query(up + _offset(ago))}
        return {one: (one in started, one in scraped) for one in known}


def _target(labels: Labels) -> Labels:
    return tuple(one for one in labels if one[0] in {"job", "instance"})


def _beginning(labels: dict[str, str], targets: dict[Labels, tuple[bool, bool]]) -> tuple[bool, bool]:
    """What is so of every target that the series may be of: a sum over several has no instance."""
    mine = [what for target, what in targets.items() if all(labels.get(name, value) == value for name, value in target)]
    started, either = ([what[0] for what in mine], [any(what) for what in mine])
    return bool(mine) and all(started), bool(mine) and all(either)


def _offset(seconds: float) -> str:
    return f" offset {round(seconds * 1000)}ms" if seconds else ""


def _of_target(selector: str) -> str:
    """Of the matchers, those for labels that `up` has: job and instance."""
    kept = re.findall(r'(?:job|instance)\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"', selector)
    return ",".join(kept)


def _labels(metric: Mapping[str, object]) -> Labels:
    return tuple(sorted((str(key), str(value)) for key, value in metric.items()))


def _object(body: bytes) -> dict[str, object]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def validate(url: str, *selectors: str) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    wrong = []
    try:
        http.parse(url)
    except ValueError as fault:
        wrong.append(f"input 'prometheus' is '{brief(url)}', expected {fault}")
    strange = [one for one in selectors if len(one) > 500 or not _SELECTOR.fullmatch(one)]
    wrong += [f'a selector is \'{brief(one)}\', expected matchers such as job="erp",slot="green"' for one in strange]
    if wrong:
        raise Misconfigured(wrong)
