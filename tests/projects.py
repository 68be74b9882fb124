"""Interpreters and stand-ins of tools that the code-quality checks are tried on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from support import Repository

from deploy_gate.engine.child import guarded
from deploy_gate.result import Result

HERE = sys.executable
HANG = "exec sleep 600"
FLOOD = "exec head -c 100000000 /dev/zero"
DIE = "kill -9 $$"


def answer(function: Callable[..., Result], **inputs: object) -> Result:
    """What a check says, as the engine would hear it."""
    return guarded(lambda: function(**inputs))


def pretend(folder: Path, name: str, body: str) -> str:
    """An environment without packages, whose program `name` tells a version and then does `body`; its interpreter."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    real = Path(sys.executable).resolve()
    (folder / "pyvenv.cfg").write_text(f"home = {real.parent}\ninclude-system-site-packages = false\n")
    (programs / "python").symlink_to(real)
    (programs / name).write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo {name} 0.0; exit; fi\n{body}\n')
    (programs / name).chmod(0o755)
    return str(programs / "python")


def left_behind(repository: Repository) -> str:
    """What differs from the last commit, ignored files included."""
    return repository.git("status", "--porcelain", "--ignored")
