"""What a Dockerfile says without building it: its stages, the images they stand on, their health check."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy_gate.facts import files, textfile
from deploy_gate.result import CouldNotTell, brief

MAX_BYTES = 1024 * 1024
_DIRECTIVE = re.compile(r"#\s*escape\s*=\s*([`\\])\s*", re.IGNORECASE)
_HEREDOC = re.compile(r"""<<(-?)(['"]?)(\w+)\2""", re.ASCII)
_PINNED = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::?([-+])([^}]*))?\}|([A-Za-z_]\w*))", re.ASCII)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, continued lines put together, with the line it begins on."""

    word: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Base:
    """An image from outside that a build stands on or copies from."""

    image: str
    line: int

    @property
    def pinned(self) -> bool:
        """Whether it is the same image for ever: named by its digest."""
        return bool(_PINNED.fullmatch(self.image))


@dataclass(slots=True)
class Stage:
    """One FROM: the image or stage it stands on, and its own HEALTHCHECK (None: none of its own)."""

    name: str
    base: str
    line: int
    health: str | None = None


def read(path: Path) -> str:
    """The text of a Dockerfile; CouldNotTell when there is none."""
    raw = textfile.read(path, MAX_BYTES)
    if raw is None:
        raise CouldNotTell(
            f"there is no {brief(files.relative(str(path)), 200)}", "correct `build` in the compose file"
        )
    return raw.decode("utf-8-sig", "replace")


def instructions(text: str) -> Iterator[Instruction]:
    """Every instruction; comments and the bodies of here-documents are left out."""
    lines = text.splitlines()
    escape, place = _escape(lines), 0
    while place < len(lines):
        first, held = place, ""
        while place < len(lines):
            line = lines[place]
            place += 1
            if line.lstrip().startswith("#") or (held and not line.strip()):
                continue
            held += line.rstrip().removesuffix(escape) + " "
            if not line.rstrip().endswith(escape):
                break
        word, _, rest = held.strip().partition(" ")
        if word:
            yield Instruction(word.upper(), rest.strip(), _begins(lines, first) + 1)
        if word.upper() in ("RUN", "COPY", "ADD"):
            place = _behind_heredocs(lines, place, rest)


def _escape(lines: list[str]) -> str:
    for line in lines:
        if not line.startswith("#") or "=" not in line:
            break
        if match := _DIRECTIVE.fullmatch(line.strip()):
            return match[1]
    return "\\"


def _begins(lines: list[str], place: int) -> int:
    while place < len(lines) - 1 and (not lines[place].strip() or lines[place].lstrip().startswith("#")):
        place += 1
    return place


def _behind_heredocs(lines: list[str], place: int, text: str) -> int:
    for match in _HEREDOC.finditer(text):
        while place < len(lines):
            line = lines[place].lstrip("\t") if match[1] else lines[place]
            place += 1
            if line == match[3]:
                break
    return place


def stages(text: str, args: Mapping[str, str]) -> tuple[list[Stage], list[Base]]:
    """The stages, and every image from outside that they stand on or copy from; `args` are those of the build."""
    found: list[Stage] = []
    bases: dict[str, Base] = {}
    known: dict[str, str] = {}
    for one in instructions(text):
        if one.word == "FROM":
            stage = _stage(one, known)
            _outside(bases, [stage.base], found, one.line)
            found.append(stage)
        elif not found:
            if one.word == "ARG":
                known |= {name: args.get(name, value or "") for name, value in assigned(one)}
        elif one.word == "HEALTHCHECK":
            found[-1].health = one.text
        elif one.word in ("COPY", "ADD", "RUN"):
            _outside(bases, _copied(one.text), found, one.line)
    return found, list(bases.values())


def _outside(bases: dict[str, Base], images: list[str], found: list[Stage], line: int) -> None:
    """Keep those that are neither a stage nor nothing."""
    own = {stage.name for stage in found if stage.name} | {"scratch"}
    for image in images:
        if image.lower() not in own and not image.isdigit():
            bases.setdefault(image, Base(image, line))


def _stage(one: Instruction, known: Mapping[str, str]) -> Stage:
    words = [word for word in one.text.split() if not word.startswith("--")]
    name = words[2].lower() if len(words) == 3 and words[1].upper() == "AS" else ""
    base = filled(words[0], known) if words else ""
    return Stage(name, base, one.line)


def _copied(text: str) -> list[str]:
    found = re.findall(r"(?:^|\s)--from=(\S+)", text)
    return [*found, *re.findall(r"--mount=\S*\bfrom=([^,\s]+)", text)]


def filled(text: str, known: Mapping[str, str]) -> str:
    """The text with the arguments that are known; a name that is not known becomes empty, as docker does it."""

    def value(match: re.Match[str]) -> str:
        found = known.get(match[1] or match[4], "")
        if match[2] == "-":
            return found or match[3]
        return (match[3] if found else "") if match[2] == "+" else found

    return _VARIABLE.sub(value, text)


def assigned(one: Instruction) -> list[tuple[str, str | None]]:
    """Names and values of ARG, ENV and LABEL; None for an argument without a default."""
    try:
        words = shlex.split(one.text)
    except ValueError:
        words = one.text.split()
    if one.word == "ENV" and words and "=" not in words[0]:
        return [(words[0], one.text.partition(words[0])[2].strip())]
    split = [word.partition("=") for word in words]
    return [(name, value if equals else None) for name, equals, value in split]


def health(text: str, target: str, args: Mapping[str, str]) -> tuple[str | None, str]:
    """The health check of the stage that is built, its own or one of a stage below it; and the image at the bottom."""
    found, _ = stages(text, args)
    if not found:
        raise CouldNotTell("the Dockerfile has no FROM", "correct the Dockerfile")
    names = {stage.name or str(number): stage for number, stage in enumerate(found)}
    stage = names.get(target.lower()) if target else found[-1]
    if stage is None:
        raise CouldNotTell(f"the Dockerfile has no stage {brief(target)}", "correct `target` in the compose file")
    for _ in found:
        if stage.health is not None:
            return stage.health, stage.base
        below = next((one for one in found[: found.index(stage)] if one.name and one.name == stage.base.lower()), None)
        if below is None:
            break
        stage = below
    return None, stage.base
