"""What of a schema change breaks the release that is running: the contract steps, told from two shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deploy_gate.migrations.shape import Column, Constraint, Relation, Shape
from deploy_gate.result import brief

_KINDS = {"r": "table", "p": "table", "v": "view", "m": "materialised view", "S": "sequence", "f": "foreign table"}
_VARCHAR = re.compile(r"character varying(?:\((\d+)\))?")
_NUMERIC = re.compile(r"numeric(?:\((\d+),(\d+)\))?")


@dataclass(frozen=True, slots=True)
class Change:
    """One change that the running release feels; `name` is what to look for in the revision's text."""

    rule: str
    message: str
    name: str


def changes(base: Shape, before: Shape, after: Shape) -> list[Change]:
    """What one revision (`before`, `after`) does to what was there before all pending ones (`base`)."""
    return [
        *_relations(base, before, after),
        *_columns(base, before, after),
        *_bindings(base, before, after),
        *_labels(base, before, after),
        *_others(base, before, after),
        *_revoked(base, before, after),
    ]


def _relations(base: Shape, before: Shape, after: Shape) -> Iterator[Change]:
    for oid, old in before.relations.items():
        new, kind = after.relations.get(oid), _KINDS.get(old.kind)
        if oid not in base.relations or kind is None:
            continue
        name = brief(old.name, 130)
        if new is None:
            yield Change(f"drop-{kind.split()[-1]}", f"{kind} {name} is dropped", old.name)
            continue
        if new.name != old.name:
            yield Change(f"rename-{kind.split()[-1]}", f"{kind} {name} is now {brief(new.name, 130)}", old.name)
        yield from _state(old, new, name)


def _state(old: Relation, new: Relation, name: str) -> Iterator[Change]:
    if old.parent and not new.parent:
        yield Change("detach", f"{name} is detached, its rows are no longer in the parent", old.name)
    if (new.secured and not old.secured) or (new.forced and not old.forced):
        yield Change("row-security", f"row security is switched on for {name}: who has no policy sees no row", old.name)
    if new.owner != old.owner:
        yield Change("owner", f"{name} gets another owner, and the former one loses its rights", old.name)


def _columns(base: Shape, before: Shape, after: Shape) -> Iterator[Change]:
    for place, old in before.columns.items():
        if place in base.columns and old.relation in after.relations:
            yield from _column(old, after.columns.get(place), base, before)
    for place, new in after.columns.items():
        relation = after.relations[new.relation]
        if place in base.columns or new.relation not in base.relations or relation.kind not in "rpf":
            continue
        if _is_required(new) and not _is_required(before.columns.get(place)):
            text = f"new column {_of(new, after)} is NOT NULL without a default: the running release cannot insert"
            yield Change("required-column", text, new.name)


def _is_required(one: Column | None) -> bool:
    return one is not None and one.not_null and not one.default


def _of(column: Column, shape: Shape) -> str:
    return brief(f"{shape.relations[column.relation].name}.{column.name}", 130)


def _column(old: Column, new: Column | None, base: Shape, before: Shape) -> Iterator[Change]:
    name = _of(old, before)
    if new is None:
        yield Change("drop-column", f"column {name} is dropped", old.name)
        return
    if new.name != old.name:
        yield Change("rename-column", f"column {name} is now {brief(new.name, 60)}", old.name)
    if new.type != old.type and not _is_wider(old.type, new.type):
        yield Change("type-change", f"column {name} changes from {brief(old.type)} to {brief(new.type)}", old.name)
    if new.not_null and not old.not_null and not _never_null(old, base):
        yield Change("not-null", f"column {name} becomes NOT NULL, and the running release may write NULL", old.name)
    if old.default and not new.default and new.not_null:
        yield Change("drop-default", f"column {name} loses its default, and is NOT NULL", old.name)
    if new.always and not old.always:
        yield Change("identity", f"column {name} takes no value any more (GENERATED ALWAYS)", old.name)


def _is_wider(old: str, new: str) -> bool:
    """Every old value stays what it was, and every new one is of the same kind to a client."""
    here, there = _VARCHAR.fullmatch(old), _VARCHAR.fullmatch(new)
    if here:
        return new == "text" or bool(there and (there[1] is None or (here[1] and int(there[1]) >= int(here[1]))))
    one, other = _NUMERIC.fullmatch(old), _NUMERIC.fullmatch(new)
    if one and other:
        return other[1] is None or bool(one[1] and one[2] == other[2] and int(other[1]) >= int(one[1]))
    return False


def _never_null(column: Column, base: Shape) -> bool:
    quoted = re.compile(rf'CHECK \(\("?{re.escape(column.name)}"? IS NOT NULL\)\)')
    mine = (one for one in base.constraints.values() if one.relation == column.relation and one.kind == "c")
    return any(quoted.fullmatch(one.text) for one in mine)


def _bindings(base: Shape, before: Shape, after: Shape) -> Iterator[Change]:
    """New constraints and unique indexes, which refuse rows that the running release writes; also NOT VALID ones."""
    for oid, new in after.constraints.items():
        if oid in before.constraints or new.kind not in "cfux":
            continue
        if new.domain in base.others:
            name = brief(base.others[new.domain][1])
            yield Change("new-constraint", f"domain {name} gets {brief(new.text, 160)}, which binds at once", new.name)
        elif new.relation in base.relations and _binds(new, new.key, base, after):
            yield _bound(new.relation, new.text, new.name, after)
    told = {(one.relation, tuple(sorted(one.key))) for one in after.constraints.values() if one.kind in "pux"}
    told |= {(one.table, tuple(sorted(one.key))) for one in before.relations.values() if one.unique}
    for oid, index in after.relations.items():
        if not index.unique or oid in before.relations or index.table not in base.relations:
            continue
        by_expression = 0 in index.key
        fresh = by_expression or (index.table, tuple(sorted(index.key))) not in told
        if fresh and (by_expression or _fills(index.key, index.table, base, after)):
            yield _bound(index.table, f"unique index {brief(index.name)}", index.name.partition(".")[2], after)


def _binds(new: Constraint, key: list[int], base: Shape, after: Shape) -> bool:
    """Whether a row of the running release can violate it, because it fills a column of it."""
    if new.kind == "c" and any(_says_not_null(new, base.columns.get((new.relation, number))) for number in key):
        return False
    indexes = (one for one in base.relations.values() if one.unique and one.table == new.relation)
    twice = new.kind == "u" and any(sorted(one.key) == sorted(key) for one in indexes)
    return not twice and _fills(key, new.relation, base, after)


def _says_not_null(new: Constraint, column: Column | None) -> bool:
    """It repeats what the column is already."""
    text = new.text.removesuffix(" NOT VALID")
    return column is not None and column.not_null and text == f"CHECK (({column.name} IS NOT NULL))"


def _fills(key: list[int], relation: int, base: Shape, after: Shape) -> bool:
    columns = [after.columns.get((relation, number)) for number in key]
    fresh = [one for one in columns if one and (relation, one.number) not in base.columns]
    # A new column that is NULL for the running release satisfies every key, and nearly every check.
    return len(fresh) < len(key) and not any(not one.default for one in fresh)


def _bound(relation: int, text: str, name: str, after: Shape) -> Change:
    table = brief(after.relations[relation].name, 130)
    return Change(
        "new-constraint", f"{table} gets {brief(text, 160)}, which binds new rows of the running release", name
    )


def _labels(base: Shape, before: Shape, after: Shape) -> Iterator[Change]:
    types = {name for name, _ in after.labels.values()}
    for oid, (name, label) in before.labels.items():
        new = after.labels.get(oid)
        if oid not in base.labels or (new is None and name not in types) or (new and new[1] == label):
            continue
        how = f"becomes {brief(new[1])!r}" if new else "is gone"
        yield Change("enum-label", f"label {brief(label)!r} of enum {brief(name)} {how}", label)


def _others(base: Shape, before: Shape, after: Shape) -> Iterator[Change]:
    """Functions, types, schemas, extensions."""
    for oid, (kind, name) in before.others.items():
        new = after.others.get(oid)
        if oid not in base.others or new == (kind, name):
            continue
        rule = "drop" if new is None else "change"
        how = "is dropped" if new is None else "becomes NOT NULL" if new[0] != kind else f"is now {brief(new[1], 130)}"
        yield Change(f"{rule}-{kind.split()[0]}", f"{kind} {brief(name, 130)} {how}", name.partition("(")[0])


def _revoked(base: Shape, before: Shape, after: Shape) -> Iterator[Change]:
    for key, text in before.privileges.items():
        if key in base.privileges and key not in after.privileges and _object_is_there(key, after):
            yield Change("revoke", f"{brief(text, 200)} is revoked", "REVOKE")


def _object_is_there(key: tuple[object, ...], after: Shape) -> bool:
    """A privilege that went with its object is told there."""
    kind, oid, number = key[:3]
    if kind == "column":
        return (oid, number) in after.columns
    return oid in after.relations if kind == "table" else oid in after.others
