"""Who put a waiver into the checklist: the commits its lines are from, and whose signature or button brought them in.

GitHub's `verified` says that the *committer's* own key signed, so an author's name proves nothing. Where GitHub itself
committed, the person who pressed the button counts: who merged the pull request. Of anything else that it committed it
names an author, and he need not have pressed anything. What was taken out and came back by a merge is a new waiver.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from deploy_gate import yamlfile
from deploy_gate.checklist.loading import Source
from deploy_gate.checklist.model import Waiver
from deploy_gate.facts import git
from deploy_gate.github import fields
from deploy_gate.github.client import Client, Question, path
from deploy_gate.github.trouble import Missing
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.signoff import gathering, persons, rules
from deploy_gate.signoff.roles import Holders
from deploy_gate.signoff.rules import Comment, Wanted

MOST = 20
BUTTON = "web-flow"  # GitHub's own name where a button was pressed
_HEADER = re.compile(r"^([0-9a-f]{40}|[0-9a-f]{64}) [0-9]+ [0-9]+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entered:
    """A waiver that still counts, and the commits that its lines in the file are from."""

    item: str
    waiver: Waiver
    commits: tuple[str, ...]
    why: str = ""
    """Why they prove nothing of this waiver for this item, whoever they are by."""

    @property
    def by(self) -> str:
        """The login that must be proven, in lower case; nothing beyond ASCII is one."""
        return self.waiver.by.removeprefix("@").lower() if self.waiver.by.isascii() else ""


@dataclass(frozen=True, slots=True)
class Proof:
    """How it was proven, or (`how` is empty) why it was not."""

    entered: Entered
    how: str = ""
    why: str = ""


def counting(source: Source, today: date) -> dict[str, Waiver]:
    """The waivers that have not ended, by item; one that has ended fails its line anyway."""
    items = source.checklist.items
    return {name: one.waived for name, one in items.items() if one.waived and today <= one.waived.until}


def entered(source: Source, raw: bytes, waivers: Mapping[str, Waiver]) -> list[Entered]:
    """The commits of each one's lines; CouldNotTell where the file is another than the commit's, or history is cut."""
    if git.is_shallow():
        fix = "check out the whole history: actions/checkout with `fetch-depth: 0`"
        raise CouldNotTell("this clone is shallow, so who wrote a waiver is not known", fix)
    found = []
    for name, waiver in waivers.items():
        file, first, last = place(source, name, raw)
        commits = _commits(file, first, last, raw)
        found.append(Entered(name, waiver, commits, _broken(file, name, commits, raw)))
    return found


def _broken(file: str, item: str, commits: Sequence[str], raw: bytes) -> str:
    """What a blame does not see: its lines came to stand under another item, or were taken out and merged in again."""
    own = _waiver(raw, item)
    whole = [one for one in commits if _waiver(_blob(one, file), item) == own]
    if not whole:
        return "no commit of that person has this very waiver for this item"
    taken = [_without(one, file, item, own) for one in whole]
    return f"commit {taken[0][:12]}, which came later, does not have it" if all(taken) else ""


def _without(since: str, file: str, item: str, own: Any) -> str:
    """The first of the commits from that one to this release, on whatever branch, that lacks the waiver; or none."""
    commits = git.output("rev-list", "--reverse", "--topo-order", "--ancestry-path", f"{since}..HEAD").split()
    asked = "".join(f"{one}:./{file}\n" for one in commits).encode("utf-8", "surrogateescape")
    # One process for all of them: there may be thousands, with few different files.
    files = git.output("cat-file", "--batch-check=%(objectname)", stdin=asked).splitlines() if commits else []
    lacking = {one for one in set(files) if _waiver(_blob_of(one), item) != own}
    return next((commit for commit, one in zip(commits, files, strict=False) if one in lacking), "")


def place(source: Source, item: str, raw: bytes) -> tuple[str, int, int]:
    """The file, and the first and last of its lines that hold the waiver."""
    file, _ = source.places["items", item, "waived"]
    own = [line for where, (_, line) in source.places.items() if where[:3] == ("items", item, "waived")]
    lines = raw.split(b"\n")
    later = (line for name, line in source.places.values() if name == file and line > max(own))
    last = min(later, default=len(lines) + 1) - 1
    while last > max(own) and not lines[last - 1].split(b"#")[0].strip():
        last -= 1
    return file, min(own), last


def _blob(commit: str, file: str) -> bytes | None:
    return _blob_of(f"{commit}:./{file}")


def _blob_of(name: str) -> bytes | None:
    shown = git.git("cat-file", "blob", name)
    return None if shown.code else shown.out.encode("utf-8", "surrogateescape")


def _waiver(raw: bytes | None, item: str) -> Any:
    """What a file says of an item's waiver."""
    try:
        items = yamlfile.parse(raw or b"", "").data.get("items")
    except Misconfigured:
        return None
    one = items.get(item) if isinstance(items, dict) else None
    return one.get("waived") if isinstance(one, dict) else None


def _commits(file: str, first: int, last: int, raw: bytes) -> tuple[str, ...]:
    if _blob("HEAD", file) != raw:
        found = f"{brief(file)} is not what the commit has, so nobody knows who wrote its waivers"
        raise CouldNotTell(found, "commit the checklist, and leave it alone in the steps before")
    lines = f"-L{first},{last}"
    told = git.output("blame", "--ignore-revs-file=", "--porcelain", "--root", lines, "HEAD", "--", file)
    return tuple(dict.fromkeys(_HEADER.findall(told)))


def by_commits(client: Client, repository: str, found: Iterable[Entered]) -> list[Proof]:
    """Each waiver's proof by its commits; every commit is asked about once."""
    listed = list(found)
    commits = dict.fromkeys(commit for one in listed for commit in one.commits)
    if len(commits) > MOST:
        fix = "put the waivers in with fewer commits"
        raise CouldNotTell(f"the waivers are from {len(commits)} commits, more than {MOST} are not looked up", fix)
    who = {commit: _who(client, repository, commit) for commit in commits}
    return [_proof(one, who) for one in listed]


def _proof(one: Entered, who: Mapping[str, tuple[str, str]]) -> Proof:
    for commit in one.commits:
        login, why = who[commit]
        if not one.by or login != one.by:
            return Proof(one, why=why or f"commit {commit[:12]} was brought in by {brief(login, 60)}")
    if one.why:
        return Proof(one, why=one.why)
    return Proof(one, f"commit {', '.join(each[:12] for each in one.commits[:3])}, verified")


def _who(client: Client, repository: str, commit: str) -> tuple[str, str]:
    """The login that answers for a commit, or why nobody does."""
    where = repository + path("commits", commit)
    try:
        found = client.get(Question(where, f"commit {commit[:12]}", "contents=read"))
    except Missing:
        return "", f"GitHub does not know commit {commit[:12]}"
    if not isinstance(found, dict) or found.get("sha") != commit:
        raise fields.wrong("commit")
    signed = fields.inner(fields.inner(found, "commit"), "verification")
    if signed.get("verified") is not True:
        return "", f"commit {commit[:12]} is not verified ({brief(str(signed.get('reason', 'no reason')), 40)})"
    committer = fields.login(found, "committer")
    if committer == BUTTON:
        return _pressed(client, repository, commit)
    return committer, "" if committer else f"GitHub knows no account for commit {commit[:12]}"


def _pressed(client: Client, repository: str, commit: str) -> tuple[str, str]:
    """Who merged the pull request that the commit is the merge of, or why nobody knows who pressed which button."""
    where = repository + path("commits", commit, "pulls")
    pulls = client.all(Question(where, f"pull requests of {commit[:12]}", "pull-requests=read"))
    merged = next((one for one in pulls if one.get("merge_commit_sha") == commit and one.get("merged_at")), None)
    if merged is None:
        # An edit on GitHub looks the same as a squash that was made elsewhere, whose author pressed nothing.
        return "", f"commit {commit[:12]} was made on GitHub by no merge of a pull request here, so not known by whom"
    number = str(fields.number(merged, "number"))
    pull = client.get(Question(repository + path("pulls", number), f"pull request #{number}", "pull-requests=read"))
    whole = pull if isinstance(pull, dict) else {}
    login = fields.login(whole, "merged_by") if whole.get("merge_commit_sha") == commit else ""
    return login, "" if login else f"GitHub does not say who merged #{number} as commit {commit[:12]}"


def by_comments(
    client: Client, repository: str, said: Sequence[Comment], code: str, max_age: float, open_: Proof
) -> Proof:
    """The same waiver's proof by `/attest waiver:ITEM CODE reason`, in a comment of the person himself."""
    one = open_.entered
    wanted = Wanted(code, max_age, client.now, frozenset(), named(one.item))
    for word in rules.words(said, wanted):
        if word.author != one.by or word.kind != "yes":
            continue
        holder = Holders(frozenset({one.by}))
        if why := word.void or persons.standing(client, repository, word, holder, holder).refusal:
            return Proof(one, why=f"{open_.why}; the comment does not count: {why}")
        return Proof(one, f"comment {brief(word.url, 200)}")
    return open_


def named(item: str) -> str:
    """What is attested; no item of a checklist can have such a name."""
    return f"waiver:{item}"


def comments(client: Client, repository: str, commit: str, issue: int) -> tuple[int, list[Comment]]:
    """The place where people talk, and what is said there."""
    number = gathering.place(client, repository, commit, issue).number
    return number, gathering.comments(client, repository, number)
