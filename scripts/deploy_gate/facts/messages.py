"""What is written to the team: plain text, cut where it must be, and saying so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from deploy_gate.facts.findings import Finding, Reports
from deploy_gate.result import brief
from deploy_gate.units import counted

LIMIT = 4096
"""Of Telegram, in UTF-16 code units."""
MAX_LINE = 200_000
SIGNS = {"started": "▶", "running": "…", "succeeded": "✔", "rolled-back": "↩", "failed": "✖"}
WORDS = {
    "started": "started",
    "running": "under way",
    "succeeded": "succeeded",
    "rolled-back": "rolled back",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is deployed where; `run` is the address of the workflow's run."""

    environment: str
    release: str
    run: str = ""
    text: str = ""


def units(text: str) -> int:
    """Length as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int = LIMIT) -> str:
    """At most `limit` units; what is left out is counted, never dropped in silence."""
    if units(text) <= limit:
        return text
    room = limit - units(_note(len(text)))
    kept = text.encode("utf-16-le", "surrogatepass")[: room * 2].decode("utf-16-le", "ignore")
    return kept + _note(len(text) - len(kept))


def _note(left: int) -> str:
    return f"\n… {left} more characters left out"


def headline(deployment: Deployment, stages: Sequence[tuple[str, datetime]], reports: Reports) -> str:
    """The one message of a deployment: what, where, how it stands, and what came when."""
    stage = stages[-1][0]
    where = f" to {brief(deployment.environment, 100)}" if deployment.environment else ""
    lines = [
        f"{SIGNS[stage]} Deployment of {brief(deployment.release, 40) or 'an unnamed release'}{where}: {WORDS[stage]}"
    ]
    # One that lasts is told again and again; what counts is when it began.
    began = [one for before, one in zip([("", None), *stages], stages, strict=False) if before[0] != one[0]]
    lines += [f"{name} {at:%Y-%m-%d %H:%M:%S} UTC" for name, at in began[-20:]]
    for phase, verdict in reports.verdicts[-10:]:
        lines.append(f"{phase}: {verdict}")
    if reports.items:
        lines.append(f"{len(reports.findings)} of {counted(reports.items, 'line')} did not pass")
    if deployment.run:
        lines.append(brief(deployment.run, 300))
    # Line by line through `brief`, which also masks what is secret.
    text = "\n".join(brief(line, MAX_LINE) for line in deployment.text.splitlines()).strip()
    if text:
        lines += ["", text]
    return cut("\n".join(lines))


def told(findings: Sequence[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    """The findings as messages, each with those that stand in it whole."""
    text, held = "", list[Finding]()
    for one in findings:
        block = _block(one)
        if held and units(text) + units(block) + 2 > LIMIT:
            yield text, held
            text, held = "", []
        text = f"{text}\n\n{block}" if held else block
        held.append(one)
    if held:
        yield text, held


def _block(one: Finding) -> str:
    sign = {"failed": "✖", "error": "?", "warned": "!"}.get(one.status, "·")
    place = f", {one.phase}" if one.phase else ""
    fix = f"\n→ {one.fix}" if one.fix else ""
    return cut(f"{sign} {one.item} ({one.status}{place}): {one.found}{fix}", LIMIT // 2)
