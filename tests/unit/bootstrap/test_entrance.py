"""``scripts/__main__.py`` under an interpreter that is too old."""

from __future__ import annotations

import ast
import subprocess
from typing import TYPE_CHECKING

from .conftest import BASE, PRODUCT, SECONDS

if TYPE_CHECKING:
    from .conftest import Bench

# Runs the entrance as an interpreter that takes itself for 3.6; `found` says whether programs can be seen.
AS_OLD = """
import os, runpy, sys
sys.version_info = (3, 6, 15, "final", 0)
{}
sys.argv = sys.argv[1:]
runpy.run_path(os.path.join(sys.argv[0], "__main__.py"), run_name="__main__")
"""
BLIND = "os.access = lambda *_: False"


def run_as_old(bench: Bench, extra: str = "") -> subprocess.CompletedProcess[str]:
    command = [BASE, "-I", "-c", AS_OLD.format(extra), str(bench.product / "scripts"), "list"]
    return subprocess.run(
        command, env=bench.environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )  # fmt: skip


def test_entrance_parses_on_python_3_6() -> None:
    source = (PRODUCT / "scripts/__main__.py").read_text()
    tree = ast.parse(source, feature_version=(3, 6))
    futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    assert futures == [], "annotations from __future__ came with 3.7"


def test_old_python_alone_is_told_what_is_needed(bench: Bench) -> None:
    done = run_as_old(bench, BLIND)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "is 3.6" in done.stderr


def test_old_python_finds_a_newer_one_and_passes_a_broken_launcher_by(quick: Bench) -> None:
    launcher = quick.home / "bin/python3.14"
    launcher.write_text("#!/bin/sh\necho 'not installed' >&2\nexit 127\n")
    launcher.chmod(0o755)
    (quick.home / "bin/python3.13").symlink_to(BASE)
    done = run_as_old(quick)
    assert done.returncode == 0, done.stderr
    assert '"argv": ["list"]' in done.stdout
    assert "not installed" not in done.stderr
