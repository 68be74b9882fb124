"""Whether a comment in the critical paths still says that work is to be done."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from deploy_gate.catalog import About
from deploy_gate.facts import textfile, tracked
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed

if TYPE_CHECKING:
    from pygments.lexer import Lexer

ABOUT = About(locks=("comments",), timeout=120)
MAX_BYTES = 1024 * 1024
MAX_COMMENT = 2000
# Names the library does not know, knows several languages for, or has a lexer for that misses comments (that for
# Dockerfiles those between the lines of one RUN, that for PostgreSQL those in the body of a function).
LANGUAGES = {
    "*.sql": "sql",
    "Dockerfile": "bash",
    "Dockerfile.*": "bash",
    "*.[Dd]ockerfile": "bash",
    "Containerfile*": "bash",
    ".env*": "bash",
    "*.env": "bash",
    "requirements*.txt": "bash",
    ".gitignore": "bash",
    ".dockerignore": "bash",
    "*.conf": "nginx",
    "*.jinja": "html+jinja",
    "*.jinja2": "html+jinja",
    "*.j2": "html+jinja",
    "*.pl": "perl",
}
# Plain text and prose: what the library would call a comment there stands in an example.
NO_COMMENTS = ("", "text", "output", "markdown")
_SHEBANG = re.compile(r"#!.{0,200}?\b(bash|zsh|sh|python|ruby|perl|php|node)[0-9.]*(?:\s|$)")
# A web address is no remark, whatever it spells.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,30}://\S*")

FindLexer = Callable[[str, str], "Lexer | None"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One word found in one line of a comment; line and column are 1-based."""

    path: str
    line: int
    column: int
    word: str
    text: str


@dataclass(slots=True)
class Looked:
    """How many files were looked at, what was found in them, and which were not looked at, with the reason."""

    files: int = 0
    marks: list[Mark] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def check(*, paths: list[str], words: list[str], allow: str) -> Result:
    """Look at the comments of every tracked file below `paths`."""
    pattern, accepted = search_for(words), compiled(allow)
    looked = Looked()
    find = finder()
    for name in tracked.below(paths):
        look(name, looked, find, pattern, accepted)
    return judge(looked, words, paths)


def search_for(words: Sequence[str]) -> re.Pattern[str]:
    """Matches any of the words where it stands alone."""
    if not words:
        raise CouldNotTell("there is no word to look for", "set `words`, such as TODO,FIXME")
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)")


def compiled(allow: str) -> re.Pattern[str] | None:
    """The pattern of accepted lines, if there is one."""
    try:
        return re.compile(allow) if allow else None
    except (re.error, OverflowError, RecursionError) as fault:
        found = f"`allow` is '{brief(allow, 80)}', which is no regular expression: {brief(str(fault), 80)}"
        raise CouldNotTell(found, r"correct `allow`, such as #\d+") from None


def look(
    name: str, looked: Looked, find: FindLexer, pattern: re.Pattern[str], accepted: re.Pattern[str] | None
) -> None:
    """Add one file to what was looked at, or to what was not."""
    text = content(name)
    if text.startswith("\0"):
        looked.skipped.append((name, text[1:]))
        return
    lexer = find(name, text)
    if lexer is None:
        looked.skipped.append((name, "its language is not known"))
        return
    looked.files += 1
    # Most files hold none of the words at all, and need not be taken apart.
    if pattern.search(text):
        looked.marks += marks(name, text, lexer, pattern, accepted)


def content(name: str) -> str:
    """The text of a tracked file, its lines ending in a newline; or a NUL and the reason why it is not looked at."""
    path = Path(name)
    if path.is_symlink():
        return "\0it is a symbolic link"
    if path.is_dir():
        return "\0it is another repository"
    if not path.exists():
        return "\0it is not in the working tree"
    if path.stat().st_size > MAX_BYTES:
        return "\0it is larger than 1 MiB"
    raw = textfile.read(path, MAX_BYTES) or b""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    elif b"\0" in raw:
        return "\0it is binary"
    else:
        text = _decode(raw)
    return text.replace("\r\n", "\n").replace("\r", "\n") + "\n"


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def finder() -> FindLexer:
    """A function from a file's name and text to the lexer of its language, None when it knows of no comments."""
    from pygments.lexers import find_lexer_class_for_filename, get_lexer_by_name

    kept: dict[str, Lexer | None] = {}

    def named(name: str, text: str) -> Lexer | None:
        base = name.rsplit("/", 1)[-1]
        alias = next((alias for glob, alias in LANGUAGES.items() if fnmatchcase(base, glob)), "")
        if not alias and (script := _SHEBANG.match(text)) and "." not in base:
            alias = {"node": "js"}.get(script[1], script[1])
        if not alias:
            found = find_lexer_class_for_filename(base)
            alias = found.aliases[0] if found and found.aliases else ""
        alias = "html+jinja" if alias == "html" and "{#" in text else alias
        if alias not in kept:
            kept[alias] = None if alias in NO_COMMENTS else get_lexer_by_name(alias)
        return kept[alias]

    return named


def marks(
    name: str, text: str, lexer: Lexer, pattern: re.Pattern[str], accepted: re.Pattern[str] | None
) -> Iterator[Mark]:
    """The words in the comments of one text: at most one for each line of a comment."""
    breaks = [match.start() for match in re.finditer("\n", text)]
    for start, end in comments(text, lexer):
        number = bisect_left(breaks, start) + 1
        first = text.rfind("\n", 0, start) + 1
        for offset, line in enumerate(text[start:end].split("\n")):
            shown = line[:MAX_COMMENT]
            if (word := _word(line, pattern)) and not (accepted and accepted.search(shown)):
                column = word.start() + 1 + (start - first if offset == 0 else 0)
                yield Mark(name, number + offset, column, word[0], brief(shown.strip(), 160))


def _word(line: str, pattern: re.Pattern[str]) -> re.Match[str] | None:
    if not pattern.search(line):
        return None
    return pattern.search(_ADDRESS.sub(lambda address: " " * len(address[0]), line))


def comments(text: str, lexer: Lexer) -> Iterator[tuple[int, int]]:
    """Where comments start and end; pieces that touch are one, as some lexers cut a comment at every star."""
    start = end = -1
    for place, kind, value in lexer.get_tokens_unprocessed(text):
        if not said(kind):
            continue
        if place != end:
            if start >= 0:
                yield start, end
            start = place
        end = place + len(value)
    if start >= 0:
        yield start, end


def said(kind: Sequence[str]) -> bool:
    """Whether a kind of token is a remark; the library also calls preprocessor lines and template tags comments."""
    return kind[:1] == ("Comment",) and kind[1:2] not in (("Preproc",), ("PreprocFile",))


def judge(looked: Looked, words: Sequence[str], paths: Sequence[str]) -> Result:
    """No mark at all is the limit; files that could not be looked at are listed."""
    where, named = brief(", ".join(paths), 150), brief(" or ".join(words), 80)
    unseen: list[Evidence] = [
        {"message": f"not looked at: {brief(name, 200)}: {why}", "rule": "todo-comments"}
        for name, why in looked.skipped
    ]
    if not looked.files:
        found = f"0 files were looked at below {where}, at least 1 is needed ({len(unseen)} were of no known language)"
        raise CouldNotTell(found, "name paths that hold source code", unseen)
    left_out = f" ({len(unseen)} not looked at)" if unseen else ""
    scope = f"{looked.files} file{'' if looked.files == 1 else 's'} below {where}{left_out}"
    if not looked.marks:
        return passed(f"0 comments say {named} in {scope}, the limit is 0", target=0, measured=0, evidence=unseen)
    listed: list[Evidence] = [
        {
            "path": mark.path,
            "line": mark.line,
            "column": mark.column,
            "rule": "todo-comments",
            "message": f"{mark.word}: {mark.text}",
        }
        for mark in looked.marks
    ]
    first, count = looked.marks[0], len(listed)
    says = f"{count} comments say" if count > 1 else "1 comment says"
    found = f"{says} {named} in {scope}, the limit is 0; first: {brief(first.path, 200)}:{first.line} {first.text}"
    return failed(
        found,
        f"settle what {brief(first.path, 200)}:{first.line} says, and remove the comment",
        target=0,
        measured=count,
        evidence=listed + unseen,
    )
