"""Which environment variables a repository reads, and where: code, compose files, Dockerfiles, workflows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Literal

Source = Literal["python", "compose", "dockerfile", "workflows"]
SOURCES: tuple[Source, ...] = ("python", "compose", "dockerfile", "workflows")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}", re.ASCII)
_COMPOSE = re.compile(r"(docker-)?compose([.-][\w.-]+)?\.ya?ml")
_DOCKERFILE = re.compile(r"(Dockerfile|Containerfile)([.-][\w.-]+)?|[\w.-]+\.(Dockerfile|dockerfile)")
# What a shell, an interpreter, an installer or a runner sets: nobody has to be told of it.
PLATFORM = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "TERM", "TMPDIR", "HOSTNAME", "LANG", "LC_*", "TZ", "CI"),
    *("PYTHON*", "PIP_*", "UV_*", "POETRY_*", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST", "XDG_*", "DEBIAN_FRONTEND"),
    *("GITHUB_*", "RUNNER_*", "ACTIONS_*", "NO_COLOR", "FORCE_COLOR", "COMPOSE_*", "DOCKER_*", "BUILDKIT_*"),
    *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT", "SSL_CERT_*", "SOURCE_DATE_EPOCH"),
    *("BUILDPLATFORM", "BUILDOS", "BUILDARCH", "BUILDVARIANT"),
)


@dataclass(frozen=True, slots=True)
class Use:
    """One read. Any of `names` will do (the first is shown); `folded`: upper and lower case are the same."""

    names: tuple[str, ...]
    path: str
    line: int
    folded: bool = False
    stem: str = ""
    """Every name that begins so belongs to it too, such as the keys of a nested setting."""

    def among(self, documented: Iterable[str]) -> bool:
        """Whether one of these names is documented."""
        return any(self.covers(name) for name in documented)

    def covers(self, name: str) -> bool:
        """Whether that name is one of this read."""
        own, other = ([one.upper() for one in self.names], name.upper()) if self.folded else (list(self.names), name)
        return other in own or bool(self.stem and name.upper().startswith(self.stem.upper()))


@dataclass(slots=True)
class Found:
    """Everything in some files: reads, names that are only given there, and reads whose name is made up at run time."""

    uses: list[Use] = field(default_factory=list)
    given: set[str] = field(default_factory=set)
    unclear: list[tuple[str, int]] = field(default_factory=list)
    files: int = 0

    def add(self, other: Found) -> None:
        """Take in what was found elsewhere."""
        self.uses += other.uses
        self.given |= other.given
        self.unclear += other.unclear
        self.files += other.files


def kind(path: str) -> Source | None:
    """What sort of file it is, by its name."""
    place = PurePosixPath(path)
    if place.suffix == ".py":
        return "python"
    if place.parent.as_posix().endswith(".github/workflows") and place.suffix in (".yml", ".yaml"):
        return "workflows"
    if _COMPOSE.fullmatch(place.name):
        return "compose"
    return "dockerfile" if _DOCKERFILE.fullmatch(place.name) else None


def search(files: Mapping[str, bytes], readers: Mapping[Source, Callable[[Mapping[str, bytes]], Found]]) -> Found:
    """What all files hold together; each reader gets those of its kind."""
    found = Found()
    for source, read in readers.items():
        own = {path: raw for path, raw in files.items() if kind(path) == source}
        found.add(read(own))
        found.files += len(own)
    return found


def ignored(name: str, patterns: Iterable[str]) -> bool:
    """Whether nobody has to be told of that name."""
    return any(fnmatchcase(name, pattern) for pattern in (*PLATFORM, *patterns))
