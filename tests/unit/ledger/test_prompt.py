"""`ledger` at a prompt: what people type wrong, and whose targets their figures are held against."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from deployments import entry

from deploy_gate import cli
from deploy_gate.ledger import chain
from deploy_gate.ledger.chain import Head


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file with one deployment to production."""
    monkeypatch.chdir(tmp_path)
    Path("ledger.jsonl").write_bytes(chain.line(entry(2, "a").as_json(), Head())[0])
    return "ledger.jsonl"


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ("7dd", "expected a duration such as"),
        ("", "expected a duration such as"),
        ("0s", "expected more than nothing, and at most 100 years"),
        ("300000w", "expected more than nothing, and at most 100 years"),
        ("9" * 400 + "d", "expected"),
    ],
)
@pytest.mark.parametrize("what", ["metrics", "review"])
def test_a_window_that_is_none(
    ledger: str, capsys: pytest.CaptureFixture[str], what: str, window: str, said: str
) -> None:
    assert cli.main(["ledger", what, "--file", ledger, f"--window={window}"]) == 2
    assert said in capsys.readouterr().err


def test_an_environment_that_nobody_deployed_to_is_told(ledger: str, capsys: pytest.CaptureFixture[str]) -> None:
    for what in ("show", "metrics", "review"):
        assert cli.main(["ledger", what, "--file", ledger, "--environment", "prod"]) == 0
        assert capsys.readouterr().err == "note: nothing in this ledger is about 'prod'; legal: production\n"
        assert cli.main(["ledger", what, "--file", ledger]) == 0
        assert capsys.readouterr().err == ""


def test_the_targets_are_those_of_your_checklist(
    ledger: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["ledger", "metrics", "--file", ledger]
    assert cli.main(words) == 0
    assert "&lt; 10 minutes" in capsys.readouterr().out
    own = "metrics: {deployment-duration: {title: Duration, target: < 3 minutes}}\n"
    Path("checklist.yml").write_text("version: 1\nextends: default\n" + own)
    assert cli.main(words) == 0
    assert "&lt; 3 minutes" in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert cli.main(words) == 0
    assert "| < 3 minutes |" in capsys.readouterr().out
