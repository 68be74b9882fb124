"""The branch that holds the ledger: read and appended to with git's plumbing, without touching anybody's work tree.

Layout: `ledger.jsonl`, one line each; `entries/NUMBER.json`, the whole evidence of that line; and
`entries/NUMBER.intoto.json`, its statement, with `.sig` where it was signed. A push never forces:
of two writers at once the second is refused, reads again, and chains its line behind the other's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from deploy_gate.facts import remote
from deploy_gate.facts.remote import Remote
from deploy_gate.ledger import chain, signing, statement
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.entry import Entry, checked, from_json
from deploy_gate.problems import Misconfigured
from deploy_gate.process import Finished
from deploy_gate.result import CouldNotTell

LEDGER = "ledger.jsonl"
NAME = "deploy-ledger"
TRIES = 20
RECENT = 200
TIMEOUT = 60.0
MAX_DOCUMENT = 8 * 1024 * 1024
_WHO = {
    "GIT_AUTHOR_NAME": "deploy-gate",
    "GIT_AUTHOR_EMAIL": "deploy-gate@localhost",
    "GIT_COMMITTER_NAME": "deploy-gate",
    "GIT_COMMITTER_EMAIL": "deploy-gate@localhost",
}
# Of one run, and with the very same results: two deployments differ in either.
_SAME = ("environment", "kind", "release", "run_url", "evidence")
_QUICKER = ("[rejected]", "cannot lock ref", "failed to update ref", "incorrect old value")
_FIX = "let the job have `permissions: contents: write` and GITHUB_TOKEN, and see whether the branch is protected"


@dataclass(frozen=True, slots=True)
class State:
    """The branch as it was read; `commit` is empty where there is none yet."""

    commit: str
    raw: bytes


class Branch:
    """The branch at a remote; what is read is kept in the remote's folder, which is thrown away afterwards."""

    def __init__(self, there: Remote, name: str = NAME) -> None:
        """Reads and writes nothing yet."""
        self.there, self.name, self.ref = there, name, f"refs/heads/{name}"

    def read(self) -> State:
        """Fetch and read; CouldNotTell when the remote cannot be reached or holds something else."""
        if self.there.tip(self.name) is None:
            return State("", b"")
        self._good("fetch", "--quiet", "--depth=1", "--no-tags", "--", self.there.url, f"+{self.ref}:refs/read")
        commit = self._good("rev-parse", "--verify", "refs/read^{commit}").strip()
        return State(commit, self.file(commit, LEDGER))

    def file(self, commit: str, path: str) -> bytes:
        """One file of a commit that was fetched; CouldNotTell when it is not there."""
        done = self.there.git("cat-file", "blob", f"{commit}:{path}", errors="surrogateescape")
        if done.code:
            found = f"branch {self.name} has no {path}"
            raise CouldNotTell(found, "see what was pushed to it; only deploy-gate may write the ledger's branch")
        return done.out.encode("utf-8", "surrogateescape")

    def save(self, state: State, folder: Path, newest: int) -> None:
        """Write the lines and the evidence of the newest of them into a folder; what has none is left out."""
        (folder / "entries").mkdir(parents=True)
        (folder / LEDGER).write_bytes(state.raw)
        last = chain.head(state.raw).number
        for number in range(max(last - newest, 0) + 1, last + 1):
            with suppress(CouldNotTell):
                path = f"entries/{number}.json"
                (folder / path).write_bytes(self.file(state.commit, path))

    def push(self, before: State, files: Mapping[str, bytes], message: str) -> bool:
        """Lay files over that state and push; False when somebody else was quicker."""
        index = self.there.folder / "ledger.index"
        index.unlink(missing_ok=True)
        own = {**_WHO, "GIT_INDEX_FILE": str(index)}
        if before.commit:
            self._good("read-tree", before.commit, more=own)
        for path, content in files.items():
            blob = self._good("hash-object", "-w", "--stdin", stdin=content).strip()
            entry = f"100644,{blob},{path}"
            self._good("update-index", "--add", "--cacheinfo", entry, more=own)
        tree = self._good("write-tree", more=own).strip()
        parents = ("-p", before.commit) if before.commit else ()
        commit = self._good("commit-tree", *parents, "-m", message, tree, more=own).strip()
        done = self.there.git("push", "--quiet", "--porcelain", "--", self.there.url, f"{commit}:{self.ref}")
        if done.code and any(word in done.out + done.err for word in _QUICKER):
            return False
        self._checked(done)
        return True

    def _good(self, *words: str, stdin: bytes = b"", more: Mapping[str, str] = _WHO) -> str:
        return self._checked(self.there.git(*words, stdin=stdin, more=more))

    def _checked(self, done: Finished) -> str:
        if done.code:
            raise CouldNotTell(f"the ledger's branch {self.name} cannot be written: {self.there.words(done)}", _FIX)
        return done.out


@contextmanager
def opened(name: str = NAME, at: str = "origin") -> Iterator[Branch]:
    """The branch at a remote of the clone one stands in."""
    with remote.opened(at, TIMEOUT) as there:
        yield Branch(there, name)


@dataclass(frozen=True, slots=True)
class Trust:
    """What a writer knows of the ledger from elsewhere, and how it signs; what it does not trust it does not grow."""

    known: tuple[Head, ...] = ()
    signers: str = ""
    """Public keys, one a line: the newest line must be signed by one of them."""
    sign: signing.Sign | None = None

    def faults(self, branch: Branch, state: State) -> list[str]:
        """What is wrong with what is there."""
        return self.wrong(state.raw, lambda path: branch.file(state.commit, path))

    def wrong(self, raw: bytes, find: signing.Find) -> list[str]:
        """The same, of lines that are there or are about to be."""
        return chain.faults(raw, self.known) or signing.faults(raw, find, self.signers)


def evidence(document: Mapping[str, Any]) -> bytes:
    """What is kept of a document beside its line."""
    try:
        raw = chain.canonical(document)
    except ValueError:
        return chain.canonical({"left-out": "the evidence holds a number that is none"})
    if len(raw) <= MAX_DOCUMENT:
        return raw
    return chain.canonical({"left-out": f"the evidence has {len(raw)} bytes, the limit is {MAX_DOCUMENT}"})


def append(branch: Branch, entry: Entry, document: Mapping[str, Any], trust: Trust = Trust()) -> Head:
    """Write one deployment down and return the head that it makes; what is there already is not written twice.

    CouldNotTell when the branch cannot be written, or when what is there is broken: a broken chain is not grown.
    """
    raw = evidence(document)
    fields = {**checked(entry).as_json(), "evidence": chain.digest(raw)}
    if from_json(fields) is None:
        raise Misconfigured(["the entry would be a line that nobody can read: see its times and what decided"])
    for _ in range(TRIES):
        before = branch.read()
        if wrong := trust.faults(branch, before):
            fix = "see who pushed to the branch; restore it from a clone of before, then record again"
            raise CouldNotTell(f"the ledger is broken, and is not written on: {wrong[0]}", fix)
        if there := _written(before.raw, fields):
            return there
        line, head = chain.line(fields, chain.head(before.raw))
        files = {LEDGER: before.raw + line, f"entries/{head.number}.json": raw}
        said = statement.written(fields, head, document)
        files[f"entries/{head.number}.intoto.json"] = said
        if trust.sign:
            files[f"entries/{head.number}.intoto.json.sig"] = trust.sign(said)
        if wrong := trust.wrong(files[LEDGER], partial(_among, files)):
            # What the next reader does not take would end the ledger, since nobody writes on it any more.
            fix = "with `signers`, hand over the key of one of them; else report this line"
            raise CouldNotTell(f"the line is not written, as nobody could write on it: {wrong[0]}", fix)
        if branch.push(before, files, f"{entry.environment}: {entry.kind} {entry.release[:12]} {entry.outcome}"):
            return head
    fix = "record again; so many writers at once are not usual"
    raise CouldNotTell(f"the ledger's branch was written by others {TRIES} times in a row", fix)


def _among(files: Mapping[str, bytes], path: str) -> bytes:
    if path not in files:
        raise CouldNotTell(f"{path} is not written", "sign it")
    return files[path]


def _written(raw: bytes, fields: Mapping[str, Any]) -> Head | None:
    """The line of this very deployment: the job was run again, or cut off before it heard that its push went in."""
    if not fields["run_url"]:
        return None
    for text in reversed(raw.split(b"\n")[-RECENT:]):
        data = chain.parsed(text) or {}
        if all(data.get(name) == fields[name] for name in _SAME):
            return Head(data["seq"], chain.digest(text + b"\n"))
    return None
