"""What one checklist changes in another, and whether that can only make it stricter. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy_gate.checklist.model import Checklist, Item
from deploy_gate.result import Severity, brief

_WORDING = {"title", "section", "waived", "severity", "phases", "not_applicable", "when", "planned", "runs_code"}
_STRICT_LAST = [Severity.INFO, Severity.WARN, Severity.BLOCK]


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs; `looser` unless it can only make the checklist stricter."""

    where: str
    told: str
    looser: bool = True

    def __str__(self) -> str:
        return f"{self.where} {self.told}"


def between(live: Checklist, own: Checklist, environment: str) -> list[Change]:
    """Every change that matters to that environment: what might loosen it first, each in the order of the file."""
    found = [
        *_items(live, own),
        *_whole("triggers", live.triggers, own.triggers),
        *_whole("thresholds", live.thresholds, own.thresholds),
        *_environment(live, own, environment),
        *_whole("roles", live.roles, own.roles, added=True),
    ]
    return sorted(found, key=lambda one: not one.looser)


def _items(live: Checklist, own: Checklist) -> Iterator[Change]:
    for name, old in live.items.items():
        if name not in own.items:
            yield Change(f"items.{name}", "removed")
            continue
        new = own.items[name]
        yield from (Change(f"items.{name}.{key}", told, looser) for key, told, looser in _item(old, new))
        was, now = _bound_to(live, old), _bound_to(own, new)
        if was != now:
            yield Change(f"items.{name}.section", f"only for {brief(now or 'any environment', 60)}", bool(now))
    for name in own.items:
        if name not in live.items:
            yield Change(f"items.{name}", "added", looser=False)


def _bound_to(checklist: Checklist, item: Item) -> str:
    section = checklist.sections.get(item.section)
    return (section.environment or "") if section else ""


def _item(old: Item, new: Item) -> Iterator[tuple[str, str, bool]]:
    if old.severity is not new.severity:
        softer = _STRICT_LAST.index(new.severity) < _STRICT_LAST.index(old.severity)
        yield "severity", f"{old.severity} → {new.severity}", softer
    if old.phases != new.phases:
        yield "phases", f"{', '.join(old.phases)} → {', '.join(new.phases)}", bool(set(old.phases) - set(new.phases))
    if old.planned != new.planned:
        yield "planned", f"{old.planned} → {new.planned}".lower(), new.planned
    if old.runs_code != new.runs_code:
        # Either way it moves to another job; in the one that runs the release's code, that code could answer for it.
        yield "runs-code", f"{old.runs_code} → {new.runs_code}".lower(), True
    yield from _exceptions(old, new)
    for key in sorted(Item.model_fields.keys() - _WORDING):
        was, now = getattr(old, key), getattr(new, key)
        if was != now:
            # What other values, another check or another time limit mean, nobody can tell: it counts as looser.
            yield key.strip("_").replace("_", "-"), f"{_short(was)} → {_short(now)}", True


def _exceptions(old: Item, new: Item) -> Iterator[tuple[str, str, bool]]:
    for key in ("waived", "not_applicable", "when"):
        was, now = getattr(old, key), getattr(new, key)
        if was != now:
            told = "removed" if now is None else "added" if was is None else "changed"
            yield key.replace("_", "-"), told, now is not None


def _whole(kind: str, live: dict[str, Any], own: dict[str, Any], *, added: bool = False) -> Iterator[Change]:
    """Entries that are compared as a whole; `added` says whether a new one may loosen something."""
    for name, old in live.items():
        if name not in own:
            yield Change(f"{kind}.{name}", "removed")
        elif old != own[name]:
            told = f"{_short(old)} → {_short(own[name])}" if isinstance(old, list) else "changed"
            yield Change(f"{kind}.{name}", told)
    for name in own:
        if name not in live:
            yield Change(f"{kind}.{name}", "added", added)


def _environment(live: Checklist, own: Checklist, name: str) -> Iterator[Change]:
    old, new = live.environments.get(name), own.environments.get(name)
    if new is None or old is None:
        if old is not None:
            yield Change(f"environments.{name}", "removed")
        return
    if old.protected != new.protected:
        yield Change(f"environments.{name}.protected", f"{old.protected} → {new.protected}".lower(), old.protected)
    was, now = old.variables(), new.variables()
    for key in sorted(was.keys() | now.keys()):
        if was.get(key) != now.get(key):
            yield Change(f"environments.{name}.{key}", f"{_short(was.get(key))} → {_short(now.get(key))}")


def _short(value: Any) -> str:
    if value in (None, [], {}):
        return "nothing"
    return brief(", ".join(map(str, value)) if isinstance(value, list) else str(value), 60)
