"""The post-deployment review of one deployment, filled in as far as the ledger knows; the rest are questions."""

from __future__ import annotations

from collections.abc import Iterator

from deploy_gate.ledger.entry import Entry, when
from deploy_gate.ledger.history import Deployment
from deploy_gate.ledger.review import minute, recovery, run
from deploy_gate.report.markdown import escape
from deploy_gate.units import show_duration

MOST = 20
_QUESTIONS = {
    "Issues encountered": (
        "What did people notice that no line of the checklist did?",
        "What had to be done by hand, and why?",
    ),
    "Lessons learned": (
        "What would have shown the trouble earlier, or made this easier?",
        "Which line of the checklist is to be added, changed or taken out?",
    ),
}


def title(one: Deployment) -> str:
    """Its name among issues."""
    return f"Post-deployment review: {one.entry.environment} {minute(one.entry)}, {one.entry.release[:12]}"


def text(one: Deployment) -> str:
    """The fields of the checklist's review, in its order."""
    entry = one.entry
    lines = [
        f"**{escape(entry.subject) or '(no message)'}**, by {escape(entry.author) or 'somebody'}",
        "",
        f"- Deployment date: {minute(entry)} UTC",
        f"- Deployed by: {escape(entry.actor) or 'not known'}",
        f"- Deployment duration: {_duration(entry)}",
        f"- Rollback required: {_back(one)}",
        *run(entry),
    ]
    known = {"Issues encountered": list(_issues(one)), "Lessons learned": []}
    for name, questions in _QUESTIONS.items():
        lines += ["", f"## {name}", "", *(f"- {issue}" for issue in known[name])]
        lines += [f"- [ ] {question}" for question in questions]
    return "\n".join(lines) + "\n"


def _duration(entry: Entry) -> str:
    total, began, ended = entry.times.total, when(entry.began), when(entry.ended)
    if total is None and began and ended:
        total = (ended - began).total_seconds()
    return "not known" if total is None else show_duration(total)


def _back(one: Deployment) -> str:
    if one.failure is None:
        return "No"
    by = one.repaired_by
    mended = f", mended by {by.kind} of {by.release[:12]} at {minute(by)}" if by and by is not one.entry else ""
    return f"Yes ({one.failure}{mended}; recovery: {recovery(one)})"


def _issues(one: Deployment) -> Iterator[str]:
    entry = one.entry
    if one.failure is not None:
        decided = escape(entry.decided_by or "nobody wrote it down")
        yield f"{one.failure}; decided by: {decided}; {escape(entry.why) or 'no reason given'}"
    bad = {name: number for name, number in entry.counts.items() if name in ("failed", "error", "warned") and number}
    if bad:
        yield f"lines of the checklist: {', '.join(f'{number} {escape(name)}' for name, number in bad.items())}"
    for waiver in entry.waivers[:MOST]:
        yield f"waived: {escape(str(waiver.get('item', '')))}, {escape(str(waiver.get('why', '')))}"
    for hand in entry.interventions[:MOST]:
        yield f"by hand: {escape(str(hand.get('found', '')))}"
