"""Since when: the commit that a change is measured against."""

from __future__ import annotations

from deploy_gate import runner
from deploy_gate.facts import git
from deploy_gate.result import CouldNotTell

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_FIX = "check out the whole history: actions/checkout with `fetch-depth: 0`"


def of(given: str) -> str:
    """The base commit of this change.

    `given` wins; else the pull request's base, else the commit before the push, else the parent of HEAD. A first
    commit is compared with the empty tree, so that everything counts as new. CouldNotTell when the commit that is
    needed is not in this clone: a comparison with the wrong commit would look at nothing.
    """
    if given:
        return _known(given, f"the base '{given}'")
    if base := runner.pull_request_base():
        return _merge_base(_known(base, f"the pull request's base {base[:12]}"))
    return _before_push() or _parent()


def _before_push() -> str:
    """The branch's commit before this push; empty for other events, for a new branch and after a forced push."""
    before = runner.commit_before_push()
    if not before or git.resolve(before):
        return before
    # Merely not fetched: a later commit in its place would show too little.
    if git.is_shallow():
        raise CouldNotTell(f"the commit before this push, {before[:12]}, is not in this shallow clone", _FIX)
    return ""


def _parent() -> str:
    if not git.head():
        found = "there is no commit to compare with: this is not a git repository"
        raise CouldNotTell(found, "run inside a git checkout")
    parents = git.output("rev-list", "--parents", "-n", "1", "HEAD").split()[1:]
    if parents:
        return parents[0]
    if git.is_shallow():
        raise CouldNotTell("this clone is shallow, so what changed cannot be known", _FIX)
    return EMPTY_TREE


def _known(revision: str, what: str) -> str:
    for candidate in (revision, f"origin/{revision}"):
        if found := git.resolve(candidate):
            return found
    raise CouldNotTell(f"{what} is not in this clone", _FIX)


def _merge_base(base: str) -> str:
    done = git.git("merge-base", base, "HEAD")
    if done.code:
        raise CouldNotTell(f"this clone does not reach back to where the branch left {base[:12]}", _FIX)
    return done.out.strip()
