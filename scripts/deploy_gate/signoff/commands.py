"""Commands in a comment: a line that begins with a slash, outside quotations, code and hidden text. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from deploy_gate.result import brief

Name = Literal["approve", "attest", "reject", "hold", "rollback"]
MAX_BODY = 70_000
MAX_COMMANDS = 20
CODE = 12
MAX_ROLE = 4
_LINE = re.compile(r"/(approve|attest|reject|hold|rollback)(?:[ \t]+(\S.*))?", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_CODE = re.compile(rf"[0-9a-f]{{{CODE}}}")


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `code` binds it to a release and a plan, `item` is what is attested, `text` the reason given.

    `role` is the one that an approval is given for; empty: each that the person holds.
    """

    name: Name
    code: str = ""
    item: str = ""
    text: str = ""
    role: str = ""


def binding(environment: str, release: str, digests: str, plan: str) -> str:
    """Twelve digits that stand for exactly this release (tree and image digests), plan and environment."""
    images = sorted(filter(None, map(str.strip, digests.splitlines())))
    whole = "\0".join(["sign-off", environment, release, plan, *images])
    return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:CODE]


def parse(body: str) -> list[Command]:
    """The commands of a comment in their order."""
    text = _HIDDEN.sub("", body[:MAX_BODY].replace("\r\n", "\n").replace("\r", "\n"))
    found = (_command(line) for line in _open_lines(text))
    return [one for one in found if one is not None][:MAX_COMMANDS]


def _open_lines(text: str) -> Iterator[str]:
    """Lines outside fenced code; indented and quoted ones do not begin with a slash anyway."""
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            # A fence ends with at least as many of the same marks, and nothing behind them.
            closing = line.strip()
            if mark and closing.startswith(fence) and not closing.strip(fence[0]):
                fence = ""
        elif mark:
            fence = mark[1]
        else:
            yield line


def _command(line: str) -> Command | None:
    match = _LINE.fullmatch(line.rstrip())
    if not match:
        return None
    name: Name = match[1].lower()  # type: ignore[assignment]  # the pattern knows no other
    words = (match[2] or "").split()
    if name == "approve":
        # The words before the code are a role, which may be several.
        place = next((number for number, word in enumerate(words[:MAX_ROLE]) if _code([word])), 0)
        role = brief(" ".join(words[:place]).strip("`"), 60)
        return Command(name, _code(words[place : place + 1]), "", brief(" ".join(words[place + 1 :]), 300), role)
    if name == "attest":
        return Command(name, _code(words[1:2]), brief("".join(words[:1])), brief(" ".join(words[2:]), 300))
    return Command(name, text=brief(" ".join(words), 300))


def _code(words: list[str]) -> str:
    """The binding code, as people copy it: perhaps in back-ticks, perhaps in capitals."""
    text = "".join(words).strip("`").lower()
    return text if _CODE.fullmatch(text) else ""
