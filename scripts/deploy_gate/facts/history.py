"""The whole history of a clone, laid out for a scanner: every ref, and the messages of commits and tags as a file.

A bare repository of our own borrows the clone's objects, so the clone is not touched, nothing of its configuration
counts, and its working tree is not looked at.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy_gate.facts import git
from deploy_gate.process import run
from deploy_gate.result import CouldNotTell

MESSAGES = "commit-messages.txt"
_FIX = "check out the whole history: actions/checkout with `fetch-depth: 0`"
_SECONDS = 300.0
_MOST = 512 * 1024 * 1024
_SELF = {f"GIT_{who}_{what}": "deploy-gate" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
# A replacement would hide what it replaces.
_ENVIRONMENT = {**git.ENVIRONMENT, "GIT_NO_REPLACE_OBJECTS": "1"}
_DATE = {"GIT_AUTHOR_DATE": "@0 +0000", "GIT_COMMITTER_DATE": "@0 +0000"}


@dataclass(frozen=True, slots=True)
class Layout:
    """The repository to scan, the folder around it, the base not to scan again, and whose each line of messages is."""

    repository: Path
    folder: Path
    base: str
    lines: tuple[tuple[int, str], ...]
    made: str
    """The commit of ours that holds the messages."""

    def owner(self, line: int) -> str:
        """The commit or tag whose message has that line."""
        return next((commit for first, commit in reversed(self.lines) if first <= line), "")


def tips() -> list[str]:
    """The objects at the ends of all refs and of HEAD; CouldNotTell for a clone that does not have all of them."""
    if not git.head():
        raise CouldNotTell("there is no commit here, so no history was looked at", "run inside a git checkout")
    if git.output("rev-parse", "--is-shallow-repository").strip() != "false":
        raise CouldNotTell("this clone is shallow, so most of the history is not here", _FIX)
    if git.git("config", "--get-regexp", r"^(extensions\.partialclone|remote\..*\.promisor)$").out.strip():
        raise CouldNotTell("this clone is partial, so most files of the history are not here", _FIX)
    return sorted({git.head(), *git.output("for-each-ref", "--format=%(objectname)").split()})


def commits(names: Sequence[str]) -> list[str]:
    """The commits that objects are or name, as far as they are still here."""
    asked = "".join(f"{one}^{{commit}}\n" for one in names).encode()
    argv = git.command("cat-file", "--batch-check=%(objectname) %(objecttype)")
    done = run(argv, timeout=_SECONDS, env=_ENVIRONMENT, stdin=asked)
    return [line.split(" ")[0] for line in done.out.splitlines() if line.endswith(" commit")]


def count(done: Sequence[str]) -> int:
    """How many commits of the history `done` do not reach."""
    return int(_listed("--count", without=done)[0])


def order() -> dict[str, int]:
    """Every commit of the history with its place in it, the oldest having the greatest."""
    return {commit: place for place, commit in enumerate(_listed("--topo-order"))}


def blobs() -> set[str]:
    """Every object of the history, where a ref names a file itself too."""
    return set(_listed("--objects", "--no-object-names"))


def _listed(*options: str, without: Sequence[str] = ()) -> list[str]:
    argv = git.command("rev-list", *options, "--all", "HEAD", "--stdin")
    done = run(argv, timeout=_SECONDS, env=_ENVIRONMENT, stdin=_not(without), limit=_MOST)
    if done.code:
        raise CouldNotTell(f"git rev-list refused: {done.last_words(1)}", "see `git fsck` in this clone")
    return done.out.split()


def _not(commits: Sequence[str]) -> bytes:
    return "".join(f"^{one}\n" for one in commits).encode()


@contextmanager
def laid_out(done: Sequence[str]) -> Iterator[Layout]:
    """Up until the block is left. What `done` (commits) reach is told apart as the base."""
    objects = Path(git.output("rev-parse", "--git-path", "objects").strip()).resolve()
    with tempfile.TemporaryDirectory(prefix="deploy-gate-") as name:
        folder = Path(name)
        yield _Layer(folder, objects).lay(done)


class _Layer:
    def __init__(self, folder: Path, objects: Path) -> None:
        self.folder, self.repository = folder, folder / "history.git"
        kind = git.output("rev-parse", "--show-object-format").strip()
        words = ("--quiet", "--bare", "--initial-branch=main", f"--object-format={kind}")
        _good(git.command("init", *words, str(self.repository)), folder)
        if "\n" in str(objects):
            raise CouldNotTell("the clone's path holds a line break", "clone it elsewhere")
        (self.repository / "objects" / "info" / "alternates").write_text(f"{objects}\n")

    def own(self, *args: str, stdin: bytes = b"") -> str:
        return _good(git.command("--git-dir", str(self.repository), *args), self.folder, stdin)

    def lay(self, done: Sequence[str]) -> Layout:
        refs = git.output("for-each-ref", "--format=%(objectname)").split()
        names = [f"create refs/seen/{place} {tip}\n" for place, tip in enumerate(dict.fromkeys([git.head(), *refs]))]
        text, lines = _messages(done)
        blob = self.own("hash-object", "-w", "--stdin", stdin=text)
        tree = self.own("mktree", stdin=f"100644 blob {blob}\t{MESSAGES}\n".encode())
        made = self.own("commit-tree", tree, "-m", "messages")
        names.append(f"create refs/seen/messages {made}\n")
        names.append(f"create refs/heads/main {made}\n")
        self.own("update-ref", "--stdin", stdin="".join(names).encode())
        return Layout(self.repository, self.folder, self._base(done), lines, made)

    def _base(self, done: Sequence[str]) -> str:
        """One commit that reaches all of them: the scanner takes no more than one."""
        if not done:
            return ""
        empty = self.own("mktree")
        parents = [word for one in done for word in ("-p", one)]
        return self.own("commit-tree", empty, *parents, "-m", "seen")


def _messages(done: Sequence[str]) -> tuple[bytes, tuple[tuple[int, str], ...]]:
    """The messages of all commits that `done` do not reach, and of all tags."""
    # Told apart by NUL, which no message can hold.
    argv = git.command("log", "--all", "HEAD", "--format=%x00%H%n%B", "--stdin")
    log = run(argv, timeout=_SECONDS, env=_ENVIRONMENT, stdin=_not(done), limit=_MOST, errors="surrogateescape")
    tags = git.git("for-each-ref", "refs/tags", "--format=%00%(objectname)%0a%(contents)")
    if log.code or tags.code:
        raise CouldNotTell("git does not tell the messages of its commits", "see `git fsck` in this clone")
    lines, starts, place = [], [], 1
    for entry in [*log.out.split("\0")[1:], *tags.out.split("\0")[1:]]:
        commit, _, message = entry.partition("\n")
        rows = message.splitlines() or [""]
        starts.append((place, commit))
        lines += rows
        place += len(rows)
    return "\n".join(lines).encode(errors="surrogateescape") + b"\n", tuple(starts)


def _good(argv: list[str], folder: Path, stdin: bytes = b"") -> str:
    done = run(argv, timeout=_SECONDS, cwd=folder, env={**_ENVIRONMENT, **_SELF, **_DATE}, stdin=stdin)
    if done.code:
        raise CouldNotTell(f"git refused to lay the history out: {done.last_words(1)}", "see `git fsck` in this clone")
    return done.out.strip()
