"""Two servers' facts side by side: which differ, which could not be read, and which a declared list allows to."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from deploy_gate.facts import sending
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.sent.parity import READERS
from deploy_gate.ssh.client import Connection

FAMILIES = tuple(READERS)


@dataclass(frozen=True, slots=True)
class Side:
    """One server: facts that may be shown, hidden ones that can only be compared, and families that were not read."""

    name: str
    facts: Mapping[str, str] = field(default_factory=dict)
    opaque: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """A fact as it may be shown."""
        return "there" if name in self.opaque else self.facts.get(name)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Facts that may differ (a pattern), and why."""

    pattern: str
    reason: str

    def covers(self, name: str) -> bool:
        """Whether it speaks of that fact."""
        return fnmatchcase(name, self.pattern)


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact that differs, and how, fit to be shown."""

    name: str
    told: str


def new_key() -> str:
    """The key of one run: values are compared under it, and nobody can use what crossed the line afterwards."""
    return secrets.token_hex(32)


def gather(connection: Connection, name: str, given: Mapping[str, Any]) -> Side:
    """A server's facts; CouldNotTell when it does not answer."""
    also = ("dotenv", "sent.reading")
    told = sending.ask(connection, "parity", given, also=also, timeout=90)
    try:
        kinds = [told[kind] for kind in ("facts", "opaque", "unread")]
        texts = [{str(key): str(value) for key, value in one.items()} for one in kinds]
    except (KeyError, TypeError, AttributeError):
        raise CouldNotTell(f"{name} answered something else than its facts", "see what its python3 is") from None
    unread = dict(sorted(texts[2].items(), key=lambda one: FAMILIES.index(one[0]) if one[0] in FAMILIES else -1))
    return Side(name, texts[0], texts[1], unread)


def differences(left: Side, right: Side) -> list[Difference]:
    """Every fact that is not the same on both; families that one of them could not read are left out."""
    gone = {*left.unread, *right.unread}
    names = sorted({*left.facts, *left.opaque, *right.facts, *right.opaque})
    found = []
    for name in names:
        ours, theirs = left.get(name), right.get(name)
        if not _family(name) & gone and (ours != theirs or left.opaque.get(name) != right.opaque.get(name)):
            found.append(Difference(name, _told(name, left, right)))
    return found


def compared(left: Side, right: Side) -> int:
    """How many facts there are in all."""
    return len({*left.facts, *left.opaque, *right.facts, *right.opaque})


def _family(name: str) -> set[str]:
    """The families that a fact may belong to."""
    stem = name.partition(".")[0]
    known = {
        "machine": "os",
        "service": "compose",
        "image": "compose",
        "psql": "postgresql",
        "limit": "limits",
        "sysctl": "limits",
        "timer": "timers",
        "values": "settings",
    }
    return {known.get(stem, stem)}


def _told(name: str, left: Side, right: Side) -> str:
    ours, theirs = left.get(name), right.get(name)
    shown = brief(name, 120)
    if ours is None or theirs is None:
        only = left if theirs is None else right
        return f"{shown} only on {only.name}"
    if ours == theirs:
        return f"{shown} differs"
    return f"{shown} is {brief(ours)} on {left.name}, {brief(theirs)} on {right.name}"


def allow_list(text: str) -> list[Allowed]:
    """`PATTERN: reason`, one a line; Misconfigured for a line without either, or that allows everything."""
    found, wrong = [], []
    for line in filter(None, map(str.strip, text.splitlines())):
        pattern, _, reason = (part.strip() for part in line.partition(": "))
        if not pattern or not reason:
            wrong.append(f"input 'allow' has '{brief(line)}', expected `FACT: why it may differ`")
        elif not pattern.strip("*?.[]!"):
            wrong.append(f"input 'allow' has '{brief(pattern)}', which would allow everything")
        else:
            found.append(Allowed(pattern, reason))
    if wrong:
        raise Misconfigured(wrong)
    return found


def sorted_out(
    found: Sequence[Difference], allowed: Sequence[Allowed]
) -> tuple[list[Difference], dict[Allowed, list[Difference]]]:
    """What nobody allowed, and for each line of the list what it was good for. A value needs a line of its own name.

    `values.X` says that a value differs; where X is missing on one side that is `settings.X`, and told once.
    """
    bad: list[Difference] = []
    used: dict[Allowed, list[Difference]] = {one: [] for one in allowed}
    lacking = {one.name.removeprefix("settings.") for one in found if one.name.startswith("settings.")}
    for one in found:
        if one.name.startswith("values.") and one.name.removeprefix("values.") in lacking:
            continue
        fitting = [line for line in allowed if line.covers(one.name)]
        for line in fitting:
            used[line].append(one)
        bad += [] if fitting else [one]
    return bad, used
