"""Two catalogs object by object: what differs, on which side, and whether it changes behaviour."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from deploy_gate.postgres.catalog.kind import Kind
from deploy_gate.postgres.catalog.reading import KINDS, Catalog
from deploy_gate.postgres.catalog.rows import Row, adapted, parsed, unqualified
from deploy_gate.postgres.catalog.spelling import canonical, canonical_default, folded

Side = Literal["left", "right", "both"]
Level = Literal["difference", "information"]
_APART = ("owner", "state")
# A name as the server makes one: of table and columns, with a number when the plain one was taken.
_IMPLICIT = re.compile(r"(.+_(?:pkey|key|fkey|check|excl|idx))\d*\"?")


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is not the same. `left` and `right` tell only what differs; empty where the object is missing."""

    kind: str
    name: str
    side: Side
    left: str
    right: str
    level: Level = "difference"


@dataclass(frozen=True, slots=True)
class Options:
    """What counts as a difference, and not only as information."""

    owners: bool = False
    comments: bool = False
    column_order: bool = False


def compare(left: Catalog, right: Catalog, options: Options | None = None) -> list[Difference]:
    """All that differs, differences before information, in the order of kinds and names."""
    options = options or Options()
    found: list[Difference] = []
    parents: dict[int, str] = {}
    missing: dict[Side, set[str]] = {"left": set(), "right": set()}
    for number in left.rows.keys() | right.rows.keys():
        kind = KINDS[number]
        for one, parent in _of_kind(number, kind, left, right):
            found.append(replace(one, level=_level(one, options)))
            parents[id(found[-1])] = parent
            # What is only said of an object (the order of its columns) can be missing where the object is not.
            if one.side != "both" and one.name != parent:
                missing[one.side].add(one.name)
    kept = [one for one in found if not _is_child(one, parents[id(one)], missing)]
    order = {kind.label: number for number, kind in enumerate(KINDS)}
    return sorted(kept, key=lambda one: (one.level, order[one.kind], one.name))


def _is_child(one: Difference, parent: str, missing: Mapping[Side, set[str]]) -> bool:
    """Whether its parent is missing on the same side, which says it all."""
    sides: Iterable[Side] = ("left", "right") if one.side == "both" else (one.side,)
    return bool(parent) and any(parent in missing[side] for side in sides)


def _level(one: Difference, options: Options) -> Level:
    counts = {"comment": options.comments, "column-order": options.column_order, "owner": options.owners}
    topic = "owner" if one.left.startswith("owner: ") else one.kind
    return "difference" if counts.get(topic, one.level == "difference") else "information"


def _of_kind(number: int, kind: Kind, left: Catalog, right: Catalog) -> Iterator[tuple[Difference, str]]:
    ours, theirs = left.rows.get(number, frozenset()), right.rows.get(number, frozenset())
    if left.version == right.version:
        # What is the same to the letter is the same; only the rest is looked at closely.
        ours, theirs = ours - theirs, theirs - ours
    here, there = parsed(left.kind(number), ours), parsed(right.kind(number), theirs)
    if left.version != right.version:
        here, there = adapted(kind, here, right.version), adapted(kind, there, left.version)
    if kind.label in ("constraint", "index", "domain-constraint"):
        yield from _renamed_by_the_server(kind, here, there)
    for name in sorted(here.keys() | there.keys()):
        one, other = here.get(name), there.get(name)
        if one and other:
            yield from ((found, one.parent) for found in _changed(kind, one, other))
        elif only := one or other:
            yield _lonely(kind, only, "left" if one else "right"), only.parent


def _lonely(kind: Kind, row: Row, side: Side) -> Difference:
    hows = {one.label: one.how for one in kind.fields}
    told = {label: text for label, text in row.values.items() if text and hows[label] not in _APART}
    text = _shown(kind, told) or "present"
    if kind.absent:
        # Both sides have the object itself; only one side's state is worth a row.
        told_left, told_right = (text, kind.absent) if side == "left" else (kind.absent, text)
        return Difference(kind.label, row.name, "both", told_left, told_right)
    return Difference(kind.label, row.name, side, text if side == "left" else "", text if side == "right" else "")


def _shown(kind: Kind, values: Mapping[str, str | None]) -> str:
    hidden = {one.label for one in kind.fields if one.how == "hidden"}
    parts = [
        f"{label}: {'(not shown)' if label in hidden and text else _spread(text)}" for label, text in values.items()
    ]
    return "; ".join(parts)


def _spread(text: str | None) -> str:
    return "none" if text is None else text.replace("\x1f", ", ")


def _changed(kind: Kind, left: Row, right: Row) -> Iterator[Difference]:
    """What of an object differs: its behaviour, and apart from that its owner and its state."""
    both = [one for one in kind.fields if one.label in left.values and one.label in right.values]
    unequal = [one for one in both if not _same(kind, one.label, left, right)]
    for apart in ("", *_APART):
        labels = [one.label for one in unequal if (one.how if one.how in _APART else "") == apart]
        if labels:
            ours, theirs = ({label: row.values[label] for label in labels} for row in (left, right))
            level: Level = "information" if apart == "state" else "difference"
            yield Difference(kind.label, left.name, "both", _shown(kind, ours), _shown(kind, theirs), level)


def _same(kind: Kind, label: str, left: Row, right: Row) -> bool:
    one, other = left.values[label], right.values[label]
    if one == other:
        return True
    if kind.label == "column-order" and one and other:
        return _common(one, other) == _common(other, one)
    if one is None or other is None:
        return False
    how = next(field.how for field in kind.fields if field.label == label)
    if how == "expression":
        return canonical(one) == canonical(other) or _same_view(kind, one, other)
    if how == "typed":
        return canonical_default(one, left.values["type"] or "") == canonical_default(other, right.values["type"] or "")
    # Of languages other than SQL we cannot tell what white space means.
    return (
        how == "body" and left.values["language"] == right.values["language"] == "sql" and folded(one) == folded(other)
    )


def _same_view(kind: Kind, one: str, other: str) -> bool:
    """PostgreSQL 16 and newer leave out the name of the only table in a query's columns."""
    return kind.label.endswith("view") and canonical(unqualified(one, other)) == canonical(unqualified(other, one))


def _common(names: str, others: str) -> list[str]:
    known = set(others.split("\x1f"))
    return [one for one in names.split("\x1f") if one in known]


def _renamed_by_the_server(kind: Kind, here: dict[str, Row], there: dict[str, Row]) -> Iterator[tuple[Difference, str]]:
    """Take out objects that differ by nothing but a name that the server made, which counts up as they are created."""
    choices: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in sorted(there):
        choices[there[name].parent, _stem(name)].append(name)
    for name in sorted(here):
        row, stem = here[name], _stem(name)
        if not stem or (name in there and _is_twin(kind, row, there[name])):
            continue
        others = choices[row.parent, stem]
        twin = next((one for one in others if one in there and _is_twin(kind, row, there[one])), None)
        if twin is not None:
            yield Difference(kind.label, name, "both", f"named {name}", f"named {twin}", "information"), row.parent
            del here[name], there[twin]


def _stem(name: str) -> str:
    match = _IMPLICIT.fullmatch(name)
    return match[1] if match else ""


def _is_twin(kind: Kind, left: Row, right: Row) -> bool:
    bare = [
        replace(row, values={key: _nameless(row.name, text) for key, text in row.values.items()})
        for row in (left, right)
    ]
    return all(_same(kind, one.label, *bare) for one in kind.fields if one.label in left.values)


def _nameless(name: str, text: str | None) -> str | None:
    """The definition of an index begins with its own name."""
    own = name.rpartition(".")[2]
    return text.replace(f"INDEX {own} ON", "INDEX ON", 1) if text else text
