"""New Alembic revisions explain themselves, and released ones stay as they are."""

from __future__ import annotations

from deploy_gate.catalog import About
from deploy_gate.facts.base import of as base_commit
from deploy_gate.migrations import documentation, tree
from deploy_gate.migrations.tree import Tree
from deploy_gate.result import Evidence, Result, failed, passed
from deploy_gate.units import counted

ABOUT = About(timeout=120)


def check(*, config: str, base: str) -> Result:
    """Compare the tree with that of the base commit; CouldNotTell when either cannot be read."""
    commit = base_commit(base)
    return judge(tree.read(config, commit, may_be_missing=True), tree.read(config), commit[:12])


def judge(old: Tree, new: Tree, since: str) -> Result:
    """Failed for each new revision without an explanation, and each older one that was edited or taken away."""
    fresh = [new.revisions[one] for one in new.order if not old.knows(one)]
    kept = [one for one in old.order if new.knows(one)]
    evidence: list[Evidence] = [fault for one in fresh for fault in documentation.faults(one)]
    evidence += [fault for one in kept for fault in documentation.edited(old.revisions[one], new.revisions[one])]
    evidence += [documentation.removed(old.revisions[one]) for one in old.order if not new.knows(one)]
    looked = f"{counted(len(fresh), 'new revision')} since {since}, {len(kept)} older"
    if not evidence:
        return passed(f"{looked}: all documented, none edited", target=0, measured=0)
    first = evidence[0]
    more = f" (and {counted(len(evidence) - 1, 'more finding')})" if len(evidence) > 1 else ""
    fix = "say in the docstring what the revision is for, what it locks and what a downgrade loses; undo later edits"
    found = f"{looked}: {first['path']}:{first['line']}: {first['message']}{more}"
    return failed(found, fix, target=0, measured=len(evidence), evidence=evidence)
