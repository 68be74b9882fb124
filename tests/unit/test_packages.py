"""Programs of the system, and what is said when one is not to be had."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import packages


def test_what_is_there_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nginx"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert packages.ensure("nginx") == program


def test_without_root_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(packages, "_PLACES", ())
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CouldNotTell) as caught:
        packages.ensure("nginx")
    assert (caught.value.found, caught.value.fix) == (
        "nginx is not installed",
        "install it, on Debian `apt-get install nginx-light`",
    )
