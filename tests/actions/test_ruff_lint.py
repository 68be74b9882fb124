"""ruff-lint on small real projects."""

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
UNUSED = "import os\n\nx = 1\n"


@pytest.fixture
def lint(load: Callable[[str], Check], repository: Repository) -> Check:
    repository.write("a.py", GOOD)
    return partial(answer, load("ruff-lint"), path=["."], format=True, python=HERE)


def test_whole(lint: Check, repository: Repository) -> None:
    repository.commit()
    result = lint()
    assert result.status is Status.PASSED, result
    assert "0 findings in 1 file, ruff " in result.found
    assert "the limit is 0" in result.found
    assert left_behind(repository) == ""


def test_unused_import(lint: Check, repository: Repository) -> None:
    repository.write("pkg/b.py", UNUSED)
    result = lint()
    assert result.status is Status.FAILED, result
    assert "1 finding in 2 files" in result.found
    assert "the limit is 0" in result.found
    assert dict(result.evidence[0]).items() >= {"path": "pkg/b.py", "line": 1, "column": 8, "rule": "F401"}.items()


def test_unformatted(lint: Check, repository: Repository) -> None:
    repository.write("b.py", "x=1\n")
    result = lint()
    assert result.status is Status.FAILED, result
    assert "0 from lint, 1 unformatted; the limit is 0" in result.found
    assert [(one["path"], one["rule"]) for one in result.evidence] == [("b.py", "format")]
    assert lint(format=False).status is Status.PASSED


def test_syntax_error_is_one_finding(lint: Check, repository: Repository) -> None:
    repository.write("b.py", "x = [1,\n")
    result = lint()
    assert result.status is Status.FAILED, result
    assert {one["rule"] for one in result.evidence} == {"invalid-syntax"}


def test_the_project_configuration_counts(lint: Check, repository: Repository) -> None:
    repository.write("b.py", UNUSED)
    repository.write("ruff.toml", 'lint.ignore = ["F401"]\n')
    assert lint().status is Status.PASSED


@pytest.mark.parametrize(
    "mode", ["fix = true\n", "fix-only = true\n", "fix = true\nfix-only = true\nunsafe-fixes = true\n"]
)
def test_never_writes(lint: Check, repository: Repository, mode: str) -> None:
    repository.write("b.py", UNUSED)
    repository.write("c.py", "x=1\n")
    repository.write("ruff.toml", mode + 'output-format = "grouped"\nshow-fixes = true\n')
    repository.commit()
    result = lint()
    assert result.status is Status.FAILED, result
    assert "1 from lint, 1 unformatted" in result.found
    assert left_behind(repository) == ""


def test_no_python_file(lint: Check, repository: Repository) -> None:
    repository.write("empty/readme.md", "nothing\n")
    repository.write("pyproject.toml", "")
    for path in (["empty"], ["pyproject.toml"]):
        result = lint(path=path)
        assert result.status is Status.ERROR, result
        assert "found no Python file" in result.found


def test_missing_path(lint: Check) -> None:
    result = lint(path=["nowhere"])
    assert result.status is Status.ERROR
    assert "nowhere does not exist" in result.found


def test_invalid_configuration(lint: Check, repository: Repository) -> None:
    repository.write("ruff.toml", 'selct = ["F"]\n')
    result = lint()
    assert result.status is Status.ERROR, result
    assert "unknown field `selct`" in result.found


def test_hostile_names(lint: Check, repository: Repository) -> None:
    names = ["--fix/b.py", "-x.py", "@x.py", "a b$(touch pwned).py", "a;b.py", "é.py"]
    for name in names:
        repository.write(name, UNUSED)
    for path in (["."], names):
        result = lint(path=path)
        assert result.status is Status.FAILED, result
        assert sorted(str(one["path"]) for one in result.evidence) == names
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (HANG, "did not end within 1 s"),
        (FLOOD, "printed more than 32 MiB"),
        (DIE, "exit code -9"),
        ("echo '{", "exit code"),
        ('case "$*" in *json*) echo "[]"; exit 2;; esac; echo /a.py', "`ruff check` ended with exit code 2"),
    ],
)
def test_a_tool_that_breaks(lint: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, told: str) -> None:
    monkeypatch.setattr(sys.modules["ruff_lint"], "TIMEOUT", 1.0)
    result = lint(python=pretend(tmp_path / "env", "ruff", body))
    assert result.status is Status.ERROR, result
    assert told in result.found


def test_an_older_release_that_knows_no_json_for_format(lint: Check, repository: Repository, tmp_path: Path) -> None:
    real = Path(sys.executable).parent / "ruff"
    older = (
        'format*json*) echo "error: unexpected argument" >&2; exit 2;; format*) echo "Would reformat: b.py"; exit 1;;'
    )
    body = f'case "$*" in {older} esac\nexec {real} "$@"'
    repository.write("b.py", "x=1\n")
    result = lint(python=pretend(tmp_path / "env", "ruff", body))
    assert result.status is Status.FAILED, result
    assert [(one["path"], one["rule"]) for one in result.evidence] == [("b.py", "format")]


def test_ours_where_the_project_has_none(lint: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "ensure", lambda _name: Path(sys.prefix))
    result = lint(python=pretend(tmp_path / "env", "other", "true"))
    assert result.status is Status.PASSED, result
    assert "(ours)" in result.found


def test_an_interpreter_that_is_not_there(lint: Check) -> None:
    result = lint(python="nowhere")
    assert result.status is Status.ERROR, result
    assert "the interpreter 'nowhere' is not there" in result.found


def test_none_to_be_had(lint: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_name: str) -> Path:
        raise bootstrap.SetupError("no network", "try again")

    monkeypatch.setattr(bootstrap, "ensure", refuse)
    result = lint(python=pretend(tmp_path / "env", "other", "true"))
    assert result.status is Status.ERROR
    assert "ruff could not be installed: no network" in result.found
