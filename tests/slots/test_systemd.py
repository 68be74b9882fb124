"""The unit that `slots guard unit` prints, as systemd itself reads it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from host.boot import unit


@pytest.fixture
def analyze() -> str:
    """The program of systemd that reads a unit without starting it."""
    found = shutil.which("systemd-analyze")
    if not found:
        pytest.skip("no systemd-analyze on this machine")
    return found


def verified(analyze: str, folder: Path, text: str) -> tuple[int, str]:
    path = folder / "erp-guard.service"
    path.write_text(text)
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", str(path)], capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def test_systemd_finds_nothing_wrong_with_the_unit(analyze: str, tmp_path: Path) -> None:
    text = unit(tmp_path / "slots.pyz", tmp_path / "slots.json", "erp")
    # systemd looks whether the program can be run; which Python a machine has is not what is asked here.
    assert verified(analyze, tmp_path, text.replace("/usr/bin/python3", "/bin/sh")) == (0, "")


def test_it_would_say_so(analyze: str, tmp_path: Path) -> None:
    text = unit(tmp_path / "slots.pyz", tmp_path / "slots.json", "erp").replace("/usr/bin/python3", "/bin/sh")
    code, said = verified(analyze, tmp_path, text.replace("RestartSec=1", "RestartSec=soon"))
    assert code == 1
    assert "RestartSec" in said or "soon" in said
