"""What is to be deployed, and how: the inputs of `deploy` and `rehearse`, checked before anything is connected to."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_gate.facts import git
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.rollout.idle import Question

MAX_PATHS = 20
MAX_MANIFEST = 64 * 1024
RELEASE = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Order:
    """One release, its manifest, and the images to stream (`archive`, empty for none)."""

    release: str
    manifest: bytes
    archive: Path | None
    smoke: tuple[str, ...]
    command: tuple[str, ...]
    acknowledged: bool
    idle: Question | None = None
    """What the checklist asks of the idle slot."""


def identity(release: str) -> str:
    """The release that was named, else the git tree that is checked out; CouldNotTell when there is neither."""
    found = release or git.tree()
    if not RELEASE.fullmatch(found):
        what = f"'{brief(found)}' is no release id" if found else "there is no release: this is not a git checkout"
        raise CouldNotTell(what, "check the repository out first, or give `release` (forty hexadecimal digits)")
    return found


def check(*, release: str, smoke: list[str], smoke_command: str, manifest: str, archive: str) -> None:
    """Misconfigured with what no type can tell."""
    wrong = []
    if release and not RELEASE.fullmatch(release):
        wrong.append(f"input 'release' is '{brief(release)}', expected forty hexadecimal digits")
    if len(smoke) > MAX_PATHS or not all(re.fullmatch(r"/[!-~]{0,500}", path) for path in smoke):
        wrong.append(
            f"input 'smoke' is '{brief(' '.join(smoke))}', expected at most {MAX_PATHS} paths that begin with /"
        )
    if (words := _words(smoke_command)) is None or any("\0" in word for word in words):
        wrong.append(f"input 'smoke-command' is '{brief(smoke_command)}', whose quotes do not close")
    wrong += [f"the file '{brief(name)}' is not there" for name in (manifest, archive) if name and not _is_file(name)]
    if wrong:
        raise Misconfigured(wrong)


def made(
    *, release: str, smoke: list[str], smoke_command: str, manifest: str, archive: str, acknowledged: bool
) -> Order:
    """The order; CouldNotTell or Misconfigured when the manifest speaks of another release."""
    check(release=release, smoke=smoke, smoke_command=smoke_command, manifest=manifest, archive=archive)
    found = read(manifest)
    wanted = identity(release or str(found.get("release", "")))
    if found.setdefault("release", wanted) != wanted:
        told = brief(str(found["release"]), 40)
        raise Misconfigured([f"the manifest is of release {told}, to be deployed is {wanted}: build it anew"])
    text = json.dumps(found).encode()
    words = tuple(_words(smoke_command) or ())
    return Order(wanted, text, Path(archive) if archive else None, tuple(smoke), words, acknowledged)


def read(name: str) -> dict[str, Any]:
    """A manifest's content, unjudged; empty without a name, CouldNotTell for what is no JSON object."""
    if not name:
        return {}
    try:
        with Path(name).open("rb") as stream:
            found = json.loads(stream.read(MAX_MANIFEST + 1)[:MAX_MANIFEST])
    except (OSError, ValueError, RecursionError) as fault:
        raise CouldNotTell(f"the manifest {brief(name)} cannot be read: {brief(str(fault))}", "write it anew") from None
    if not isinstance(found, dict):
        raise CouldNotTell(f"the manifest {brief(name)} is no JSON object", "see docs/host.md, *The manifest*")
    return found


def _words(text: str) -> list[str] | None:
    try:
        return shlex.split(text)
    except ValueError:
        return None


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False
