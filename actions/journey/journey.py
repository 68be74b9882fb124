"""A user's way through the application works, step by step, quickly enough, and leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from deploy_gate import units
from deploy_gate.catalog import About
from deploy_gate.facts import http, marker
from deploy_gate.journeys import reading
from deploy_gate.journeys.judge import Band, Bands, judge
from deploy_gate.journeys.model import CLASSES, Class, Journey
from deploy_gate.journeys.walk import Walker
from deploy_gate.problems import Misconfigured, nearest, shown
from deploy_gate.result import CouldNotTell, Result
from deploy_gate.units import Variable

# Longer than a journey's own 90 s and its clean-up's 20 s together: ended from outside, nothing would be cleaned up.
ABOUT = About(secrets=(marker.VARIABLE,), locks=("journey",), timeout=150, grace=5)


def check(*, file: Path, url: str, secrets: list[Variable], read: str, write: str, search: str, health: str) -> Result:
    """Walk the journey once and judge what its steps answered, how fast, and what the clean-up left."""
    bands = _bands(url, read, write, search, health)
    if not file.is_file():
        raise CouldNotTell(
            f"there is no journey {shown(file)}", "write it (docs/journeys.md shows how), or correct the path"
        )
    journey = reading.read(file)
    return judge(Walker(journey, url, _values(journey, secrets)).walk(), bands)


def validate(*, file: Path, url: str, secrets: list[Variable], **latencies: Any) -> None:
    """Misconfigured for what can be known wrong before anything is asked; a file that is not there is no such thing."""
    _bands(url, **latencies)
    if file.is_file():
        _undeclared(reading.read(file), secrets)


def _bands(url: str, read: str, write: str, search: str, health: str) -> Bands:
    wrong = []
    found: dict[Class, Band] = {}
    for name, text in zip(CLASSES, (read, write, search, health), strict=True):
        try:
            if text:
                found[name] = _band(text)
        except ValueError as fault:
            wrong.append(f"input '{name}' is {text[:80]!r}, expected {fault}")
    try:
        http.parse(url)
    except ValueError as fault:
        # The value is not repeated: it may hold a password.
        wrong.append(f"input 'url': expected {fault}")
    if wrong:
        raise Misconfigured(wrong)
    return found


def _band(text: str) -> Band:
    parts = text.split()
    if len(parts) != 3:
        raise ValueError("three durations: target, warning, critical")
    band = Band(*map(units.duration, parts))
    if not 0 < band.target <= band.warning <= band.critical:
        raise ValueError("durations that rise: target, warning, critical")
    return band


def _undeclared(journey: Journey, declared: list[Variable]) -> None:
    wrong = [
        f"{journey.path} uses ${{env.{name}}}, which input 'secrets' does not name{nearest(name, map(str, declared))}"
        for name in journey.secrets
        if name not in declared
    ]
    if wrong:
        raise Misconfigured(wrong)


def _values(journey: Journey, declared: list[Variable]) -> dict[str, str]:
    """What the environment holds of the secrets that the journey names."""
    _undeclared(journey, declared)
    missing = [name for name in journey.secrets if not os.environ.get(name)]
    if missing:
        raise CouldNotTell(
            f"{journey.path} needs {', '.join(missing)}, which this job's environment does not hold",
            "add it to the environment's secrets and hand it to this job",
        )
    return {name: os.environ[name] for name in journey.secrets}
