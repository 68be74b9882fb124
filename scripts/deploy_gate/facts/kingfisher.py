"""The scanner for secrets as a program: what it found and where, never what it found.

It is always told not to try what it finds (that would send it to providers), not to look for updates, and to redact;
marks in the scanned files that ask to be left out are not obeyed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_gate import bootstrap, process
from deploy_gate.bootstrap.place import environments_folder
from deploy_gate.facts import secret_rules
from deploy_gate.result import CouldNotTell

LOCK = "kingfisher"
_CLEAN, _FOUND = 0, 200
_LIMIT = 256 * 1024 * 1024
_ALWAYS = (
    "--no-validate",
    "--no-update-check",
    "--redact",
    "--no-ignore",
    "--no-dedup",
    "--quiet",
    "--format=json",
    "--max-file-size=0",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a secret stands. `mark` is the same for the same secret; it is for our own bookkeeping, not for reports.

    The scanner's own mark holds for one run; facts/secret_marks.py makes one that lasts.
    """

    rule: str
    path: str
    line: int
    commit: str
    mark: str
    columns: tuple[int, int] = (0, 0)


def program() -> Path:
    """The scanner's program; CouldNotTell when it cannot be had."""
    try:
        env = bootstrap.ensure(LOCK)
        # Itself, and not the script that looks for it: that would start a Python each time.
        itself = bootstrap.site_packages(env) / "kingfisher" / "bin" / "kingfisher"
        return itself if os.access(itself, os.X_OK) else bootstrap.tool(env, "kingfisher")
    except bootstrap.SetupError as fault:
        raise CouldNotTell(f"kingfisher could not be installed: {fault.found}", fault.fix) from None


def version() -> str:
    """Changes with the scanner, and with every rule."""
    return hashlib.sha256(bootstrap.lock_file(LOCK).read_bytes() + secret_rules.as_file().encode()).hexdigest()[:32]


def scan(scanner: Path, target: Path, more: Sequence[str], home: Path, timeout: float) -> list[Place]:
    """Every place with a secret below `target`; CouldNotTell unless all of it was looked at.

    `home` becomes a folder of ours, where it finds no configuration: the repository's own would decide what is seen.
    """
    home.mkdir()
    rules = home / "rules.yml"
    rules.write_text(secret_rules.as_file())
    argv: list[str | Path] = [
        scanner,
        "scan",
        target,
        "--rules-path",
        rules,
        "--rule-cache-dir",
        _cache(home),
        *_ALWAYS,
        *more,
    ]
    env = {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    done = process.run(argv, timeout=timeout, cwd=home, env=env, limit=_LIMIT)
    if done.code not in (_CLEAN, _FOUND):
        # Its own words could hold a line of the file that it stumbled over.
        raise CouldNotTell(f"kingfisher ended with exit code {done.code}", f"run `{scanner} scan` by hand there")
    return parse(done.out)


def _cache(home: Path) -> Path:
    """Compiled rules are kept between runs: compiling them costs seconds."""
    try:
        folder = environments_folder().parent / "kingfisher-rules"
        folder.mkdir(mode=0o700, exist_ok=True)
    except (OSError, bootstrap.SetupError):
        return home / "rules"
    return folder


def parse(out: str) -> list[Place]:
    """From its JSON; CouldNotTell for what is none, or says that something was not looked at."""
    try:
        data = json.loads(out.split("\n", 1)[0])
        summary = data["audit"]["summary"]
        whole = summary["scan_succeeded"] == summary["discovered"] >= 1
        places = [_place(one) for one in data["findings"]]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise CouldNotTell("what kingfisher printed is not its report", "see whether its lock was changed") from None
    if not whole:
        raise CouldNotTell("kingfisher could not read all of the history", "see `git fsck` in this clone")
    return places


def _place(one: Mapping[str, Any]) -> Place:
    finding = one["finding"]
    git = finding.get("git_metadata") or {}
    commit = str(git.get("commit", {}).get("id", ""))
    # With a commit the path is the repository's; without, that of a loose object.
    columns = (int(finding["column_start"]), int(finding["column_end"]))
    told = (str(one["rule"]["id"]), str(finding["path"]), int(finding["line"]), commit, str(finding["snippet"]))
    return Place(*told, columns)
