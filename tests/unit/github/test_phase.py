"""A whole phase through the gate: what it costs GitHub, and that nothing passes when GitHub fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import github_shop
import pytest
from github_server import GitHub
from support import Repository

from deploy_gate import cli
from deploy_gate.github import cache


@pytest.fixture
def shop(github: GitHub, repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> GitHub:
    (tmp_path / "temp").mkdir()
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path / "temp"))
    monkeypatch.setenv("GITHUB_RUN_ID", str(github_shop.RUN))
    github_shop.build(github, repository)
    return github


def phase(report: Path) -> tuple[int, dict[str, str]]:
    words = ["gate", "--phase", "pre-deploy", "--environment", "production", "--report", str(report), "--only"]
    code = cli.main([*words, *github_shop.ITEMS])
    data: dict[str, Any] = json.loads((report / "report.json").read_text())
    return code, {one["id"]: one["status"] for one in data["items"]}


def test_what_a_phase_costs(
    shop: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, statuses = phase(tmp_path / "one")
    expected = {name: "attested" if name.startswith("signoff") else "passed" for name in github_shop.ITEMS}
    assert (code, statuses) == (0, expected)
    asked = [path.partition("?")[0] for path in shop.asked]
    assert len(set(asked)) <= 12, asked
    # More only where an answer of one check was too old for another, on a machine that is very slow.
    assert shop.statuses.count(200) == len(set(asked))
    assert shop.statuses.count(200) + shop.statuses.count(304) == len(asked)
    monkeypatch.setattr(cache, "_run", lambda: "another run of this job")
    assert phase(tmp_path / "two") == (0, expected)
    assert shop.statuses.count(200) == len(set(asked)), "the second time everything was asked as: has it changed?"


def test_nothing_passes_when_github_fails(shop: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop.fail("/", 403, {"message": "no"})
    code, statuses = phase(tmp_path / "one")
    assert code == 3
    assert statuses == dict.fromkeys(github_shop.ITEMS, "error") | {"commits-reviewed": "passed"}
