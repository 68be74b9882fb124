"""What of a migration holds a lock for long: told from the locks, scans and rewrites of each statement as measured.

On a scratch database everything is quick. But a lock is a lock, and work that reads or writes a whole table takes as
long as the table is large: so a lock that keeps the running release out, held while such work is done, is the hazard.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from deploy_gate.migrations.session import Lock, Statement
from deploy_gate.migrations.shape import Relation
from deploy_gate.result import brief

_EVERYTHING = "AccessExclusiveLock"
_WRITES = ("ExclusiveLock", "ShareRowExclusiveLock", "ShareLock")
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_WHOLE = re.compile(r"(?:^|;)\s*(?:UPDATE|DELETE\s+FROM)\b(?![^;]*\bWHERE\b)", re.IGNORECASE)
_TRUNCATE = re.compile(r"(?:^|;)\s*TRUNCATE\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Burden:
    """One statement that is heavy; `rule` names how."""

    rule: str
    message: str
    statement: str


@dataclass(slots=True)
class Scale:
    """Weighs statement after statement; `base` are the relations there before, with the rows of `rows`."""

    base: Mapping[int, Relation]
    rows: Mapping[int, int]
    files: dict[int, str | None] = field(default_factory=dict)
    holders: dict[tuple[str, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = {oid: one.file for oid, one in self.base.items()}

    def weigh(self, statements: Sequence[Statement]) -> Iterator[Burden]:
        """What is heavy in the statements of one revision, one burden a statement at most."""
        for one in statements:
            text = _COMMENT.sub(" ", one.sql).strip()
            if one.locks is None:
                continue
            burden = self._weighed(text, self._ours(one.locks))
            if burden:
                yield Burden(*burden, one.sql)
            self._remember(text, one.locks)

    def _ours(self, locks: Sequence[Lock]) -> list[Lock]:
        """Locks on what was there before, without the table that a new one's foreign key refers to.

        The server counts a scan of it, yet there is no row to look up.
        """
        fresh = any(one.relation not in self.base and one.scans for one in locks)
        known = [one for one in locks if one.relation in self.base]
        return [one for one in known if not (fresh and "ShareRowExclusiveLock" in one.modes and _is_only_read(one))]

    def _weighed(self, text: str, locks: Sequence[Lock]) -> tuple[str, str] | None:
        if _TRUNCATE.search(text) and any(self._is_rewritten(one) for one in locks):
            return "truncate", "empties a table that the running release uses"
        work = self._work(text, locks)
        if work is None:
            return None
        rule, words = work
        held = self._blocking(locks)
        if held is None:
            return (rule, f"{words}, and its rows stay locked until the end") if rule == "whole-table-write" else None
        lock, what = held
        name = brief(self.base[self.base[lock.relation].table].name, 130)
        earlier = self.holders.get((lock.transaction, lock.relation))
        if earlier is not None:
            since = f"since `{brief(earlier, 80)}` in the same transaction"
            return "several-steps", f"{words} while {what} of {name} wait {since}"
        return rule, f"{words} while {what} of {name} wait"

    def _work(self, text: str, locks: Sequence[Lock]) -> tuple[str, str] | None:
        """Work that grows with a table that was there before."""
        for one in locks:
            relation = self.base[one.relation]
            name = brief(self.base[relation.table].name, 130)
            if self._is_rewritten(one):
                return "rewrite", f"rewrites {'an index of ' if relation.kind in 'iI' else ''}{name}"
        for one in locks:
            rows = self.rows.get(one.relation, 0)
            name = brief(self.base[one.relation].name, 130)
            if (rows and one.changed * 2 >= rows) or (not rows and _WHOLE.search(text) and _writes(one)):
                return "whole-table-write", f"writes most rows of {name}"
        for one in locks:
            if self.base[one.relation].kind in "rpm" and one.scans:
                return "scan", f"reads all of {brief(self.base[one.relation].name, 130)}"
        return None

    def _is_rewritten(self, one: Lock) -> bool:
        return one.file is not None and one.file != self.files.get(one.relation)

    def _blocking(self, locks: Sequence[Lock]) -> tuple[Lock, str] | None:
        """The strongest lock that keeps the release from reading or writing, and which of the two."""
        everything = [one for one in locks if _EVERYTHING in one.modes]
        if everything:
            return min(
                everything, key=lambda one: (one.transaction, one.relation) not in self.holders
            ), "readers and writers"
        writes = [one for one in locks if set(one.modes) & set(_WRITES) and self.base[one.relation].kind in "rp"]
        return (writes[0], "writers") if writes else None

    def _remember(self, text: str, locks: Sequence[Lock]) -> None:
        for one in locks:
            if one.relation in self.base:
                self.files[one.relation] = one.file
                if _EVERYTHING in one.modes or set(one.modes) & set(_WRITES):
                    self.holders.setdefault((one.transaction, one.relation), text)


def _is_only_read(one: Lock) -> bool:
    return not {_EVERYTHING, "ExclusiveLock", "ShareLock", "RowExclusiveLock"} & set(one.modes)


def _writes(one: Lock) -> bool:
    return "RowExclusiveLock" in one.modes
