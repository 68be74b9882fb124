"""Reading a changelog in the form of Keep a Changelog 1.1: versions, bullets and faults, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from deploy_gate.problems import nearest
from deploy_gate.result import brief

SECTIONS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
UNRELEASED = "unreleased"
_HEADING = re.compile(r" {0,3}(#{2,3})(?:[ \t]+(.*))?")
_VERSION = re.compile(r"v?([0-9]{1,9}(?:\.[0-9]{1,9}){0,3}(?:[-+.][0-9A-Za-z][0-9A-Za-z.+-]{0,60})?)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")
_NAME = re.compile(r"\[([^\[\]]{1,100})\](?:\([^()\s]{0,500}\))?|(\S{1,100})")
_BULLET = re.compile(r"[ \t]*[-*+][ \t]+(\S.*)")
_FENCE = re.compile(r"[ \t]*(?:[-*+][ \t]+)?(`{3,}|~{3,})(.*)")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something the format does not allow, on a 1-based line."""

    line: int
    message: str


@dataclass(slots=True)
class Bullet:
    """One entry with the lines that continue it, white space folded."""

    text: str
    line: int


@dataclass(slots=True)
class Version:
    """One `## ` heading and its entries; `name` is lower case, `day` None where it has no good date."""

    name: str
    day: date | None
    line: int
    bullets: list[Bullet] = field(default_factory=list)


@dataclass(slots=True)
class Changelog:
    """All versions in the order of the file, and all faults in the order of their lines."""

    versions: list[Version] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def bullets(self) -> list[Bullet]:
        """The entries of all versions."""
        return [bullet for version in self.versions for bullet in version.bullets]


def parse(text: str) -> Changelog:
    """The changelog in a text. Nothing is raised: what is wrong stands in `faults`."""
    reader = _Reader()
    for number, line in _visible(text):
        reader.take(number, line)
    found = reader.found
    if not text.strip():
        found.faults.append(Fault(1, "the file is empty"))
    elif not found.versions and not found.faults:
        found.faults.append(
            Fault(1, "there is no version: a heading such as `## [Unreleased]` or `## [1.2.0] - 2027-01-31`")
        )
    found.faults += _order(found.versions)
    found.faults.sort(key=lambda fault: fault.line)
    return found


def _visible(text: str) -> Iterator[tuple[int, str]]:
    """Lines that a reader of the rendered page sees as headings and lists: no code blocks, no HTML comments."""
    fence, hidden = "", False
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        match = _FENCE.match(line)
        if hidden or (not fence and line.lstrip().startswith("<!--")):
            hidden = "-->" not in line
        elif fence:
            if match and match[1].startswith(fence) and not match[2].strip():
                fence = ""
        elif match and not (match[1][0] == "`" and "`" in match[2]):
            fence = match[1]
        else:
            yield number, _uncommented(line)


def _uncommented(line: str) -> str:
    kept, start = [], 0
    while (first := line.find("<!--", start)) >= 0 and (last := line.find("-->", first + 4)) >= 0:
        kept.append(line[start:first])
        start = last + 3
    return "".join(kept) + line[start:]


def _title(text: str) -> str:
    bare = text.rstrip().rstrip("#")
    closed = bare != text.rstrip() and (not bare or bare[-1] in " \t")
    return (bare if closed else text).strip()


class _Reader:
    """Lines in, versions and faults out."""

    def __init__(self) -> None:
        self.found = Changelog()
        self.open: Bullet | None = None

    def take(self, number: int, line: str) -> None:
        if heading := _HEADING.fullmatch(line):
            self.open = None
            (self.version if len(heading[1]) == 2 else self.section)(number, _title(heading[2] or ""))
        elif bullet := _BULLET.fullmatch(line):
            self.open = None
            if self.found.versions and any(map(str.isalnum, bullet[1])):
                self.open = Bullet(" ".join(bullet[1].split()), number)
                self.found.versions[-1].bullets.append(self.open)
        elif not line.strip() or line.lstrip().startswith("#"):
            self.open = None
        elif self.open and len(self.open.text) < 2000:
            self.open.text += " " + " ".join(line.split())

    def version(self, number: int, title: str) -> None:
        match = _NAME.match(title)
        name = (match[1] or match[2] or "").strip() if match else ""
        rest = title[match.end() :] if match else ""
        if name.lower() == UNRELEASED:
            self.add(Version(UNRELEASED, None, number))
        elif _VERSION.fullmatch(name) and not _DATE.fullmatch(name):
            self.add(Version(name.lower().removeprefix("v"), self.day(number, name, rest), number))
        else:
            self.fault(
                number,
                f"the heading '{brief(title, 80)}' has no version: write `[Unreleased]` or `[1.2.0] - 2027-01-31`",
            )
            # Its entries are still entries; only the heading is wrong.
            self.found.versions.append(Version("", None, number))

    def add(self, version: Version) -> None:
        first = next((one.line for one in self.found.versions if one.name == version.name), 0)
        if first:
            self.fault(version.line, f"version {brief(version.name, 80)} stands here again, first on line {first}")
        self.found.versions.append(version)

    def day(self, number: int, name: str, rest: str) -> date | None:
        text = re.sub(r"\[YANKED\]\s*$", "", rest, flags=re.IGNORECASE).strip().removeprefix("-").lstrip("–—").strip()
        text = text[1:-1] if text.startswith("(") and text.endswith(")") else text
        try:
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        what = f"the date '{brief(text, 40)}', which is not one" if text else "no date"
        self.fault(number, f"version {brief(name, 40)} has {what}: write it as 2027-01-31")
        return None

    def section(self, number: int, title: str) -> None:
        if self.found.versions and title.lower() not in map(str.lower, SECTIONS):
            hint = nearest(title[:80], SECTIONS)
            self.fault(number, f"unknown section '{brief(title, 80)}'{hint}")

    def fault(self, number: int, message: str) -> None:
        self.found.faults.append(Fault(number, message))


def _order(versions: list[Version]) -> Iterator[Fault]:
    """Newest first: what is unreleased on top, then dates that never grow."""
    newer: Version | None = None
    for place, version in enumerate(versions):
        if version.name == UNRELEASED and any(one.name for one in versions[:place]) and newer:
            yield Fault(
                version.line, f"[Unreleased] stands below version {brief(newer.name, 40)}: the newest comes first"
            )
        if version.day is None:
            continue
        if newer and newer.day and version.day > newer.day:
            names = f"{brief(version.name, 40)} ({version.day}) stands below {brief(newer.name, 40)} ({newer.day})"
            yield Fault(version.line, f"dates are out of order: {names}; the newest comes first")
        newer = version
