"""The committed OpenAPI document is the application's own, and what breaks clients is told in the changelog."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from deploy_gate.catalog import About
from deploy_gate.facts import apidiff, apiexport, base, changelog_file, git, openapi, textfile
from deploy_gate.facts.apidiff import Break
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import counted

ABOUT = About(runs_code=True, timeout=300)
_HISTORY = "fetch the whole history: actions/checkout with `fetch-depth: 0`"


@dataclass(frozen=True, slots=True)
class Facts:
    """What differs from the committed document, what breaks clients since the base, and new changelog entries."""

    name: str
    paths: int
    differences: tuple[tuple[str, str], ...]
    breaks: tuple[Break, ...]
    entries: tuple[str, ...]
    since: str
    changelog: str


def check(
    *,
    export: str,
    path: str,
    ignore: list[str],
    since: str,
    changelog: str,
    python: str,
    env: list[str],
) -> Result:
    """Export, compare with the committed document, then with the base's."""
    validate(export=export)
    name = brief(path, 200)
    committed = _here(path)
    start = base.of(since)
    exported = openapi.parse(apiexport.export(export, python, env), f"what {brief(export)} says")
    if not exported["paths"]:
        raise CouldNotTell(f"{brief(export)} describes no path", "name the application that has the routes in `export`")
    if committed is None:
        fix = f"write what `{brief(export)}` says to {name} and commit it"
        return failed(f"there is no {name}, the application has {counted(len(exported['paths']), 'path')}", fix)
    different = tuple(openapi.differences(openapi.parse(committed, name), exported, ignore))
    before = _at(start, path)
    breaks = apidiff.breaking(openapi.parse(before, f"{name} of {start[:7]}"), exported) if before else []
    entries = _entries(start, changelog) if breaks else []
    log = brief(changelog, 200)
    facts = Facts(name, len(exported["paths"]), different, tuple(breaks), tuple(entries), start[:7], log)
    return judge(facts)


def validate(*, export: str, **_: object) -> None:
    """Misconfigured for a command that is none."""
    try:
        apiexport.words(export)
    except ValueError:
        raise Misconfigured(
            ["input 'export' expects `module:attribute`, or a command that prints the document"]
        ) from None


def _here(path: str) -> bytes | None:
    file = Path(path)
    if file.is_absolute() or not file.resolve().is_relative_to(Path.cwd().resolve()):
        raise CouldNotTell(f"{brief(path, 200)} does not lie in the repository", "name a file of the repository")
    return textfile.read(file, openapi.MAX_BYTES)


def _at(commit: str, path: str) -> bytes:
    """The file at a commit, empty where it was not there."""
    name = f"{commit}:./{Path(path).as_posix()}"
    if git.git("rev-parse", "--verify", "--quiet", "--end-of-options", name).code:
        return b""
    return git.output("cat-file", "blob", name, fix=_HISTORY).encode("utf-8", "surrogateescape")


def _entries(start: str, path: str) -> list[str]:
    raw = _here(path) or b""
    before = {one.text for one in changelog_file.parse(_at(start, path).decode(errors="replace")).bullets}
    now = changelog_file.parse(raw.decode(errors="replace")).bullets
    return [one.text for one in now if one.text not in before]


def judge(facts: Facts) -> Result:
    """An old document first; then breaks that nobody told."""
    untold = [one for one in facts.breaks if not is_told(one, facts.entries)]
    evidence = [
        *(_difference(facts.name, *one) for one in facts.differences),
        *(_break(one, untold) for one in facts.breaks),
    ]
    if facts.differences:
        place, what = facts.differences[0]
        more = f" (and {len(facts.differences) - 1} more)" if len(facts.differences) > 1 else ""
        count = counted(len(facts.differences), "difference")
        found = f"{count} between {facts.name} and the application, the limit is 0: {place} {what}{more}"
        fix = f"export it again and commit {facts.name}"
        return failed(found, fix, target=0, measured=len(facts.differences), evidence=evidence)
    if untold:
        more = f" (and {len(untold) - 1} more)" if len(untold) > 1 else ""
        total = counted(len(facts.breaks), "breaking change")
        found = f"{len(untold)} of {total} since {facts.since} not told in {facts.changelog}, the limit is 0"
        found += f": {untold[0]}{more}"
        fix = f"keep the old form, or add an entry to {facts.changelog} that names the path or the property"
        return failed(found, fix, target=0, measured=len(untold), evidence=evidence)
    told = f"; {counted(len(facts.breaks), 'breaking change')} since {facts.since}, told in {facts.changelog}"
    found = f"{facts.name} is what the application says: {counted(facts.paths, 'path')}, 0 differences"
    return passed(found + (told if facts.breaks else ""), target=0, measured=0, evidence=evidence)


def is_told(one: Break, entries: tuple[str, ...]) -> bool:
    """Whether a new entry names its path, its schema or its property."""
    patterns = [re.compile(rf"(?<![\w/]){re.escape(name)}(?![\w/])") for name in one.names]
    return any(pattern.search(entry) for pattern in patterns for entry in entries)


def _difference(name: str, place: str, what: str) -> Evidence:
    return {"path": name, "rule": "out-of-date", "message": f"{place}: {what} in the application"}


def _break(one: Break, untold: list[Break]) -> Evidence:
    told = "not told" if one in untold else "told"
    return {"rule": "breaking", "message": f"{brief(str(one), 400)} ({told} in the changelog)"}
