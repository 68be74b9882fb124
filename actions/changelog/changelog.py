"""Whether the changelog is well-formed and tells what is new since the base."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

from deploy_gate.catalog import About
from deploy_gate.facts import base, changelog_file, conventional, git, textfile
from deploy_gate.facts.changelog_file import Bullet, Changelog, Fault
from deploy_gate.facts.conventional import Commit
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed

ABOUT = About(timeout=60)
MAX_BYTES = 4 * 1024 * 1024
MAX_PAIRS = 2_500
SAME = 0.7
SILENT = {"chore", "docs", "test", "ci", "style", "refactor", "build"}


def check(*, path: str, since: str) -> Result:
    """Judge the changelog at `path` in the working tree against the commits since the base."""
    name = brief(path, 200)
    text = content(path, name)
    if text is None:
        found = f"there is no {name}, at least a well-formed one is needed"
        return failed(found, f"write {name} in the form of Keep a Changelog")
    now = changelog_file.parse(text)
    if now.faults:
        return malformed(now.faults, name)
    start = base.of(since)
    needing = [commit for commit in conventional.commits(start) if needs_entry(commit.message)]
    before = changelog_file.parse(content_at(start, path))
    new = new_bullets(before.bullets, now.bullets) or released(before, now)
    return judge(needing, new, name, start[:7] if start != base.EMPTY_TREE else "the beginning")


def released(before: Changelog, after: Changelog) -> list[Bullet]:
    """Entries of versions that were not there before: a release commit moves its entries and writes none."""
    known = {version.name for version in before.versions}
    return [bullet for version in after.versions if version.name not in known for bullet in version.bullets]


def content(path: str, name: str) -> str | None:
    """The changelog's text, None when there is no such file; CouldNotTell when it cannot be read."""
    file, root = Path(path), Path.cwd().resolve()
    if "\0" in path or file.is_absolute() or not file.resolve().is_relative_to(root):
        raise CouldNotTell(
            f"{name} does not lie in the repository", "name a file in the repository, relative to its root"
        )
    raw = textfile.read(file, MAX_BYTES)
    return None if raw is None else _decode(raw, name)


def content_at(commit: str, path: str) -> str:
    """The changelog's text at a commit, empty when it did not exist there."""
    name = f"{commit}:./{Path(path).as_posix()}"
    if git.git("rev-parse", "--verify", "--quiet", "--end-of-options", name).code:
        return ""
    # Plumbing alone: other commands may apply the repository's own text conversions.
    return git.output("cat-file", "blob", name, fix="fetch the whole history: actions/checkout with `fetch-depth: 0`")


def _decode(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw[: fault.start].count(b"\n") + 1
        raise CouldNotTell(f"{name} is not UTF-8 on line {line}", "save the file as UTF-8") from None


def needs_entry(message: str) -> bool:
    """Whether a commit changes something that users should be told."""
    subject = conventional.SUBJECT.match(conventional.FIXUP.sub("", message.lstrip(), count=1))
    if conventional.BREAKING.search(message) or not subject or subject[2]:
        return True
    return subject[1].lower() not in SILENT


def new_bullets(before: Sequence[Bullet], after: Sequence[Bullet]) -> list[Bullet]:
    """Entries that were not there before; one that was moved or only reworded is not new."""
    left = Counter(bullet.text for bullet in before)
    added: list[Bullet] = []
    for bullet in after:
        if left[bullet.text]:
            left[bullet.text] -= 1
        else:
            added.append(bullet)
    gone = list(left.elements())
    if len(gone) * len(added) > MAX_PAIRS:
        # The file was rewritten as a whole, and only its growth can be told.
        return added[: max(len(added) - len(gone), 0)]
    for old in gone:
        rewording = next((bullet for bullet in added if alike(old, bullet.text)), None)
        if rewording:
            added.remove(rewording)
    return added


def alike(old: str, new: str) -> bool:
    """Whether `new` is `old` in other words: most of its characters in the same order."""
    pair = SequenceMatcher(None, old[:200].lower(), new[:200].lower(), autojunk=False)
    return pair.real_quick_ratio() >= SAME and pair.quick_ratio() >= SAME and pair.ratio() >= SAME


def judge(needing: Sequence[Commit], new: Sequence[Bullet], name: str, since: str) -> Result:
    """At least one new entry when a commit needs one."""
    count = f"{len(needing)} commit{'' if len(needing) == 1 else 's'} since {since}"
    if not needing:
        return passed(f"no commit since {since} needs an entry in {name}", target=0, measured=len(new))
    if new:
        entries = [_entry(name, bullet.line, f"new: {brief(bullet.text, 200)}") for bullet in new]
        needs = f"{count} that need{'s' if len(needing) == 1 else ''} one"
        found = f"{len(new)} new {'entry' if len(new) == 1 else 'entries'} in {name}, at least 1 is needed: {needs}"
        return passed(found, target=1, measured=len(new), evidence=entries)
    found = f"0 new entries in {name}, at least 1 is needed for {count}: {needing[0].sha} {needing[0].subject}"
    listed = [{"message": f"needs an entry: {commit.sha} {commit.subject}", "rule": "changelog"} for commit in needing]
    return failed(found, f"add a bullet under `## [Unreleased]` in {name}", target=1, measured=0, evidence=listed)


def malformed(faults: Sequence[Fault], name: str) -> Result:
    """Failed, with every fault of the format."""
    first, more = faults[0], f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    count = f"{len(faults)} fault{'' if len(faults) == 1 else 's'}"
    found = f"{count} in the form of {name}, the limit is 0: line {first.line}: {first.message}{more}"
    evidence = [_entry(name, fault.line, fault.message) for fault in faults]
    return failed(found, f"correct {name}:{first.line}", target=0, measured=len(faults), evidence=evidence)


def _entry(name: str, line: int, message: str) -> Evidence:
    return {"path": name, "line": line, "rule": "changelog", "message": message}
