"""Helpers of the tests: a repository to stand in, and folders of made-up checks."""

from __future__ import annotations

import shutil
import subprocess
import textwrap
from pathlib import Path

from deploy_gate.catalog import Catalog

ROOT = Path(__file__).resolve().parent.parent


class Repository:
    """A git repository in a temporary folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Ada")
        self.git("config", "user.email", "ada@shop.example")

    def git(self, *args: str) -> str:
        """Run git here and return what it prints."""
        done = subprocess.run(["git", *args], cwd=self.path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, name: str, text: str) -> Path:
        """Write a file, dedented."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def commit(self, message: str = "change") -> str:
        """Commit everything and return the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def origin(self) -> Path:
        """Make an empty remote of that name beside it."""
        path = self.path.parent / "origin.git"
        self.git("init", "-q", "--bare", str(path))
        self.git("remote", "add", "origin", str(path))
        return path


class Actions:
    """A folder of made-up checks."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, name: str, body: str, inputs: str = "{}", signature: str = "", about: str = "") -> None:
        """Add a check whose function has `body`; `inputs` is YAML flow, `signature` its keyword-only parameters.

        `about` is what stands in `About(...)`.
        """
        folder = self.root / name
        folder.mkdir(parents=True)
        manifest = f"name: {name}\ndescription: Made up.\ninputs: {inputs}\n"
        (folder / "action.yml").write_text(manifest)
        star = f"*, {signature}" if signature else ""
        head = "import os, sys, time, subprocess, signal\nfrom pathlib import Path\nfrom deploy_gate.result import *\n"
        head += "from deploy_gate.units import Duration, Variable\nfrom deploy_gate.catalog import About\n"
        head += f"ABOUT = About({about})\n"
        text = f"{head}\ndef check({star}) -> Result:\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n"
        (folder / f"{name.replace('-', '_')}.py").write_text(text)

    @property
    def catalog(self) -> Catalog:
        """A catalog of just these."""
        return Catalog(self.root)


def snapshot(target: Path) -> Path:
    """The working tree as a commit of its own repository: what a consumer would get if this state were released."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    target.mkdir()
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    Repository(target).commit("snapshot")
    return target
