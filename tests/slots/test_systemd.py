"""The unit that `slots guard unit` prints, as systemd itself reads it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from host.boot import unit
from host.config import parse
from host.machine import Machine


@pytest.fixture
def analyze() -> str:
    """The program of systemd that reads a unit without starting it."""
    found = shutil.which("systemd-analyze")
    if not found:
        pytest.skip("no systemd-analyze on this machine")
    return found


def printed(folder: Path) -> str:
    """The unit of a host whose home is that folder."""
    data: dict[str, Any] = {"application": "erp", "home": str(folder), "slots": {"blue": 8001, "green": 8011}}
    data["commands"] = {"start": ["true"], "stop": ["true"]}
    data |= {"front": {"url": "http://127.0.0.1/"}, "nginx": {"snippets": str(folder), "flags": str(folder)}}
    settings = parse(json.dumps(data), [])
    assert settings is not None
    return unit(Machine(settings), folder / "slots.pyz", folder / "slots.json")


def verified(analyze: str, folder: Path, text: str) -> tuple[int, str]:
    path = folder / "erp-guard.service"
    path.write_text(text)
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", str(path)], capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def test_systemd_finds_nothing_wrong_with_the_unit(analyze: str, tmp_path: Path) -> None:
    text = printed(tmp_path)
    # systemd looks whether the program can be run; which Python a machine has is not what is asked here.
    assert verified(analyze, tmp_path, text.replace("/usr/bin/python3", "/bin/sh")) == (0, "")


def test_it_would_say_so(analyze: str, tmp_path: Path) -> None:
    text = printed(tmp_path).replace("/usr/bin/python3", "/bin/sh")
    code, said = verified(analyze, tmp_path, text.replace("RestartSec=1", "RestartSec=soon"))
    assert code == 1
    assert "RestartSec" in said or "soon" in said
