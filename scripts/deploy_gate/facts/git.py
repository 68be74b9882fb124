"""Facts from git: tree, base of a change, changed lines, tracked files. Bounded, and without the consumer's hooks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from deploy_gate import runner
from deploy_gate.process import Finished, run
from deploy_gate.result import CouldNotTell

_TIMEOUT = 60.0
_SAFE = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false"),
    *("-c", "protocol.allow=never", "-c", "safe.bareRepository=explicit"),
)
# Every option that a user's configuration could change is named.
_PLAIN_DIFF = (
    *("--unified=0", "--inter-hunk-context=0", "--relative", "--src-prefix=a/", "--dst-prefix=b/"),
    *("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames"),
    "--text",  # an attribute of the candidate could hide a file's lines as binary
)
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_PAGER": "cat", "GIT_NO_LAZY_FETCH": "1"}


def command(*args: str) -> list[str]:
    """The command line of a git without the configuration that could start other programs."""
    # On a runner the workspace often belongs to another user than the step's (container jobs); elsewhere git's own
    # guard stays, since the configuration of somebody else's repository can name programs.
    trust = ("-c", "safe.directory=*") if runner.on_github() else ()
    return ["git", *_SAFE, *trust, *args]


def git(*args: str, cwd: Path | None = None, stdin: bytes = b"") -> Finished:
    """Run git; names of files need not be UTF-8, and come back as they are."""
    return run(command(*args), timeout=_TIMEOUT, cwd=cwd, env=ENVIRONMENT, stdin=stdin, errors="surrogateescape")


def output(*args: str, cwd: Path | None = None, stdin: bytes = b"", fix: str = "") -> str:
    """Standard output of git; CouldNotTell when it refuses."""
    done = git(*args, cwd=cwd, stdin=stdin)
    if done.code:
        raise CouldNotTell(
            f"git {args[0]} refused: {done.last_words(1)}", fix or "check out the repository first (actions/checkout)"
        )
    return done.out


def resolve(revision: str, kind: Literal["commit", "tree"] = "commit") -> str | None:
    """The commit (or tree) a revision names, or None when this clone does not have it."""
    if revision.startswith("-") or not revision:
        return None
    done = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{{kind}}}")
    text = done.out.strip()
    return text if done.code == 0 and _SHA.fullmatch(text) else None


def head() -> str:
    """The commit that is checked out; empty outside a repository."""
    return resolve("HEAD") or ""


def tree() -> str:
    """The tree of the commit that is checked out: the release's identity; empty outside a repository."""
    done = git("rev-parse", "--verify", "--quiet", "HEAD^{tree}")
    return done.out.strip() if done.code == 0 else ""


def is_shallow() -> bool:
    """Whether this clone lacks part of its history."""
    return git("rev-parse", "--is-shallow-repository").out.strip() == "true"


def changed_lines(base: str, names: str = "*.py") -> dict[str, set[int]]:
    """For each file below here whose name matches, the lines added or altered since `base`.

    Lines are 1-based and of the working tree's numbering. Binary files would be told line by line, hence the pattern.
    """
    text = output("diff", *_PLAIN_DIFF, base, "--", names)
    found: dict[str, set[int]] = {}
    lines: set[int] = set()
    content = 0
    for line in text.split("\n"):
        if content:
            # Counted off, because an added line `++ b/other.py` would look like a file's header.
            content -= not line.startswith("\\")
        elif line.startswith("+++ "):
            lines = found.setdefault(_path(line[4:]), set())
        elif match := re.match(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(match[2]), int(match[3] or 1)
            lines.update(range(first, first + count))
            content = int(match[1] or 1) + count
    found.pop("", None)
    return found


def _path(text: str) -> str:
    # git quotes names with control characters and adds a tab behind names with blanks.
    name = text.split("\t", maxsplit=1)[0]
    if name.startswith('"') and name.endswith('"'):
        name = name[1:-1].encode("latin-1", "backslashreplace").decode("unicode_escape")
    return "" if name == "/dev/null" else name.removeprefix("b/")


def changed_files(base: str) -> list[str]:
    """Paths that differ between `base` and the commit that is checked out, deleted ones included."""
    # Commit against commit: no filter of the repository's own is run, as one could be on the working tree.
    listed = output("diff-tree", "-r", "--name-only", "--no-renames", "-z", base, "HEAD", "--")
    return [name for name in listed.split("\0") if name]


_NOT_OURS = {"build", "dist", "env", "node_modules", "site-packages", "venv", "__pycache__"}


def present(paths: list[str]) -> list[str] | None:
    """Files below `paths`, relative to the working directory; None outside a repository.

    Tracked ones, and those that are new and not ignored: a file that nobody has added yet is looked at all the same.
    Of the new ones, those in hidden folders, environments and build folders do not count.
    """
    tracked, new = _listed("--cached", paths), _listed("--others", paths)
    if tracked is None or new is None:
        return None
    environments = tuple(name.removesuffix("pyvenv.cfg") for name in new if name.endswith("/pyvenv.cfg"))
    own = [name for name in new if not name.startswith(environments or ("\0",)) and not _is_foreign(name)]
    return sorted({*tracked, *own})


def _listed(which: str, paths: list[str]) -> list[str] | None:
    # Literally: a path of the user such as `:(exclude)x` is a name, not a pattern.
    options = ("-z", which, *(("--exclude-standard",) if which == "--others" else ()))
    done = git("--literal-pathspecs", "ls-files", *options, "--", *paths)
    return None if done.code else [name for name in done.out.split("\0") if name]


def _is_foreign(name: str) -> bool:
    return any(part in _NOT_OURS or part.startswith(".") for part in name.split("/")[:-1])
