"""Reading what `nginx -T` prints: which server blocks include our snippet, and what else they say."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_FILE = re.compile(r"^# configuration file (.+):$", re.MULTILINE)
_TOKEN = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|(?:\\.|\$\{|[^\s;{}])+""", re.DOTALL)
_DEEPEST = 20


@dataclass
class Directive:
    """One directive: its words, and what stands in its block."""

    words: list[str]
    block: list[Directive] | None = None


@dataclass
class Dump:
    """The files of a configuration, parsed."""

    files: dict[str, list[Directive]] = field(default_factory=dict)

    @property
    def root(self) -> list[Directive]:
        """The main file, the first one that nginx prints."""
        return next(iter(self.files.values()), [])

    def included(self, words: list[str]) -> list[str]:
        """The files that an `include` names; a relative name begins at the main file's folder."""
        pattern = words[1] if len(words) > 1 else ""
        if not pattern.startswith("/") and self.files:
            pattern = str(PurePosixPath(next(iter(self.files))).parent / pattern)
        return [name for name in self.files if fnmatch.fnmatchcase(name, pattern)]

    def expanded(self, block: list[Directive], depth: int = 0) -> Iterator[Directive]:
        """The directives of a block with its includes in place; each `include` itself comes first."""
        for one in block:
            yield one
            if one.words[0] == "include" and depth < _DEEPEST:
                for name in self.included(one.words):
                    yield from self.expanded(self.files[name], depth + 1)

    def servers(self) -> Iterator[list[Directive]]:
        """Every server block of every http block, with its includes in place."""
        for http in self.expanded(self.root):
            if http.words[0] == "http" and http.block is not None:
                for server in self.expanded(http.block):
                    if server.words[0] == "server" and server.block is not None:
                        yield list(self.expanded(server.block))


def parse(dump: str) -> Dump:
    """From what `nginx -T` prints."""
    parts = _FILE.split(dump)
    found = Dump()
    for name, text in zip(parts[1::2], parts[2::2]):
        found.files[name] = _block([one for one in _TOKEN.findall(text) if not one.startswith("#")])
    return found


def _block(tokens: list[str]) -> list[Directive]:
    """Directives of a text; what is not closed is closed at the end."""
    stack: list[list[Directive]] = [[]]
    words: list[str] = []
    for word in tokens:
        if word == "{":
            directive = Directive(words or ["?"], [])
            stack[-1].append(directive)
            stack.append(directive.block or [])
            directive.block = stack[-1]
            words = []
        elif word in ("}", ";"):
            if words:
                stack[-1].append(Directive(words))
                words = []
            if word == "}" and len(stack) > 1:
                stack.pop()
        else:
            words.append(word.strip("\"'"))
    return stack[0]


def faults(dump: Dump, server_snippet: str, http_snippet: str) -> list[str]:
    """What keeps the flag from being seen."""
    found, reading = [], 0
    for server in dump.servers():
        names = (
            " ".join(word for one in server if one.words[0] == "server_name" for word in one.words[1:]) or "(no name)"
        )
        includes = [name for one in server if one.words[0] == "include" for name in dump.included(one.words)]
        if server_snippet not in includes:
            continue
        reading += 1
        cached = [one for one in server if one.words[0] == "open_file_cache" and one.words[1:] != ["off"]]
        if cached:
            found.append(f"server {names}: open_file_cache is on, it would hide the flag")
    if not reading:
        found.append(f"no server block includes {server_snippet}")
    if http_snippet not in dump.files:
        found.append(f"{http_snippet} is not included")
    return found


def wrong_ports(dump: Dump, upstreams: Mapping[str, int]) -> list[str]:
    """Upstreams that do not go where the slots listen: nginx would send a slot's traffic to somebody else."""
    found = []
    https = [one.block for one in dump.expanded(dump.root) if one.words[0] == "http" and one.block is not None]
    blocks = [one for http in https for one in dump.expanded(http) if one.words[0] == "upstream"]
    for name, port in upstreams.items():
        named = [one.block or [] for one in blocks if one.words[1:2] == [name]]
        goes = [" ".join(one.words[1:2]) for block in named for one in block if one.words[0] == "server"]
        if goes != [f"127.0.0.1:{port}"]:
            where = f"goes to {', '.join(goes) or 'nothing'}" if named else "is not there"
            found.append(f"upstream {name} {where}, its slot is to listen on 127.0.0.1:{port}")
    return found


def worker_user(dump: Dump) -> str:
    """The user of the `user` directive; empty when there is none."""
    return next((one.words[1] for one in dump.expanded(dump.root) if one.words[0] == "user" and len(one.words) > 1), "")
