"""The rules by which comments count. Pure: what only GitHub knows of a person comes in as a fact.

A yes counts when it is bound to exactly this release and plan, was not edited, is young enough, and comes from a person
who holds the role, may write to the repository, and did not write the change. A no counts from whoever holds any role,
edited or not: it is easier to say stop than go. Each person's later word replaces the earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from deploy_gate.result import brief
from deploy_gate.signoff.commands import Command
from deploy_gate.units import show_duration

CLOCK_SKEW = 300.0
NO_ROLE = "it names no role, and nobody signs for two"


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment; `genuine` when a person wrote it, and no program in that person's name."""

    number: int
    author: str
    at: datetime
    edited: bool
    genuine: bool
    commands: tuple[Command, ...]
    url: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a yes must be: for which code, of which age in seconds at most; `item` when it is an attestation.

    An approval that names another role than `role` is none here; with `named` it has to name one, and the last one that
    a person names is the only one.
    """

    code: str
    max_age: float
    now: datetime
    authors: frozenset[str]
    item: str = ""
    role: str = ""
    named: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A person's standing word: `yes`, `reject` or `hold`; or a yes that does not count, with the reason why."""

    author: str
    kind: str
    text: str
    at: datetime
    url: str
    void: str = ""
    aside: bool = False
    """A yes that is good, but for no role that is asked about: it counts for nothing here, and takes a no back."""


def words(comments: Iterable[Comment], wanted: Wanted) -> list[Word]:
    """What each person has to say in the end; void ones are kept, so that people see why they do not count."""
    standing: dict[str, Word] = {}
    for one in sorted(comments, key=lambda each: (each.at, each.number)):
        for command in one.commands if one.author else ():
            word = _word(one, command, wanted)
            if word and _replaces(word, standing.get(one.author), wanted.named and bool(command.role)):
                standing[one.author] = word
    return list(standing.values())


def _replaces(word: Word, before: Word | None, moved: bool) -> bool:
    """A yes that does not count takes nothing back: neither a no, nor a yes that does, unless it `moved` to a role."""
    if not word.void or before is None or before.void:
        return True
    return word.aside and (before.kind != "yes" or moved)


def _word(one: Comment, command: Command, wanted: Wanted) -> Word | None:
    kind = "attest" if wanted.item else "approve"
    if command.name in ("reject", "hold"):
        return Word(one.author, command.name, command.text, one.at, one.url)
    if command.name != kind or (wanted.item and command.item != wanted.item):
        return None
    void, other = _void(one, command, wanted), _for_another(command, wanted)
    return Word(one.author, "yes", command.text, one.at, one.url, void or other, bool(other) and not void)


def _for_another(command: Command, wanted: Wanted) -> str:
    """Why an approval is for no role that is asked about; empty when it is."""
    if wanted.item:
        return ""
    if not command.role:
        return NO_ROLE if wanted.named else ""
    same = command.role.casefold() == wanted.role.casefold()
    return "" if same else f"it is for the role {command.role}"


def _void(one: Comment, command: Command, wanted: Wanted) -> str:
    """Why a yes does not count, as far as the comment itself tells; empty when it may."""
    age = (wanted.now - one.at).total_seconds()
    reasons = {
        "a program wrote it": not one.genuine,
        "it was edited afterwards": one.edited,
        f"it does not name the release: `{wanted.code}` is missing": not command.code,
        "it is for another release or plan": command.code != wanted.code,
        "its author wrote the change": one.author in wanted.authors,
        f"it is {show_duration(age)} old, the limit is {show_duration(wanted.max_age)}": age > wanted.max_age,
        "it is dated in the future": age < -CLOCK_SKEW,
        "it names no evidence": bool(wanted.item) and not command.text.strip(" �"),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def joined(*said: Iterable[Word]) -> list[Word]:
    """Words from several places, one of each person: a no first, then a yes that counts, then one that does not."""
    found: dict[str, Word] = {}
    for word in (one for each in said for one in each):
        if word.author not in found or _weight(word) > _weight(found[word.author]):
            found[word.author] = word
    return list(found.values())


def _weight(word: Word) -> int:
    return 2 if word.kind != "yes" else 0 if word.void else 1


@dataclass(frozen=True, slots=True)
class Standing:
    """What GitHub says of a person: why a yes does not count (empty: it does), and whether a no does."""

    refusal: str = ""
    may_stop: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Who says yes, who says no, and what was said and does not count."""

    yes: Sequence[Word]
    no: Sequence[Word]
    void: Sequence[tuple[Word, str]]


def decide(said: Iterable[Word], known: Mapping[str, Standing]) -> Decision:
    """Put what was said beside who said it; a person nobody knows anything of counts for nothing."""
    yes: list[Word] = []
    no: list[Word] = []
    void: list[tuple[Word, str]] = []
    for word in said:
        standing = known.get(word.author, Standing("that person holds no role"))
        if word.kind != "yes":
            (no.append(word) if standing.may_stop else void.append((word, "does not hold any role")))
        elif reason := word.void or standing.refusal:
            void.append((word, reason))
        else:
            yes.append(word)
    return Decision(yes, no, void)


def told(word: Word, reason: str = "") -> str:
    """A word as one line, for people."""
    what = {"yes": "approved", "reject": "rejected", "hold": "holds"}[word.kind]
    text = f": {brief(word.text, 160)}" if word.text else ""
    return f"{brief(word.author, 60)} {what}{text}" + (f" (does not count: {reason})" if reason else "")
