"""The branch that holds the ledger: read and appended to with git's plumbing, without touching anybody's work tree.

Layout: `ledger.jsonl`, one line each, and `entries/NUMBER.json`, the whole evidence of that line. A push never forces:
of two writers at once the second is refused, reads again, and chains its line behind the other's.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_gate.facts.git import ENVIRONMENT
from deploy_gate.ledger import chain
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.entry import Entry, checked
from deploy_gate.process import Finished, run
from deploy_gate.result import CouldNotTell

LEDGER = "ledger.jsonl"
TRIES = 20
TIMEOUT = 60.0
MAX_DOCUMENT = 8 * 1024 * 1024
_PLAIN = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "maintenance.auto=0")
_WHO = {
    "GIT_AUTHOR_NAME": "deploy-gate",
    "GIT_AUTHOR_EMAIL": "deploy-gate@localhost",
    "GIT_COMMITTER_NAME": "deploy-gate",
    "GIT_COMMITTER_EMAIL": "deploy-gate@localhost",
}


@dataclass(frozen=True, slots=True)
class Remote:
    """Where the branch is: `url` is a path or an https address; `token` opens the latter and is never shown."""

    url: str
    branch: str = "deploy-ledger"
    token: str = ""

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.branch}"

    def environment(self) -> dict[str, str]:
        """Variables for git: no prompt, no configuration of this machine's users, the token out of sight."""
        more = {**ENVIRONMENT, **_WHO, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        if self.token and self.url.startswith("https://"):
            word = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
            more |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"http.{self.url}.extraHeader"}
            more["GIT_CONFIG_VALUE_0"] = f"Authorization: Basic {word}"
        return more


@dataclass(frozen=True, slots=True)
class State:
    """The branch as it was read; `commit` is empty where there is none yet."""

    commit: str
    raw: bytes


class Branch:
    """A copy of the branch's newest state in a folder that is thrown away afterwards."""

    def __init__(self, remote: Remote, folder: Path) -> None:
        self.remote, self.folder, self.index = remote, folder, folder / "index.next"
        self._good("init", "-q", "--bare", str(folder))

    def read(self) -> State:
        """Fetch and read; CouldNotTell when the remote cannot be reached or holds something else."""
        done = self._git("ls-remote", "--exit-code", "--", self.remote.url, self.remote.ref)
        if done.code == 2:
            return State("", b"")
        if done.code:
            raise self._unreachable(done)
        commit = done.out.split("\t", maxsplit=1)[0]
        # By its name, not by its hash: not every server hands out hashes.
        self._good("fetch", "-q", "--depth=1", "--no-tags", "--", self.remote.url, f"+{self.remote.ref}:refs/read")
        commit = self._good("rev-parse", "--verify", "refs/read^{commit}").strip()
        return State(commit, self.file(commit, LEDGER))

    def file(self, commit: str, path: str) -> bytes:
        """One file of a commit that was fetched; CouldNotTell when it is not there."""
        done = self._git("cat-file", "blob", f"{commit}:{path}")
        if done.code:
            found = f"branch {self.remote.branch} has no {path}"
            raise CouldNotTell(found, "see what was pushed to it; the ledger's branch is written by deploy-gate alone")
        return done.out.encode("utf-8", "surrogateescape")

    def push(self, before: State, files: Mapping[str, bytes], message: str) -> bool:
        """Lay files over that state and push; False when somebody else was quicker."""
        self.index.unlink(missing_ok=True)
        if before.commit:
            self._good("read-tree", before.commit)
        for path, content in files.items():
            blob = self._good("hash-object", "-w", "--stdin", stdin=content).strip()
            self._good("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
        tree = self._good("write-tree").strip()
        parents = ("-p", before.commit) if before.commit else ()
        commit = self._good("commit-tree", *parents, "-m", message, tree).strip()
        done = self._git("push", "-q", "--porcelain", "--", self.remote.url, f"{commit}:{self.remote.ref}")
        if done.code == 0:
            return True
        text = done.out + done.err
        if any(
            word in text
            for word in ("[rejected]", "fetch first", "non-fast-forward", "cannot lock ref", "failed to lock")
        ):
            return False
        raise self._unreachable(done)

    def _git(self, *words: str, stdin: bytes = b"") -> Finished:
        protocols = ("-c", "protocol.allow=never", "-c", f"protocol.{self._protocol}.allow=always")
        argv = ["git", *_PLAIN, *protocols, "--git-dir", str(self.folder), *words]
        env = {**self.remote.environment(), "GIT_INDEX_FILE": str(self.index)}
        return run(argv, timeout=TIMEOUT, cwd=self.folder, env=env, stdin=stdin, errors="surrogateescape")

    @property
    def _protocol(self) -> str:
        scheme, found, _ = self.remote.url.partition("://")
        return scheme if found else "file"

    def _good(self, *words: str, stdin: bytes = b"") -> str:
        done = self._git(*words, stdin=stdin)
        if done.code:
            raise self._unreachable(done)
        return done.out

    def _unreachable(self, done: Finished) -> CouldNotTell:
        found = f"the ledger's branch {self.remote.branch} cannot be read or written: {done.last_words(2)}"
        return CouldNotTell(
            found, "let the job have `permissions: contents: write`, and see whether the branch is protected"
        )


@contextmanager
def opened(remote: Remote) -> Iterator[Branch]:
    """The branch, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
        yield Branch(remote, Path(folder))


def append(remote: Remote, entry: Entry, document: Mapping[str, Any], known: tuple[Head, ...] = ()) -> Head:
    """Write one deployment down and return the head that it makes.

    CouldNotTell when the branch cannot be written, or when what is there is broken: a broken chain is not grown.
    """
    raw = chain.canonical(document)
    if len(raw) > MAX_DOCUMENT:
        raw = chain.canonical({"left-out": f"the evidence has {len(raw)} bytes, the limit is {MAX_DOCUMENT}"})
    fields = {**checked(entry).as_json(), "evidence": chain.digest(raw)}
    with opened(remote) as branch:
        for _ in range(TRIES):
            before = branch.read()
            if wrong := chain.faults(before.raw, known):
                fix = "see who pushed to the branch; restore it from a clone of before, then record again"
                raise CouldNotTell(f"the ledger is broken, and is not written on: {wrong[0]}", fix)
            line, head = chain.line(fields, chain.head(before.raw))
            files = {LEDGER: before.raw + line, f"entries/{head.number}.json": raw}
            if branch.push(before, files, f"{entry.environment}: {entry.kind} {entry.release[:12]} {entry.outcome}"):
                return head
    fix = "record again; so many writers at once are not usual"
    raise CouldNotTell(f"the ledger's branch was written by others {TRIES} times in a row", fix)


def document(raw: bytes) -> dict[str, Any]:
    """The evidence of a line as it was read; empty when it is not an object."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
