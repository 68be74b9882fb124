"""Every environment variable that the repository reads is documented."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from deploy_gate.catalog import About
from deploy_gate.facts import base, contents, envdocs, envfiles, envpython, envuse, tracked
from deploy_gate.facts.envuse import Found, Source, Use
from deploy_gate.problems import Misconfigured, nearest
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed, warned
from deploy_gate.units import counted

ABOUT = About(timeout=120)
_READERS: dict[Source, Callable[[Mapping[str, bytes]], Found]] = {
    "python": envpython.read,
    "compose": envfiles.compose,
    "dockerfile": envfiles.dockerfiles,
    "workflows": envfiles.workflows,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is read, what is documented (name, file and line), and which names were read before (None: not known)."""

    found: Found
    documented: Mapping[str, tuple[str, int]]
    missing_documents: tuple[str, ...] = ()
    before: frozenset[str] | None = None
    since: str = ""
    documents: str = ".env.example"


@dataclass(frozen=True, slots=True)
class Limits:
    """What an unused name means, and which need no documentation."""

    unused: Literal["warn", "fail", "ignore"] = "warn"
    ignore: tuple[str, ...] = field(default_factory=tuple)


def check(
    *,
    documents: list[str],
    paths: list[str],
    exclude: list[str],
    sources: list[str],
    ignore: list[str],
    unused: Literal["warn", "fail", "ignore"],
    since: str,
) -> Result:
    """Read code and documents; CouldNotTell for a file that cannot be read, since its names would go unseen."""
    validate(documents=documents, sources=sources)
    readers = {one: _READERS[one] for one in envuse.SOURCES if one in sources}
    names = _chosen(tracked.below(paths), exclude, readers)
    found = envuse.search(contents.here(names), readers)
    if not found.files:
        fix = "correct `paths`, `exclude` and `sources`"
        raise CouldNotTell(f"no file of {', '.join(readers)} was found, so no variable was looked for", fix)
    documented, gone = _documented(documents)
    limits = Limits(unused, tuple(ignore))
    shown = ", ".join(brief(one) for one in documents)
    facts = Facts(found, documented, tuple(gone), documents=shown)
    if _missing(facts, limits):
        start = base.of(since)
        facts = Facts(found, documented, tuple(gone), _before(start, exclude, readers), start[:7], shown)
    return judge(facts, limits)


def validate(*, documents: list[str], sources: list[str], **_: object) -> None:
    """Misconfigured for a source that is none."""
    faults = [f"input 'sources' has '{brief(one)}'{nearest(one, _READERS)}" for one in sources if one not in _READERS]
    faults += [] if sources else ["input 'sources' is empty"]
    faults += [] if documents else ["input 'documents' is empty"]
    if faults:
        raise Misconfigured(faults)


def _chosen(names: Iterable[str], exclude: list[str], readers: Mapping[Source, object]) -> list[str]:
    left_out = [tracked.glob(one.strip("/")) for one in exclude]
    words = {one.strip("/") for one in exclude if not set("*?[/") & set(one.strip("/"))}
    own = [name for name in names if envuse.kind(name) in readers]
    return [
        name
        for name in own
        if not words & set(PurePosixPath(name).parts) and not any(one.fullmatch(name) for one in left_out)
    ]


def _documented(documents: list[str]) -> tuple[dict[str, tuple[str, int]], list[str]]:
    raw = contents.here(documents)
    found: dict[str, tuple[str, int]] = {}
    for path, content in raw.items():
        for name, line in envdocs.names(path, content.decode("utf-8-sig", "replace")).items():
            found.setdefault(name, (path, line))
    return found, [path for path in documents if path not in raw]


def _before(
    start: str, exclude: list[str], readers: dict[Source, Callable[[Mapping[str, bytes]], Found]]
) -> frozenset[str]:
    """Names that were read at the base; the whole of it, since a file may only have been moved."""
    if start == base.EMPTY_TREE:
        return frozenset()
    files = contents.at(start, _chosen(contents.listed(start), exclude, readers))
    try:
        found = envuse.search(files, readers)
    except CouldNotTell:
        found = Found()
        for path, raw in files.items():
            with suppress(CouldNotTell):  # a fault of then, in one file
                found.add(envuse.search({path: raw}, readers))
    return frozenset(name for use in found.uses for name in use.names)


def _missing(facts: Facts, limits: Limits) -> dict[str, Use]:
    """Undocumented names with their first place, those that are new since the base first."""
    found: dict[str, Use] = {}
    for use in facts.found.uses:
        told = use.among(facts.documented) or any(envuse.ignored(name, limits.ignore) for name in use.names)
        if not told:
            found.setdefault(use.names[0], use)
    return dict(sorted(found.items(), key=lambda pair: (not _new(pair[0], facts), pair[0])))


def _new(name: str, facts: Facts) -> bool:
    return facts.before is not None and name not in facts.before


def _unused(facts: Facts, limits: Limits) -> list[str]:
    if limits.unused == "ignore":
        return []
    uses, given = facts.found.uses, facts.found.given
    free = [name for name in facts.documented if name not in given and not envuse.ignored(name, limits.ignore)]
    return [name for name in free if not any(use.covers(name) for use in uses)]


def judge(facts: Facts, limits: Limits) -> Result:
    """A name that nobody documented fails; one that nobody reads warns, or fails."""
    missing, unused = _missing(facts, limits), _unused(facts, limits)
    names = {use.names[0] for use in facts.found.uses if not envuse.ignored(use.names[0], limits.ignore)}
    evidence = [*_undocumented(missing, facts), *_unread(unused, facts), *_unclear(facts)]
    if facts.missing_documents and names:
        gone = ", ".join(brief(one) for one in facts.missing_documents)
        found = f"there is no {gone}, and the repository reads {counted(len(names), 'variable')}"
        return failed(found, f"write {gone}: each name, what it is for, and its default", evidence=evidence)
    total = counted(len(names), "variable")
    if missing:
        count = f"{len(missing)} of {total} not documented in {facts.documents}, the limit is 0"
        fix = f"add a line for each to {facts.documents}"
        first = ", ".join(_shown(name, use, facts) for name, use in list(missing.items())[:3])
        more = f" (and {len(missing) - 3} more)" if len(missing) > 3 else ""
        return failed(f"{count}: {first}{more}", fix, target=0, measured=len(missing), evidence=evidence)
    if unused:
        more = f" (and {len(unused) - 3} more)" if len(unused) > 3 else ""
        say = failed if limits.unused == "fail" else warned
        found = f"{counted(len(unused), 'documented name')} read nowhere, the limit is 0: {', '.join(unused[:3])}{more}"
        fix = "take them out of the documentation, or name what reads them in `ignore`"
        return say(found, fix, target=0, measured=len(unused), evidence=evidence)
    found = f"{total} in {counted(facts.found.files, 'file')}, 0 not documented in {facts.documents}"
    return passed(found, target=0, measured=0, evidence=evidence)


def _shown(name: str, use: Use, facts: Facts) -> str:
    new = "new since " + facts.since + ", " if _new(name, facts) else ""
    return f"{name} ({new}{brief(use.path)}:{use.line})"


def _undocumented(missing: Mapping[str, Use], facts: Facts) -> list[Evidence]:
    return [
        {
            "path": use.path,
            "line": use.line,
            "rule": "undocumented",
            "message": f"{_shown(name, use, facts)} is not documented",
        }
        for name, use in missing.items()
    ]


def _unread(unused: list[str], facts: Facts) -> list[Evidence]:
    places = [(name, *facts.documented[name]) for name in unused]
    return [
        {"path": path, "line": line, "rule": "unused", "message": f"{name} is documented and read nowhere"}
        for name, path, line in places
    ]


def _unclear(facts: Facts) -> list[Evidence]:
    return [
        {"path": path, "line": line, "rule": "unclear", "message": "a name made up at run time cannot be looked up"}
        for path, line in facts.found.unclear
    ]
