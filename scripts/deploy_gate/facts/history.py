"""The whole history of a clone: laid out for a scanner, with every ref; and what its commits and tags say.

A bare repository of our own borrows the clone's objects, so the clone is not touched, nothing of its configuration
counts, and its working tree is not looked at.
"""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy_gate.facts import git
from deploy_gate.process import run
from deploy_gate.result import CouldNotTell

_FIX = "check out the whole history: actions/checkout with `fetch-depth: 0`"
_SECONDS = 300.0
_MOST = 512 * 1024 * 1024
_SELF = {f"GIT_{who}_{what}": "deploy-gate" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
# A replacement would hide what it replaces.
_ENVIRONMENT = {**git.ENVIRONMENT, "GIT_NO_REPLACE_OBJECTS": "1"}
_DATE = {"GIT_AUTHOR_DATE": "@0 +0000", "GIT_COMMITTER_DATE": "@0 +0000"}


@dataclass(frozen=True, slots=True)
class Layout:
    """The repository to scan, the folder around it, and the base that is not to be scanned again."""

    repository: Path
    folder: Path
    base: str


@dataclass(frozen=True, slots=True)
class Told:
    """Commits, the newest first, and what they say: their messages and those of tags, and where each begins."""

    commits: tuple[str, ...] = ()
    text: bytes = b""
    lines: tuple[int, ...] = ()
    owners: tuple[str, ...] = ()

    def owner(self, line: int) -> str:
        """The commit or tag whose message has that line."""
        return self.owners[bisect_right(self.lines, line) - 1]


def tips() -> list[str]:
    """The objects at the ends of all refs and of HEAD; CouldNotTell for a clone that does not have all of them."""
    if not git.head():
        raise CouldNotTell("there is no commit here, so no history was looked at", "run inside a git checkout")
    if git.output("rev-parse", "--is-shallow-repository").strip() != "false":
        raise CouldNotTell("this clone is shallow, so most of the history is not here", _FIX)
    if git.git("config", "--get-regexp", r"^(extensions\.partialclone|remote\..*\.promisor)$").out.strip():
        raise CouldNotTell("this clone is partial, so most files of the history are not here", _FIX)
    return sorted({git.head(), *git.output("for-each-ref", "--format=%(objectname)").split()})


def commits(names: Sequence[str]) -> dict[str, str]:
    """The commits that objects are or name; without those that are none, or are not here any more."""
    asked = "".join(f"{one}^{{commit}}\n" for one in names).encode()
    told = _good(git.command("cat-file", "--batch-check=%(objectname) %(objecttype)"), asked)
    answers = zip(names, told.splitlines(), strict=True)
    return {name: line.split(" ")[0] for name, line in answers if line.endswith(" commit")}


def whole(names: Sequence[str], ends: Sequence[str]) -> bool:
    """Whether all that once ended in these objects is history still, so that nothing of it may be forgotten."""
    found = commits(names)
    if not {one for one in names if one not in found} <= set(ends):
        return False
    # Asked the other way round, for what they reach and the refs do not: only what lies between is walked.
    asked = "".join([*(f"{one}\n" for one in found.values()), *(f"^{one}\n" for one in ends)]).encode()
    return not found or not _good(git.command("rev-list", "--max-count=1", "--stdin"), asked)


def heights() -> dict[str, int]:
    """Every commit of the history with its place in it, the oldest having 0."""
    return {commit: height for height, commit in enumerate(reversed(_listed("--topo-order")))}


def objects() -> set[str]:
    """Every object of the history, where a ref names a file itself too."""
    return set(_listed("--objects", "--no-object-names"))


def _listed(*options: str) -> list[str]:
    return _good(git.command("rev-list", *options, "--all", "HEAD")).split()


def told(done: Sequence[str]) -> Told:
    """The commits that `done` do not reach, with their messages, in one walk; and the messages of all tags."""
    # Told apart by NUL, which no message can hold.
    options = ("--topo-order", "--no-show-signature", "--encoding=UTF-8", "--format=%x00%H%n%B", "--stdin")
    log = _good(git.command("log", "--all", "HEAD", *options), "".join(f"^{one}\n" for one in done).encode())
    # A light tag is its commit, and says nothing of its own.
    one = "%(if:equals=tag)%(objecttype)%(then)%00%(objectname)%0a%(contents)%(end)"
    tags = _good(git.command("for-each-ref", "refs/tags", f"--format={one}"))
    new = log.split("\0")[1:]
    rows: list[str] = []
    lines, owners = [], []
    for entry in [*new, *tags.split("\0")[1:]]:
        owner, _, message = entry.partition("\n")
        lines.append(len(rows) + 1)
        owners.append(owner)
        rows += message.splitlines() or [""]
    text = "\n".join(rows).encode(errors="surrogateescape") + b"\n"
    return Told(tuple(owners[: len(new)]), text, tuple(lines), tuple(owners))


@contextmanager
def laid_out(done: Sequence[str]) -> Iterator[Layout]:
    """Up until the block is left. What `done` (commits) reach is told apart as the base."""
    objects = Path(git.output("rev-parse", "--git-path", "objects").strip()).resolve()
    if "\n" in str(objects):
        raise CouldNotTell("the clone's path holds a line break", "clone it elsewhere")
    refs = git.output("for-each-ref", "--format=%(objectname)").split()
    names = [f"create refs/seen/{place} {tip}\n" for place, tip in enumerate(dict.fromkeys([git.head(), *refs]))]
    with tempfile.TemporaryDirectory(prefix="deploy-gate-") as name:
        bare = _Bare(Path(name) / "history.git")
        (bare.path / "objects" / "info" / "alternates").write_text(f"{objects}\n")
        bare.git("update-ref", "--stdin", stdin="".join([*names, f"create refs/heads/main {git.head()}\n"]).encode())
        # One commit that reaches all of them: the scanner takes no more than one.
        yield Layout(bare.path, Path(name), bare.commit(bare.git("mktree"), *done) if done else "")


def written(text: bytes, path: Path) -> Path:
    """A repository with nothing but that text: git packs it, so that no secret lies open in a temporary file."""
    bare = _Bare(path)
    blob = bare.git("hash-object", "-w", "--stdin", stdin=text)
    made = bare.commit(bare.git("mktree", stdin=f"100644 blob {blob}\tmessages.txt\n".encode()))
    bare.git("update-ref", "refs/heads/main", made)
    return path


class _Bare:
    """A repository of our own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kind = git.output("rev-parse", "--show-object-format").strip()
        words = ("--quiet", "--bare", "--initial-branch=main", f"--object-format={kind}")
        _good(git.command("init", *words, str(path)))

    def git(self, *args: str, stdin: bytes = b"") -> str:
        return _good(git.command("--git-dir", str(self.path), *args), stdin)

    def commit(self, tree: str, *parents: str) -> str:
        return self.git("commit-tree", tree, *(word for one in parents for word in ("-p", one)), "-m", "made")


def _good(argv: list[str], stdin: bytes = b"") -> str:
    """What git prints, whatever its bytes; CouldNotTell when it refuses."""
    environment = {**_ENVIRONMENT, **_SELF, **_DATE}
    done = run(argv, timeout=_SECONDS, env=environment, stdin=stdin, limit=_MOST, errors="surrogateescape")
    if done.code:
        raise CouldNotTell(f"git does not tell its history: {done.last_words(1)}", "see `git fsck` in this clone")
    return done.out.strip("\n")
