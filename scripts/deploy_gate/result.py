"""What a check says: one status, one line of what was found against its limit, one line of what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

Json = str | int | float | bool | None
Evidence = Mapping[str, Json]

MAX_EVIDENCE = 1000
MAX_LINE = 600
MAX_FIELD = 4000


class Status(StrEnum):
    """The eight things an item can be; *error* means "could not tell" and is never folded into passed."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    WAIVED = "waived"
    ATTESTED = "attested"
    PENDING = "pending"


class Severity(StrEnum):
    """What a finding may do: decide the verdict, be shown as a warning, or only inform."""

    BLOCK = "block"
    WARN = "warn"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Result:
    """One answer of one check.

    `found` holds the value and its limit in one line, `fix` the next step in the imperative. `evidence` is a bounded
    list of flat mappings; the keys `message`, `path`, `line`, `column` and `rule` are shown as annotations and SARIF,
    any other key is kept as it is. `seconds` is filled in by the engine.
    """

    status: Status
    found: str
    fix: str = ""
    target: Json = None
    measured: Json = None
    evidence: tuple[Evidence, ...] = ()
    seconds: float = 0.0

    @classmethod
    def of(cls, status: Status, found: str, fix: str = "", **more: Any) -> Result:
        """Build a result with its texts clipped to one line and its evidence bounded, saying what was left out."""
        evidence = bounded(more.pop("evidence", ()))
        return cls(status=status, found=one_line(found), fix=one_line(fix), evidence=evidence, **more)

    def as_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {
            "status": str(self.status),
            "found": self.found,
            "fix": self.fix,
            "target": self.target,
            "measured": self.measured,
            "evidence": [dict(entry) for entry in self.evidence],
            "seconds": round(self.seconds, 4),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """The inverse of `as_json`; raises KeyError or ValueError for anything else."""
        entries = tuple(dict(entry) for entry in data["evidence"])
        return cls(
            Status(data["status"]),
            data["found"],
            data["fix"],
            data["target"],
            data["measured"],
            entries,
            data["seconds"],
        )

    def now(self, status: Status, note: str) -> Result:
        """The same facts under another status, the reason put first."""
        return replace(self, status=status, found=one_line(f"{note}; {self.found}" if self.found else note))


@dataclass(frozen=True, slots=True)
class FellBack(Result):
    """An operation's answer: it could not do it, went back, and production is healthy. Exit code 4."""


@dataclass(frozen=True, slots=True)
class FallBackFailed(Result):
    """An operation's answer: it could not go back either; a person is needed now. Exit code 5."""


def passed(found: str, **more: Any) -> Result:
    """The thing was looked at and is within its limit."""
    return Result.of(Status.PASSED, found, **more)


def warned(found: str, fix: str, **more: Any) -> Result:
    """The thing was looked at and lies between target and limit; shown, never blocking."""
    return Result.of(Status.WARNED, found, fix, **more)


def failed(found: str, fix: str, **more: Any) -> Result:
    """The thing was looked at and is outside its limit."""
    return Result.of(Status.FAILED, found, fix, **more)


def error(found: str, fix: str, **more: Any) -> Result:
    """Could not tell: refused, timed out, no data, or a fault of our own."""
    return Result.of(Status.ERROR, found, fix, **more)


def pending(found: str, fix: str, **more: Any) -> Result:
    """Waits for a person."""
    return Result.of(Status.PENDING, found, fix, **more)


def fell_back(found: str, fix: str, **more: Any) -> Result:
    """The release is out again, production is healthy on the one before."""
    return FellBack.of(Status.FAILED, found, fix, **more)


def fall_back_failed(found: str, fix: str, **more: Any) -> Result:
    """Neither in nor out for certain."""
    return FallBackFailed.of(Status.FAILED, found, fix, **more)


class CouldNotTell(Exception):
    """Raised anywhere below a check when it cannot know; becomes that item's *error*."""

    def __init__(self, found: str, fix: str, evidence: Iterable[Evidence] = ()) -> None:
        super().__init__(found)
        self.found, self.fix, self.evidence = found, fix, tuple(evidence)

    def result(self) -> Result:
        """The error this stands for."""
        return error(self.found, self.fix, evidence=self.evidence)


_hide: list[Callable[[str], str]] = []


def hide_with(mask: Callable[[str], str]) -> None:
    """Mask every text of this process before it is shortened: half a secret is still one, and no mask finds it."""
    _hide[:] = [mask]


def clean(text: str) -> str:
    """The text with `�` for terminal escapes, marks that make a line read backwards, and whatever cannot be seen."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\t\n\r" else "�" for one in text)


def one_line(text: str, limit: int = MAX_LINE) -> str:
    """White space folded to single blanks, at most `limit` characters, a cut marked by an ellipsis."""
    flat = clean(" ".join(_masked(text)[: limit * 8].split()))
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def _masked(text: str) -> str:
    for mask in _hide:
        text = mask(text)
    return text


def brief(text: str, limit: int = 80) -> str:
    """A text from outside, fit to stand inside a line of ours: one line, no control or direction characters, short."""
    return one_line(text, limit)


def bounded(entries: Iterable[Evidence], limit: int = MAX_EVIDENCE) -> tuple[Evidence, ...]:
    """At most `limit` entries with clipped texts; a last entry says how many are not shown."""
    everything = list(entries)
    kept = [{key: _clip(value) for key, value in entry.items()} for entry in everything[:limit]]
    if len(everything) > limit:
        kept.append({"message": f"{len(everything) - limit} more not shown"})
    return tuple(kept)


def _clip(value: Json) -> Json:
    if not isinstance(value, str):
        return value
    text = clean(_masked(value))
    return text if len(text) <= MAX_FIELD else text[: MAX_FIELD - 1] + "…"
