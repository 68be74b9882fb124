"""What people read of the ledger: the table of figures, and the review of failed deployments, as Markdown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from deploy_gate.ledger.entry import Entry
from deploy_gate.ledger.history import Deployment, Failure, deployments, within
from deploy_gate.ledger.metrics import Figure, figures
from deploy_gate.report.markdown import escape
from deploy_gate.units import counted, show_duration

MOST = 50
_ADDRESS = re.compile(r"https://[A-Za-z0-9.:-]{1,200}/[A-Za-z0-9._/-]{0,300}")
TITLES = {
    "deployment-frequency": "Deployment frequency",
    "deployment-duration": "Deployment duration",
    "success-rate": "Success rate",
    "rollback-rate": "Rollback rate",
    "recovery-time": "Mean time to recovery",
    "change-failure-rate": "Change failure rate",
    "rework-rate": "Rework rate",
    "response-time": "Response time (p95, median)",
    "error-rate": "Requests that failed (median)",
    "health-time": "Answer time of the health document (median)",
}
_QUESTIONS = ("What did people notice?", "Why did no line of the checklist stop it?", "Which line would have?")


def shown(figure: Figure, value: float | None) -> str:
    """A value in its unit, for people."""
    if value is None:
        return "—"
    if figure.unit == "share":
        return f"{value:.1%}"
    if figure.unit == "rate":
        # Errors are few: a tenth of a percent is their limit.
        return f"{value:.3%}"
    return show_duration(value) if figure.unit == "seconds" else f"{value:.1f} {figure.unit}"


def table(found: Sequence[Figure]) -> str:
    """All figures against their targets, with n of N and the window before."""
    lines = ["| metric | value | target | met | n of N | before |", "|---|---|---|---|---|---|"]
    for one in found:
        met = {True: "yes", False: "**no**", None: "—"}[one.met]
        parts = ", ".join(f"{name} {show_duration(value)}" for name, value in (one.parts or {}).items())
        value = shown(one, one.value) + (f" ({parts})" if parts else "")
        target = escape(one.target) or "—"
        lines.append(
            f"| {TITLES[one.name]} | {value} | {target} | {met} | {one.n} of {one.of} | {shown(one, one.before)} |"
        )
    return "\n".join(lines) + "\n"


def text(
    entries: Sequence[Entry], environment: str, *, until: datetime, window: timedelta, targets: Mapping[str, str]
) -> str:
    """The review of one environment: figures, what failed, and what nobody can read out of a ledger, as questions."""
    own = within(deployments(entries, environment), until - window, until)
    bad = [one for one in own if one.failure is not None]
    lines = [f"# Deployments to {escape(environment)}, {until - window:%Y-%m-%d} to {until:%Y-%m-%d}", ""]
    lines += [table(figures(entries, environment, until=until, window=window, targets=targets))]
    if not own:
        lines += ["Nothing was deployed in this time.", ""]
    elif not bad:
        lines += [f"None of {counted(len(own), 'deployment')} failed.", ""]
    # First, since of what is long the end may be cut off.
    lines += [*_improvements(own), ""]
    for one in bad[-MOST:]:
        lines += [*_failed(one), ""]
    return "\n".join(lines) + "\n"


def _failed(one: Deployment) -> Iterator[str]:
    entry = one.entry
    what, who = escape(entry.subject) or "(no message)", escape(entry.author) or "somebody"
    decided, why = escape(entry.decided_by or "nobody wrote it down"), escape(entry.why) or "no reason given"
    yield f"## {minute(entry)}: {entry.release[:12]} {one.failure}"
    yield ""
    yield f"- {what}, by {who}, deployed by {escape(entry.actor) or 'somebody'}"
    yield f"- Decided by: {decided}; {why}"
    yield f"- Recovery: {recovery(one)}"
    by = one.repaired_by
    if by is not None and by is not entry:
        yield f"- Mended by: {by.kind} of {by.release[:12]} at {minute(by)} ({escape(by.reason) or 'no reason given'})"
    yield from run(entry)
    yield from (f"- [ ] {question}" for question in _QUESTIONS)


def run(entry: Entry) -> Iterator[str]:
    """Where it ran, as a link; nothing where the address is more than an address."""
    if _ADDRESS.fullmatch(entry.run_url):
        yield f"- Run: <{entry.run_url}>"


def minute(entry: Entry) -> str:
    """When it ended, in UTC."""
    return entry.ended[:16].replace("T", " ")


def recovery(one: Deployment) -> str:
    """Its parts, as far as they were measured."""
    times = one.recovery.times if one.recovery else None
    known = {name: getattr(times, name, None) for name in ("detect", "decide", "restore")}
    return ", ".join(f"{name} {show_duration(value)}" for name, value in known.items() if value is not None) or (
        "not measured"
    )


def _improvements(own: Sequence[Deployment]) -> Iterator[str]:
    """What comes up again and again, most often first."""
    bad = [one for one in own if one.failure is not None]
    decided = Counter(one.entry.decided_by for one in bad if one.entry.decided_by)
    waived = Counter(str(waiver.get("item", "")) for one in own for waiver in one.entry.waivers)
    unmeasured = sum(one.recovery is None or one.recovery.times.recover is None for one in bad)
    cut = sum(one.failure is Failure.UNKNOWN for one in own)
    yield "## To improve"
    yield ""
    found = [
        f"- [ ] {escape(name)} decided {counted(number, 'failure')}: let it be seen before the switch"
        for name, number in decided.most_common(10)
    ]
    found += [
        f"- [ ] {escape(name)} was waived {number} times: mend it, or change the checklist"
        for name, number in waived.most_common(10)
        if number > 1
    ]
    if unmeasured:
        found.append(f"- [ ] the recovery of {counted(unmeasured, 'failure')} was not measured: roll back by workflow")
    if cut:
        found.append(f"- [ ] {counted(cut, 'run')} cut off: see why; the servers healed themselves")
    yield from found or ["- Nothing stands out."]
