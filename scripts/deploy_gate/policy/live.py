"""Whose checklist is in force: that of the release which the ledger knows to be live.

The ledger's branch is read from the clone, since the job that runs the repository's code has no token. A clone of one
branch does not have it: on a runner, where the law decides, the remote is asked before anything counts as the first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy_gate import runner, yamlfile
from deploy_gate.checklist import loading
from deploy_gate.checklist.loading import Source
from deploy_gate.facts import git
from deploy_gate.ledger import branch, chain, reading, signing
from deploy_gate.ledger.entry import Entry, Kind, Outcome
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief

REF = f"refs/remotes/origin/{branch.NAME}"
FILES = ("checklist.yml", ".github/checklist.yml")
_DEEP = "check out the whole history: actions/checkout with `fetch-depth: 0`"


@dataclass(frozen=True, slots=True)
class Law:
    """The checklist in force and the commit that is live; without a checklist, `why` it is none or not known."""

    source: Source | None = None
    commit: str = ""
    why: str = ""
    trouble: CouldNotTell | None = None
    strict: bool = False
    """Whether with that trouble the environment counts as protected, whatever the release says of it."""

    @property
    def named(self) -> str:
        """How people call it."""
        return f"the checklist of {brief(self.commit[:12])}, which is live"


def own_file(given: Path | None) -> Path | None:
    """The checklist file of the working directory; a file that was named must be there, a link lead somewhere."""
    return given or next((Path(name) for name in FILES if os.path.lexists(name)), None)


def committed(given: Path | None) -> str:
    """The path of the checklist as the commit that is checked out has it; empty where it is in none."""
    path = own_file(given)
    return str(path) if path is not None and _blob(f"HEAD:./{path}") is not None else ""


def find(environment: str, given: Path | None, signers: str = "") -> Law:
    """The law of an environment; `given` is the path of the checklist, where it has another name than usual.

    With `signers` (public keys, one a line) only a ledger that they signed says what is live: whoever may push to its
    branch could else write a release of his own into it, or take the whole branch away.
    """
    if not environment:
        return Law(why="no environment is named")
    signing.check(signers)
    try:
        with _ledger() as file:
            return _found(file, environment, given, signers)
    except CouldNotTell as fault:
        return Law(trouble=fault, strict=bool(signing.keys(signers)))


def released(release: str, environment: str, given: Path | None, signers: str = "") -> Law:
    """The law of what the servers say is live: that release's checklist; the ledger's where the clone has it not.

    Right after a confirm the ledger still names the release before.
    """
    at = git.resolve(release, "tree")
    if at is None:
        return find(environment, given, signers)
    try:
        nothing = Law(commit=release, why=f"{brief(release[:12])}, which is live, has no checklist")
        return _at(at, release, _usual(given)) or nothing
    except CouldNotTell as fault:
        return Law(trouble=fault)


def _found(file: signing.Find | None, environment: str, given: Path | None, signers: str) -> Law:
    raw = file(branch.LEDGER) if file else b""
    if file is None or (not raw and signing.keys(signers)):
        return _none(signers)
    if wrong := chain.faults(raw):
        raise _unknown(f"does not hold together: {wrong[0]}")
    ledger = reading.read(raw)
    entry = live(ledger.entries, environment)
    # Since that release went live, or ever: a line that nobody signed could have put another one into its place.
    about = (
        number
        for number, one in zip(ledger.numbers, ledger.entries, strict=True)
        if one is entry or (entry is None and one.environment == environment)
    )
    if wrong := signing.faults(raw, file, signers, first=next(about, 0)):
        raise _unknown(f"cannot be believed: {wrong[0]}")
    if entry is None:
        return Law(why=f"the ledger knows of no release that is live on {brief(environment)}")
    return _of(entry, given)


def _none(signers: str) -> Law:
    why = f"there is no ledger (branch {branch.NAME})"
    if signing.keys(signers):
        raise CouldNotTell(f"{why}, and `ledger-signers` says who signs it", "if there was one, restore the branch")
    return Law(why=why)


@contextmanager
def _ledger() -> Iterator[signing.Find | None]:
    """What reads its files, or None where there is no such branch; CouldNotTell where nobody can say so."""
    if tip := git.resolve(REF):
        yield lambda path: _file(tip, path)
    elif git.is_shallow():
        raise CouldNotTell("this clone is shallow, so whether there is a ledger is not known", _DEEP)
    elif not runner.on_github():
        # Nothing is decided at a prompt, and people work offline.
        yield None
    else:
        with branch.opened() as there:
            state = there.read()
            yield (lambda path: there.file(state.commit, path)) if state.commit else None


def _file(tip: str, path: str) -> bytes:
    if (raw := _blob(f"{tip}:{path}")) is None:
        raise _unknown(f"has no {path}")
    return raw


def _unknown(why: str) -> CouldNotTell:
    return CouldNotTell(f"the ledger {why}; which release is live is not known", "see `ledger verify`")


def live(entries: Iterable[Entry], environment: str) -> Entry | None:
    """The newest that was deployed and confirmed there, and has not been taken back."""
    standing: list[Entry] = []
    for one in entries:
        if one.environment != environment or one.kind not in (Kind.DEPLOY, Kind.ROLLBACK):
            continue
        if one.outcome is Outcome.DEPLOYED:
            standing.append(one)
        elif one.outcome is Outcome.ROLLED_BACK and standing:
            # It names what it leaves; one that names something else was not about this release.
            left = one.from_release or standing[-1].release
            while standing and standing[-1].release == left:
                standing.pop()
    return standing[-1] if standing else None


def _of(entry: Entry, given: Path | None) -> Law:
    at = git.resolve(entry.commit) or git.resolve(entry.release, "tree")
    name = entry.commit or entry.release
    if at is None:
        found = f"{brief(name[:12])}, which is live, is not in this clone, so its checklist is not known"
        raise CouldNotTell(found, _DEEP)
    # Where the ledger knows it: a release may move its checklist, and leave another one at the usual place.
    paths = [entry.checklist] if entry.checklist else _usual(given)
    if law := _at(at, name, paths):
        return law
    if entry.checklist or entry.counts:
        found = f"{brief(name[:12])}, which is live, was judged by a checklist that its commit does not have"
        fix = "deploy once with the checklist where it was; the ledger then knows its place"
        raise CouldNotTell(f"{found}: no {brief(', '.join(paths), 200)}", fix)
    return Law(commit=name, why=f"{brief(name[:12])}, which is live, was judged by no checklist")


def _usual(given: Path | None) -> list[str]:
    return [*([str(given)] if given is not None else []), *FILES]


def _at(at: str, name: str, paths: Iterable[str]) -> Law | None:
    """By the first of these files in a commit or a tree, which people know by that name."""
    for path in paths:
        raw = None if path.startswith("/") else _blob(f"{at}:./{path}")
        if raw is not None:
            return Law(_loaded(raw, path, name), name)
    return None


def _loaded(raw: bytes, path: str, name: str) -> Source:
    where = f"{brief(name[:12])}:{path}"
    try:
        return loading.laid(yamlfile.parse(raw, where))
    except Misconfigured as fault:
        found = f"the live release's checklist cannot be read by this version: {fault.problems[0]}"
        raise CouldNotTell(found, "deploy once with `policy: own`, which the report and the ledger keep") from None


def _blob(name: str) -> bytes | None:
    done = git.git("cat-file", "blob", name)
    return None if done.code else done.out.encode("utf-8", "surrogateescape")
