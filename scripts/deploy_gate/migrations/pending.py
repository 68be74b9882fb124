"""Which revisions a check is about: those that the live release does not have yet."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy_gate.facts import base, git
from deploy_gate.migrations import tree
from deploy_gate.migrations.revision import Revision
from deploy_gate.migrations.tree import Tree
from deploy_gate.result import CouldNotTell, brief


@dataclass(frozen=True, slots=True)
class Pending:
    """The tree, what of it is applied before, what is to be looked at, and how that was decided."""

    tree: Tree
    before: tuple[str, ...]
    revisions: tuple[Revision, ...]
    how: str


def find(config: str, since: str, last: int) -> Pending:
    """The pending revisions, in upgrade order.

    `since` is what the live database holds (revisions), or a commit whose tree has it; by default the base of this
    change. With `last`, the last so many of the tree, whatever is live.
    """
    here = tree.read(config)
    if last > 0:
        chosen, how = set(here.order[-last:]), f"the last {last}"
    else:
        applied, how = _applied(here, config, since)
        chosen = set(here.order) - applied
    # What a chosen one needs stands before it in the order, chosen or not; nothing before may need a chosen one.
    before = tuple(one for one in here.order if one not in chosen)
    return Pending(here, before, tuple(here.revisions[one] for one in here.order if one in chosen), how)


def _applied(here: Tree, config: str, since: str) -> tuple[set[str], str]:
    named = [one for one in re.split(r"[\s,]+", since) if one]
    if named and all(here.knows(one) for one in named):
        return here.closure(named), f"since {brief(', '.join(named))}"
    if len(named) > 1 or (named and not any(git.resolve(one) for one in (named[0], f"origin/{named[0]}"))):
        unknown = [brief(one) for one in named if not here.knows(one)]
        raise CouldNotTell(
            f"`since` names {', '.join(unknown)}: no revision of this tree, and no commit of this clone",
            "name the live database's revisions, or a commit; check out the whole history (`fetch-depth: 0`)",
        )
    ref = base.of(named[0] if named else "")
    if ref == base.EMPTY_TREE:
        return set(), "all, this is the first commit"
    old = tree.read(config, ref, may_be_missing=True)
    return here.closure(one for one in old.revisions if here.knows(one)), f"since {ref[:12]}"
