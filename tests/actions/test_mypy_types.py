"""mypy-types on small real projects."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from projects import HERE, answer, left_behind, pretend
from support import Repository

from deploy_gate.process import Finished
from deploy_gate.result import Result, Status

Check = Callable[..., Result]
GOOD = "def f(x: int) -> int:\n    return x\n"
WRONG = "def f(x: int) -> str:\n    return x\n"


@pytest.fixture
def types(load: Callable[[str], Check], repository: Repository) -> Check:
    repository.write("a.py", GOOD)
    return partial(answer, load("mypy-types"), path=[], python=HERE)


def test_whole(types: Check, repository: Repository) -> None:
    repository.write("mypy.ini", "[mypy]\njunit_xml = report.xml\ncache_dir = cache\nfiles = a.py\n")
    repository.commit()
    result = types()
    assert result.status is Status.PASSED, result
    assert "0 errors in 1 file, mypy " in result.found
    assert "the limit is 0" in result.found
    assert left_behind(repository) == ""


def test_wrong_return_type(types: Check, repository: Repository) -> None:
    repository.write("b.py", WRONG)
    result = types()
    assert result.status is Status.FAILED, result
    assert "1 error by mypy" in result.found
    assert "2 files checked" in result.found
    assert "the limit is 0" in result.found
    assert dict(result.evidence[0]).items() >= {"path": "b.py", "line": 2, "column": 12, "rule": "return-value"}.items()


def test_shape_of_the_configuration_does_not_matter(types: Check, repository: Repository) -> None:
    repository.write("b.py", WRONG)
    shape = (
        "pretty",
        "show_absolute_path",
        "show_error_end",
        "show_error_context",
        "color_output",
        "install_types",
        "non_interactive",
    )
    repository.write("mypy.ini", "[mypy]\nerror_summary = False\n" + "".join(f"{name} = True\n" for name in shape))
    result = types()
    assert result.status is Status.FAILED, result
    assert [(one["path"], one["line"], one["column"], one["rule"]) for one in result.evidence] == [
        ("b.py", 2, 12, "return-value")
    ]


def test_the_project_configuration_counts(types: Check, repository: Repository) -> None:
    repository.write("b.py", "def f(x):\n    return x\n")
    assert types().status is Status.PASSED
    repository.write("pyproject.toml", '[tool.mypy]\nstrict = true\nfiles = ["b.py"]\n')
    result = types()
    assert result.status is Status.FAILED
    assert "1 file checked" in result.found


def test_syntax_error(types: Check, repository: Repository) -> None:
    repository.write("b.py", "x = [1,\n")
    result = types()
    assert result.status is Status.FAILED, result
    assert "a syntax error stopped it" in result.found


def test_two_modules_of_one_name_break_it_off(types: Check, repository: Repository) -> None:
    repository.write("s/m.py", GOOD)
    repository.write("t/m.py", GOOD)
    result = types()
    assert result.status is Status.ERROR, result
    assert "exit code 2" in result.found
    assert "Duplicate module" in result.found


@pytest.mark.parametrize(
    "text", ["[mypy]\nplugins = nope.py\n", "[mypy]\nfiles = nowhere\n", "[mypy]\npackages = nope\n"]
)
def test_invalid_configuration(types: Check, repository: Repository, text: str) -> None:
    repository.write("mypy.ini", text)
    result = types()
    assert result.status is Status.ERROR, result
    assert "nope" in result.found or "nowhere" in result.found


def test_no_source_file(types: Check, repository: Repository) -> None:
    repository.write("empty/readme.md", "nothing\n")
    result = types(path=["empty"])
    assert result.status is Status.ERROR, result
    assert "no .py[i] files" in result.found


def test_mypy_not_installed(types: Check, tmp_path: Path) -> None:
    python = pretend(tmp_path / "env", "other", "true")
    result = types(python=python)
    assert result.status is Status.ERROR, result
    assert f"mypy not installed in the project's interpreter {python}" in result.found
    assert f"`{python} -m pip install mypy`" in result.fix


def test_interpreter_that_is_none(types: Check, tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho broken >&2; exit 127\n")
    fake.chmod(0o755)
    result = types(python=str(fake))
    assert result.status is Status.ERROR, result
    assert "does not answer (exit code 127): broken" in result.found


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("import time; time.sleep(600)", "did not end within 2 s"),
        ("import sys; [sys.stdout.write('x' * 1000000) for _ in range(100)]", "printed more than 32 MiB"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9"),
        ("raise RuntimeError('crash')", "exit code"),
    ],
)
def test_a_plugin_that_breaks(
    types: Check, repository: Repository, monkeypatch: pytest.MonkeyPatch, body: str, told: str
) -> None:
    monkeypatch.setattr(sys.modules["mypy_types"], "TIMEOUT", 2.0)
    repository.write("mypy.ini", "[mypy]\nplugins = plugin.py\n")
    repository.write("plugin.py", body + "\n")
    result = types(path=["a.py"])
    assert result.status is Status.ERROR, result
    assert told in result.found


def test_hostile_names(types: Check, repository: Repository) -> None:
    names = ["-x.py", "a b$(touch pwned).py", "a;b.py", "é.py"]
    for name in names:
        repository.write(name, WRONG)
    result = types(path=names)
    assert result.status is Status.FAILED, result
    assert sorted((one["path"], one["line"]) for one in result.evidence) == [(name, 2) for name in names]
    assert not Path("pwned").exists()


def test_a_name_that_mypy_keeps_silent_about(types: Check, repository: Repository) -> None:
    repository.write("@x.py", WRONG)
    result = types(path=["@x.py"])
    assert result.status is Status.ERROR, result
    assert "@x.py" in result.found


@pytest.mark.parametrize(
    ("code", "out", "status"),
    [
        (0, "Success: no issues found in 3 source files\n", Status.PASSED),
        (0, "Success: no issues found in 0 source files\n", Status.ERROR),
        (0, "", Status.ERROR),
        (1, "", Status.ERROR),
        (1, "a.py:1: error: Bad  [misc]\nFound 1 error in 1 file (checked 1 source file)\n", Status.FAILED),
        (1, "a.py:1: note: only a note\n", Status.ERROR),
        (2, "a.py:1: error: INTERNAL ERROR -- please report\n", Status.ERROR),
        (2, "a.py:1: error: Bad  [syntax]\nb.py: error: Other\n", Status.ERROR),
        (2, "a.py:1:5: error: Bad  [syntax]\n", Status.FAILED),
    ],
)
def test_judge(load: Callable[[str], Check], code: int, out: str, status: Status) -> None:
    load("mypy-types")
    module = sys.modules["mypy_types"]
    assert module.judge(module.read("1.0", Finished(code, out, "", 0.0))).status is status


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.mypy]\nstrict = true\n[broken\n"),
        ("pyproject.toml", "[tool.mypy]\nstritc = true\n"),
        ("mypy.ini", "[mypy\nstrict = true\n"),
        ("mypy.ini", "[mypy]\nstritc = true\n"),
    ],
)
def test_a_configuration_that_mypy_ignores_is_no_pass(
    types: Check, repository: Repository, name: str, text: str
) -> None:
    repository.write(name, text)
    repository.commit()
    result = types(path=["a.py"])
    assert result.status is Status.ERROR, result
    assert f"ignored a part of its configuration: {name}: " in result.found


def test_two_modules_of_one_name_get_a_way_out(types: Check, repository: Repository) -> None:
    repository.write("tests/a/conftest.py", "")
    repository.write("tests/b/conftest.py", "")
    repository.commit()
    result = types()
    assert result.status is Status.ERROR
    assert "set `path`, such as `src`, or `explicit_package_bases = true`" in result.fix


def test_a_file_that_mypy_would_pass_over_is_named(types: Check, repository: Repository) -> None:
    repository.write("pkg/a@b.py", WRONG)
    repository.commit()
    result = types()
    assert result.status is Status.ERROR
    assert "pkg/a@b.py" in result.found
