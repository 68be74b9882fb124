"""A whole Alembic tree, of the work tree or of a commit, read without running a line of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from deploy_gate.facts.base import EMPTY_TREE
from deploy_gate.migrations import environment, layout
from deploy_gate.migrations.environment import VersionTable
from deploy_gate.migrations.files import Commit, Files, WorkTree
from deploy_gate.migrations.layout import Layout
from deploy_gate.migrations.revision import Revision, Unreadable, parse
from deploy_gate.result import CouldNotTell, Evidence, brief
from deploy_gate.units import counted

# The names that Alembic loads (its documentation: "Using the Script Directory").
_SOURCE = re.compile(r"(?!\.#|__init__).*\.py", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tree:
    """Revisions by their ids, with every reference resolved: nothing is missing, twice there, or in a circle."""

    config: str
    revisions: Mapping[str, Revision]
    parents: Mapping[str, tuple[str, ...]]
    """What each revision needs before it: `down_revision` and `depends_on`."""
    order: tuple[str, ...]
    """All ids, each after what it needs, branch by branch."""
    version_table: VersionTable = field(default_factory=VersionTable)
    layout: Layout | None = None

    @property
    def heads(self) -> tuple[str, ...]:
        """What `alembic heads` shows: revisions that no other one follows by its `down_revision`."""
        followed = {parent for one in self.revisions.values() for parent in one.down}
        return tuple(sorted(set(self.revisions) - followed))

    @property
    def tips(self) -> tuple[str, ...]:
        """What the version table holds after `alembic upgrade heads`: a head that another depends on is left out."""
        needed = {parent for parents in self.parents.values() for parent in parents}
        return tuple(sorted(set(self.revisions) - needed))

    def knows(self, revision: str) -> bool:
        """Whether this tree has it."""
        return revision in self.revisions

    def closure(self, ids: Iterable[str]) -> set[str]:
        """The revisions and all that they need: what is applied where the version table holds these."""
        found: set[str] = set()
        waiting = list(ids)
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self.parents[one]
        return found

    def pending(self, have: Iterable[str]) -> list[Revision]:
        """Revisions still to be applied where the version table holds `have`, in upgrade order.

        Every id must be known: KeyError for another one, since nothing can be said about what it stands for.
        """
        applied = self.closure(have)
        return [self.revisions[one] for one in self.order if one not in applied]


def read(config: str = "alembic.ini", ref: str = "", *, may_be_missing: bool = False) -> Tree:
    """The tree that a configuration describes, as it lies here, or in the commit that `ref` names.

    CouldNotTell, with path and line of every fault, when any file's revision cannot be told, or when the revisions make
    no tree; and when there is none at all, unless that is told to be possible: then it is empty.
    """
    if ref == EMPTY_TREE and may_be_missing:
        return Tree(config, {}, {}, ())
    files: Files = Commit(ref) if ref else WorkTree()
    found = layout.read(config, files)
    names = _sources(found, files) if found else []
    if not names and not may_be_missing:
        place = f"no revision in {', '.join(found.versions)}" if found else f"there is no {brief(config, 200)}"
        fix = "name Alembic's configuration in the input `config`, relative to the working directory"
        raise CouldNotTell(f"{place}{files.name}, so there is nothing to look at", fix)
    contents = files.read(names)
    revisions, faults = _parsed(contents)
    tree = _Builder(revisions, faults).tree(config)
    if found is None:
        return tree
    table = environment.version_table(files, found.script)
    return Tree(config, tree.revisions, tree.parents, tree.order, table, found)


def listed(names: Iterable[str], limit: int = 5) -> str:
    """The first names, and how many more there are."""
    all_ = [brief(one, 60) for one in names]
    more = f" and {len(all_) - limit} more" if len(all_) > limit else ""
    return ", ".join(all_[:limit]) + more


def _sources(found: Layout, files: Files) -> list[str]:
    names = [one for folder in found.versions for one in files.below(folder, recursive=found.recursive)]
    plain = dict.fromkeys(one for one in names if _SOURCE.fullmatch(one.rsplit("/", 1)[-1]))
    return [one for one in plain if "__pycache__" not in one.split("/")]


def _parsed(contents: Mapping[str, bytes]) -> tuple[list[Revision], list[Evidence]]:
    revisions: list[Revision] = []
    faults: list[Evidence] = []
    for path, raw in contents.items():
        try:
            revisions.append(parse(raw, path))
        except Unreadable as fault:
            faults.append(_fault(path, fault.line, fault.message))
    return revisions, faults


def _fault(path: str, line: int, message: str) -> Evidence:
    return {"path": path, "line": line, "rule": "alembic-tree", "message": message}


class _Builder:
    """Resolves references and collects what is wrong with them."""

    def __init__(self, revisions: list[Revision], faults: list[Evidence]) -> None:
        self.revisions: dict[str, Revision] = {}
        self.faults, self.partial = faults, bool(faults)
        self.labels: dict[str, str] = {}
        for one in revisions:
            if (first := self.revisions.setdefault(one.id, one)) is not one:
                self.fault(one, f"revision {brief(one.id)} stands in {brief(first.path, 200)} too")
        for one in self.revisions.values():
            for label in one.labels:
                if label in self.revisions or self.labels.setdefault(label, one.id) != one.id:
                    self.fault(one, f"the branch label {brief(label)} is in use already")

    def fault(self, one: Revision, message: str) -> None:
        self.faults.append(_fault(one.path, one.line, message))

    def tree(self, config: str) -> Tree:
        """The tree; CouldNotTell with all faults at once."""
        parents = {one.id: tuple(dict.fromkeys(self.needs(one))) for one in self.revisions.values()}
        order = () if self.faults else tuple(self.sorted(parents))
        if self.faults:
            first = self.faults[0]
            place = f"{brief(str(first['path']), 200)}:{first['line']}: {first['message']}"
            more = f" (and {counted(len(self.faults) - 1, 'more fault')})" if len(self.faults) > 1 else ""
            fix = "correct the revision files; `alembic history` should read them, too"
            raise CouldNotTell(f"the Alembic tree cannot be read: {place}{more}", fix, self.faults)
        return Tree(config, self.revisions, parents, order)

    def needs(self, one: Revision) -> Iterator[str]:
        for name in one.down:
            if name in self.revisions:
                yield name
            elif not self.partial:
                self.fault(one, f"its down_revision {brief(name)!r} is in no file of this tree")
        for name in one.depends:
            if name in self.revisions or name in self.labels:
                yield self.labels.get(name, name)
            elif not self.partial:
                self.fault(one, f"what it depends on, {brief(name)!r}, is in no file of this tree")

    def sorted(self, parents: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
        """Depth first and without recursion: a tree may be thousands of revisions deep."""
        done: set[str] = set()
        for start in parents:
            trail: dict[str, Iterator[str]] = {start: iter(parents[start])} if start not in done else {}
            while trail:
                last = next(reversed(trail))
                following = next((one for one in trail[last] if one not in done), None)
                if following is None:
                    del trail[last]
                    done.add(last)
                    yield last
                elif following in trail:
                    self.circle([*trail][[*trail].index(following) :])
                    return
                else:
                    trail[following] = iter(parents[following])

    def circle(self, members: list[str]) -> None:
        first = members.index(min(members))
        members = [*members[first:], *members[:first]]
        names = " → ".join(brief(one, 40) for one in [*members[:5], members[0]])
        self.fault(self.revisions[members[0]], f"revisions need each other in a circle: {names}")
