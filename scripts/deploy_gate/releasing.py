"""A release of deploy-gate: tag, VERSION and CHANGELOG say the same, and `vN` follows the newest of its line, last."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from deploy_gate.facts import changelog_file, git
from deploy_gate.facts.remote import Remote
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief

MAIN = "main"
_NUMBER = r"(0|[1-9][0-9]{0,5})"
_TAG = re.compile(rf"v{_NUMBER}\.{_NUMBER}\.{_NUMBER}")
_FIX = "see that the job has `permissions: contents: write` and GITHUB_TOKEN, then run it again"
Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag at the remote: what the ref holds, and the commit behind it."""

    ref: str
    commit: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What a release is judged by; `tagged` is the tag's commit at the remote, empty where there is none."""

    version: str
    changelog: str
    head: str
    tagged: str
    on_main: bool


def parse(tag: str) -> Version | None:
    """The three numbers of `v1.2.3`; None for any other name."""
    match = _TAG.fullmatch(tag)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def known(tag: str) -> Version:
    """The same; Misconfigured for any other name."""
    found = parse(tag)
    if found is None:
        raise Misconfigured([f"the tag is '{brief(tag, 60)}', expected a version such as v1.2.3"])
    return found


def judge(tag: str, facts: Facts) -> list[str]:
    """Everything that disagrees; empty when this commit may be released as that tag."""
    wanted = tag.removeprefix("v")
    wrong = []
    if facts.version != wanted:
        wrong.append(f"VERSION says {brief(facts.version, 40) or 'nothing'}, and the tag {tag}: write {wanted} into it")
    wrong += _changelog(wanted, facts.changelog)
    if not facts.tagged:
        wrong.append(f"the remote has no tag {tag}: push it first")
    elif facts.tagged != facts.head:
        wrong.append(f"the tag {tag} is {facts.tagged[:12]} at the remote, and {facts.head[:12]} is checked out")
    if not facts.on_main:
        wrong.append(f"{facts.head[:12]} is not on {MAIN}: only what was merged is released")
    return wrong


def _changelog(wanted: str, text: str) -> list[str]:
    found = changelog_file.parse(text)
    wrong = [f"CHANGELOG.md:{fault.line}: {fault.message}" for fault in found.faults]
    waiting = [one for one in found.versions if one.name == changelog_file.UNRELEASED and one.bullets]
    if waiting:
        wrong.append(f"CHANGELOG.md:{waiting[0].line}: entries are still under Unreleased: put them under {wanted}")
    newest = next((one for one in found.versions if one.name != changelog_file.UNRELEASED), None)
    if newest is None or newest.name != wanted:
        wrong.append(f"the newest version of CHANGELOG.md is {newest.name if newest else 'missing'}, expected {wanted}")
    elif newest.day is None or not newest.bullets:
        wrong.append(f"CHANGELOG.md:{newest.line}: {wanted} has no {'date' if newest.day is None else 'entry'}")
    return wrong


def notes(tag: str, text: str) -> str:
    """The changelog's own words for that version, without their heading."""
    places = [(one.name, one.line) for one in changelog_file.parse(text).versions] + [("", len(text.splitlines()) + 1)]
    for (name, begin), (_, end) in pairwise(places):
        if name == tag.removeprefix("v"):
            return "\n".join(text.splitlines()[begin : end - 1]).strip() + "\n"
    return ""


def gather(there: Remote, tag: str, version: str, changelog: str) -> Facts:
    """The facts about the commit that is checked out."""
    head = git.head()
    if not head:
        raise CouldNotTell("no commit is checked out here, so there is nothing to release", "check the tag out first")
    tagged = tags(there).get(tag)
    return Facts(version.strip(), changelog, head, tagged.commit if tagged else "", there.has(MAIN, head))


def tags(there: Remote) -> Mapping[str, Tag]:
    """All tags at the remote by their names."""
    lines = _good(there, "list its tags", "ls-remote", "--tags", "--", there.url).splitlines()
    found: dict[str, Tag] = {}
    for line in lines:
        value, _, name = line.partition("\t")
        name = name.removeprefix("refs/tags/")
        # An annotated tag is followed by what it stands for.
        plain = name.removesuffix("^{}")
        found[plain] = Tag(found[plain].ref if plain in found else value, value)
    return found


def move(there: Remote, tag: str) -> str:
    """Let `vN` follow to this tag, never backwards, and only from what it was when looked at; says what was done."""
    own, all_ = known(tag), tags(there)
    if tag not in all_:
        raise CouldNotTell(f"the remote has no tag {tag}", "push it first")
    major, commit = f"v{own[0]}", all_[tag].commit
    newest = max(one for name in all_ if (one := parse(name)) and one[0] == own[0])
    before = all_.get(major)
    if newest != own:
        return f"{major} stays where it is: v{'.'.join(map(str, newest))} is newer than {tag}"
    if before and before.commit == commit:
        return f"{major} is {tag} already ({commit[:12]})"
    _good(there, f"give {tag}", "fetch", "--quiet", "--depth=1", "--no-tags", "--", there.url, f"refs/tags/{tag}")
    lease = f"--force-with-lease=refs/tags/{major}:{before.ref if before else ''}"
    target = f"{commit}:refs/tags/{major}"
    _good(there, f"move {major}", "push", "--quiet", "--porcelain", lease, "--", there.url, target)
    return f"{major} moved from {before.commit[:12] if before else 'nothing'} to {tag} ({commit[:12]})"


def _good(there: Remote, what: str, *words: str) -> str:
    done = there.git(*words)
    if done.code:
        raise CouldNotTell(f"the remote did not {what}: {there.words(done)}", _FIX)
    return done.out
