"""Two databases have the same schema; every kind of object is compared, and what differs is told with its side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.migrations.origin import Origins
from deploy_gate.postgres import address, catalog, link
from deploy_gate.postgres.allowed import Allowed
from deploy_gate.postgres.catalog import Catalog, Difference, Options, compare, stored
from deploy_gate.result import Evidence, Result, brief, error, failed, passed
from deploy_gate.units import Duration, Variable, counted

ABOUT = About(secrets=("STAGING_DATABASE_URL", "PRODUCTION_DATABASE_URL"), locks=("database",), timeout=300)
# What a migration neither makes nor should: a scratch database's own differ by nature.
_NEVER_MIGRATED = ("database", "setting")
_HINTED = 200
_TEXT = 500


@dataclass(frozen=True, slots=True)
class Side:
    """One database: how the user knows it, what tells it from any other, and what it holds."""

    label: str
    identity: tuple[object, ...]
    catalog: Catalog


@dataclass(frozen=True, slots=True)
class Facts:
    """Both sides, and what is not the same."""

    left: Side
    right: Side
    differences: Sequence[Difference]


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    left: Variable,
    right: Variable,
    expected: str,
    allow: list[str],
    owners: bool,
    comments: bool,
    column_order: bool,
    config: str,
    statement_timeout: Duration,
) -> Result:
    """Read both catalogs side by side and compare them; CouldNotTell for all that hinders."""
    with ThreadPoolExecutor(2) as pool:
        there = pool.submit(from_file, expected) if expected else pool.submit(gather, right, statement_timeout)
        one, other = gather(left, statement_timeout), there.result()
    options = Options(owners=owners, comments=comments, column_order=column_order)
    found = compare(one.catalog, other.catalog, options)
    if expected:
        found = [difference for difference in found if difference.kind not in _NEVER_MIGRATED]
    return judge(Facts(one, other, found), Allowed.of(allow), Origins.of(config))


def gather(variable: str, seconds: float) -> Side:
    """What one database holds, read in one snapshot."""
    where = address.of(variable)
    with link.connected(where) as connection:
        return Side(where.label, link.identity(connection), catalog.read(connection, statement_seconds=seconds))


def from_file(path: str) -> Side:
    """What the migrations of this commit make, as schema-snapshot wrote it down."""
    return Side(f"the migrations' head ({brief(path)})", ("file", path), stored.load(Path(path)))


def judge(facts: Facts, allowed: Allowed, origins: Origins) -> Result:
    """Failed exactly when something that changes behaviour differs; an error when that could not be seen."""
    if facts.left.identity == facts.right.identity:
        found = f"{facts.left.label} and {facts.right.label} are one and the same database: nothing was compared"
        return error(found, "correct the address of one of them")
    counting = [
        one for one in facts.differences if one.level == "difference" and not allowed.covers(one.kind, one.name)
    ]
    evidence = [_line(one, allowed, origins if n < _HINTED else None) for n, one in enumerate(facts.differences)]
    more: dict[str, Any] = {"target": 0, "measured": len(counting), "evidence": [*evidence, *_notes(facts, allowed)]}
    if counting:
        text = f"{counted(len(counting), 'difference')}, the limit is 0: {_told(counting)}{_context(facts, allowed)}"
        fix = "write a migration for what is missing and deploy it to both, or list in `allow` what is meant to differ"
        return failed(text, fix, **more)
    if trouble := _unseen(facts, allowed):
        return error(trouble[0], trouble[1], **more)
    size = max(facts.left.catalog.size, facts.right.catalog.size)
    return passed(f"no difference among {counted(size, 'object')}, the limit is 0{_context(facts, allowed)}", **more)


def _unseen(facts: Facts, allowed: Allowed) -> tuple[str, str] | None:
    """Why it cannot be said that nothing differs, and what to do."""
    for side in (facts.left, facts.right):
        hidden = [one for one in side.catalog.hidden if not allowed.covers("user-mapping", one)]
        if hidden:
            found = f"{side.label}: the options of user mapping {brief(hidden[0])} are hidden from its role"
            found += f", and of {len(hidden) - 1} more" if len(hidden) > 1 else ""
            return found, "GRANT USAGE ON FOREIGN SERVER … WITH its owner's role, or list it in `allow`: user-mapping *"
        if side.catalog.version > catalog.NEWEST:
            found = f"{side.label} is PostgreSQL {side.catalog.version}, newer than the {catalog.NEWEST} we know: "
            return f"{found}what is new there was not compared", "use a newer version of deploy-gate"
    if facts.left.catalog.is_empty and facts.right.catalog.is_empty:
        return "both databases are empty: nothing was compared", "see whether both addresses are the right ones"
    return None


def _told(counting: Sequence[Difference]) -> str:
    parts = []
    for one in counting[:3]:
        where = {"left": "only on the left", "right": "only on the right", "both": "differs"}[one.side]
        parts.append(f"{one.kind} {brief(one.name)} {where}")
    rest = f" and {len(counting) - 3} more" if len(counting) > 3 else ""
    return "; ".join(parts) + rest


def _context(facts: Facts, allowed: Allowed) -> str:
    shown = sum(1 for one in facts.differences if one.level == "information")
    spared = sum(1 for one in facts.differences if one.level == "difference" and allowed.covers(one.kind, one.name))
    notes = [f"left is {facts.left.label}, right is {facts.right.label}"]
    notes += [f"{spared} allowed"] if spared else []
    notes += [f"{shown} for information"] if shown else []
    return f" ({'; '.join(notes)})"


def _line(one: Difference, allowed: Allowed, origins: Origins | None) -> Evidence:
    pattern = allowed.covers(one.kind, one.name) if one.level == "difference" else ""
    left, right = brief(one.left, _TEXT), brief(one.right, _TEXT)
    where = {"left": f"only on the left: {left}", "right": f"only on the right: {right}"}
    told = where.get(one.side, f"left has {left}; right has {right}")
    line: dict[str, str | int] = {
        "kind": one.kind,
        "name": brief(one.name, _TEXT),
        "side": one.side,
        "left": left,
        "right": right,
        "level": "information" if pattern else one.level,
    }
    origin = origins.of_object(one.name) if origins and one.level == "difference" else None
    hint = f" (named last by migration {brief(origin.id)}, {origin.path})" if origin else ""
    if pattern:
        line["allowed"] = pattern
        hint = f" (allowed by `{pattern}`){hint}"
    if origin:
        line["migration"] = brief(origin.id)
    return {"message": f"{one.kind} {brief(one.name, 200)} {told}{hint}", **line}


def _notes(facts: Facts, allowed: Allowed) -> list[Evidence]:
    """What else a reader should know: servers of different versions, and allowances that nothing needed."""
    notes: list[Evidence] = []
    versions = facts.left.catalog.version, facts.right.catalog.version
    if versions[0] != versions[1]:
        text = (
            f"the left server is PostgreSQL {versions[0]}, the right one {versions[1]}; only what both know is compared"
        )
        notes.append(_note("server-version", text))
    unused = [
        one for one in allowed.patterns if not any(allowed.covers(d.kind, d.name) == one for d in facts.differences)
    ]
    return notes + [_note("allow", f"`{brief(one)}` fits no difference: remove it") for one in unused]


def _note(topic: str, text: str) -> Evidence:
    told = {"kind": topic, "name": "", "side": "both", "left": "", "right": "", "level": "information"}
    return {"message": f"{topic}: {text}", **told}
