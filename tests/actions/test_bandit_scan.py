"""bandit-scan on small real projects."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from projects import DIE, FLOOD, HANG, HERE, answer, left_behind, pretend
from support import Repository

from deploy_gate import bootstrap
from deploy_gate.result import Result, Status

Check = Callable[..., Result]
GOOD = "x = 1\n"
SHELL = "import subprocess\nimport sys\n\nsubprocess.run('ls ' + sys.argv[1], shell=True)\n"


@pytest.fixture
def scan(load: Callable[[str], Check], repository: Repository) -> Check:
    repository.write("a.py", GOOD)
    repository.commit()
    return partial(
        answer, load("bandit-scan"), path=["."], severity="medium", confidence="medium", config="", python=HERE
    )


def test_whole(scan: Check, repository: Repository) -> None:
    result = scan()
    assert result.status is Status.PASSED, result
    assert "0 findings of medium severity or more, medium confidence or more in 1 line in 1 file" in result.found
    assert "the limit is 0" in result.found
    assert left_behind(repository) == ""


def test_shell_with_input(scan: Check, repository: Repository) -> None:
    repository.write("pkg/b.py", SHELL)
    repository.commit()
    result = scan()
    assert result.status is Status.FAILED, result
    assert "1 finding of medium severity or more" in result.found
    assert "the limit is 0" in result.found
    assert dict(result.evidence[0]).items() >= {"path": "pkg/b.py", "line": 4, "column": 1, "rule": "B602"}.items()


def test_levels(scan: Check, repository: Repository) -> None:
    repository.write("b.py", "assert True\n")
    repository.commit()
    result = scan()
    assert result.status is Status.PASSED
    assert "(1 below that)" in result.found
    low = scan(severity="low")
    assert low.status is Status.FAILED
    assert low.evidence[0]["rule"] == "B101"


def test_only_tracked_files(scan: Check, repository: Repository) -> None:
    repository.write("venv/lib/b.py", SHELL)
    assert scan().status is Status.PASSED


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[tool.bandit]\nexclude_dirs = ["./tests"]\n'),
        (".bandit", "[bandit]\nexclude: /tests\n"),
        (".bandit", "exclude_dirs: [tests]\n"),
        ("bandit.yaml", "skips: [B602]\n"),
    ],
)
def test_the_project_configuration_counts(scan: Check, repository: Repository, name: str, text: str) -> None:
    repository.write("tests/b.py", SHELL)
    repository.commit()
    assert scan().status is Status.FAILED
    repository.write(name, text)
    assert scan().status is Status.PASSED, scan()


def test_a_named_configuration(scan: Check, repository: Repository) -> None:
    repository.write("b.py", SHELL)
    repository.write("etc/-bandit.yaml", "skips: [B602]\n")
    repository.commit()
    assert scan(config="etc/-bandit.yaml").status is Status.PASSED
    assert scan(config="etc/nowhere").status is Status.ERROR


def test_an_ini_file_can_neither_hide_findings_nor_write(scan: Check, repository: Repository) -> None:
    repository.write("b.py", SHELL)
    repository.write(".bandit", "[bandit]\nlevel: 4\nconfidence: 4\noutput: report.txt\nformat: txt\ntargets: a.py\n")
    repository.commit()
    result = scan(severity="low", confidence="low")
    assert {one["rule"] for one in result.evidence} == {"B404", "B602"}, result
    assert left_behind(repository) == ""


def test_invalid_configuration(scan: Check, repository: Repository) -> None:
    repository.write("pyproject.toml", "[tool.bandit]\nskips = [\n")
    result = scan()
    assert result.status is Status.ERROR, result
    assert "Error parsing file" in result.found


def test_a_file_that_cannot_be_parsed(scan: Check, repository: Repository) -> None:
    repository.write("b.py", "x = [1,\n")
    repository.commit()
    result = scan()
    assert result.status is Status.ERROR, result
    assert "could not read 1 file: b.py: syntax error" in result.found


def test_nothing_to_look_at(scan: Check, repository: Repository) -> None:
    repository.write("docs/readme.md", "nothing\n")
    repository.write("empty/__init__.py", "")
    repository.write("ignored/b.py", SHELL)
    repository.write(".gitignore", "/ignored/\n")
    repository.git("add", "docs", "empty")
    assert "no Python file of the repository below docs" in scan(path=["docs"]).found
    assert "no Python file of the repository below ignored" in scan(path=["ignored"]).found
    result = scan(path=["empty"])
    assert result.status is Status.ERROR, result
    assert "found no line of code" in result.found


def test_all_excluded(scan: Check, repository: Repository) -> None:
    repository.write("pyproject.toml", '[tool.bandit]\nexclude_dirs = ["a.py"]\n')
    assert scan().status is Status.ERROR


def test_hostile_names(scan: Check, repository: Repository) -> None:
    names = ["--ini/b.py", "-x.py", "@x.py", "a b$(touch pwned).py", "a;b.py", "é.py"]
    for name in names:
        repository.write(name, SHELL)
    repository.git("add", "-A")
    for path in (["."], names):
        result = scan(path=path)
        assert result.status is Status.FAILED, result
        assert sorted(str(one["path"]) for one in result.evidence) == names
    assert not Path("pwned").exists()


def test_many_files_in_several_runs(scan: Check, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["bandit_scan"], "ARGUMENTS", 30)
    for number in range(5):
        repository.write(f"b{number}.py", SHELL if number in (0, 4) else GOOD)
    repository.commit()
    result = scan()
    assert "2 findings" in result.found
    assert "in 6 files" in result.found


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (HANG, "did not end within 1 s"),
        (FLOOD, "printed more than 32 MiB"),
        (DIE, "exit code -9"),
        ("exit 0", "no report"),
    ],
)
def test_a_tool_that_breaks(scan: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, told: str) -> None:
    monkeypatch.setattr(sys.modules["bandit_scan"], "TIMEOUT", 1.0)
    result = scan(python=pretend(tmp_path / "env", "bandit", body))
    assert result.status is Status.ERROR, result
    assert told in result.found


def test_ours_where_the_project_has_none(scan: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "ensure", lambda _name: Path(sys.prefix))
    result = scan(python=pretend(tmp_path / "env", "other", "true"))
    assert result.status is Status.PASSED, result
    assert "(ours)" in result.found
