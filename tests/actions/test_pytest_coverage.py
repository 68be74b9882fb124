"""pytest-coverage on small real projects."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic

import pytest
from projects import HERE, answer, left_behind, pretend
from support import Repository

from deploy_gate.facts import covered, testcases
from deploy_gate.result import CouldNotTell, Result, Status

Check = Callable[..., Result]
CODE = "def f(x):\n    if x:\n        return 1\n    return 2\n"
TEST = "from app.a import f\n\n\ndef test_f():\n    assert f(1) == 1\n    assert f(0) == 2\n"
OFF = {"min_coverage": 0.0, "min_changed_coverage": 0.0}


@pytest.fixture
def tests(load: Callable[[str], Check], repository: Repository) -> Check:
    """A project with one function, wholly tested, and nothing changed since its second commit."""
    repository.write("app/__init__.py", "")
    repository.write("app/a.py", CODE)
    repository.write("tests/test_a.py", TEST)
    repository.commit()
    repository.commit()
    inputs: dict[str, object] = {"path": [], "marker": "", "min_coverage": 80.0, "min_changed_coverage": 80.0}
    inputs |= {"source": [], "base": "", "python": HERE, "env": [], "args": []}
    return partial(answer, load("pytest-coverage"), **inputs)


def statements(count: int, missed: int) -> str:
    """A module of `count` statements, the last `missed` of which never run."""
    run = "".join(f"x{number} = {number}\n" for number in range(count - missed - 1))
    return run + "if __name__ == 'never':\n" + "".join(f"    y{number} = 1\n" for number in range(missed))


def test_whole(tests: Check, repository: Repository) -> None:
    result = tests()
    assert result.status is Status.PASSED, result
    assert result.found == (
        "1 test passed; 100 % of lines covered, the limit is 80 %; no changed line is measured, the limit is 80 %"
    )
    assert left_behind(repository) == ""


def test_a_failing_test(tests: Check, repository: Repository) -> None:
    repository.write(
        "tests/test_b.py", "def helper():\n    raise ValueError('why\\nnot')\n\n\ndef test_b():\n    helper()\n"
    )
    repository.commit()
    result = tests()
    assert result.status is Status.FAILED, result
    assert result.found == "1 of 2 tests failed, the limit is 0: tests.test_b.test_b: ValueError: why"
    assert dict(result.evidence[0]).items() >= {"path": "tests/test_b.py", "line": 2, "rule": "test"}.items()
    assert left_behind(repository) == ""


def test_a_fixture_that_breaks(tests: Check, repository: Repository) -> None:
    text = "import pytest\n\n\n@pytest.fixture\ndef x():\n    raise ValueError('why')\n\n\ndef test_b(x):\n    pass\n"
    repository.write("tests/test_b.py", text)
    result = tests()
    assert result.status is Status.FAILED, result
    assert 'failed on setup with "ValueError: why"' in result.found


def test_79_percent(tests: Check, repository: Repository) -> None:
    repository.write("app/b.py", statements(100, 21))
    repository.write("tests/test_a.py", "import app.b\n\n\ndef test_b():\n    assert app.b\n")
    repository.commit()
    repository.commit()
    result = tests(source=["app.b"])
    assert result.status is Status.FAILED, result
    assert "79 % of lines covered, the limit is 80 %" in result.found
    assert (result.measured, result.target) == (79.0, 80.0)
    assert result.evidence[0]["message"] == "no test runs 21 of 100 statements"
    assert tests(source=["app.b"], min_coverage=79.0).status is Status.PASSED


def test_a_changed_line_not_covered_while_the_total_is_fine(tests: Check, repository: Repository) -> None:
    repository.write("app/b.py", statements(50, 1))
    repository.write("tests/test_a.py", "import app.b\n" + TEST)
    repository.commit()
    repository.write("app/a.py", CODE + "\n\ndef g():\n    return 3\n\n\ndef h():\n    return 4\n")
    repository.commit("$(touch pwned)")
    result = tests()
    assert result.status is Status.FAILED, result
    assert "2 of 4 changed lines covered (50 %), the limit is 80 %" in result.found
    assert "of lines covered, the limit is 80 %" in result.found
    assert [(one["path"], one["line"], one["rule"]) for one in result.evidence] == [
        ("app/a.py", 8, "changed-coverage"),
        ("app/a.py", 12, "changed-coverage"),
    ]
    assert tests(base="HEAD").status is Status.PASSED
    assert tests(min_changed_coverage=50.0).status is Status.PASSED
    assert tests(min_changed_coverage=0.0).status is Status.PASSED


def test_a_hostile_branch_as_base(tests: Check, repository: Repository) -> None:
    repository.git("branch", "a$(touch${IFS}pwned)b")
    assert tests(base="a$(touch${IFS}pwned)b").status is Status.PASSED
    result = tests(base="--output=pwned")
    assert result.status is Status.ERROR, result
    assert "1 test passed; 100 % of lines covered" in result.found
    assert "is not in this clone" in result.found
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no test ran (0 skipped), at least 1 must"),
        ("import pytest\n\n\n@pytest.mark.skip\ndef test_a():\n    pass\n", "no test ran (1 skipped), at least 1 must"),
    ],
)
def test_no_test(tests: Check, repository: Repository, text: str, told: str) -> None:
    repository.write("tests/test_a.py", text)
    result = tests(**OFF)
    assert result.status is Status.FAILED, result
    assert told in result.found
    assert (result.measured, result.target) == (0, 1)


def test_marker(tests: Check, repository: Repository) -> None:
    repository.write("pytest.ini", "[pytest]\nmarkers = slow\naddopts = --strict-markers\n")
    repository.write("tests/test_b.py", "import pytest\n\n\n@pytest.mark.slow\ndef test_b():\n    assert 0\n")
    assert tests(**OFF, marker="not slow").status is Status.PASSED
    assert tests(**OFF, marker="slow").status is Status.FAILED
    assert "no test ran" in tests(**OFF, marker="slow and not slow").found
    for hostile in ("--version", "@x", "slow or"):
        result = tests(**OFF, marker=hostile)
        assert result.status is Status.ERROR, result
        assert "'-m'" in result.found  # pytest read it as an expression, not as an option


@pytest.mark.long
def test_hostile_paths(tests: Check, repository: Repository) -> None:
    for name in ("-x test.py", "@test.py", "test_$(touch pwned).py"):
        repository.write(name, "def test_x():\n    assert 0\n")
        result = tests(**OFF, path=[name, "tests/test_a.py::test_f"])
        assert result.status is Status.FAILED, result
        assert result.found.startswith("1 of 2 tests failed")
        assert result.evidence[0]["path"] == name
    assert not Path("pwned").exists()
    assert "nowhere does not exist" in tests(path=["nowhere::test_x"]).found


@pytest.mark.long
def test_collection_error(tests: Check, repository: Repository) -> None:
    repository.write("tests/test_b.py", "import no_such_module\n")
    result = tests()
    assert result.status is Status.FAILED, result
    assert "No module named 'no_such_module'" in result.found
    assert (result.evidence[0]["path"], result.evidence[0]["line"]) == ("tests/test_b.py", 1)


def test_conftest_that_cannot_be_imported(tests: Check, repository: Repository) -> None:
    repository.write("conftest.py", "import no_such_module\n")
    result = tests()
    assert result.status is Status.FAILED, result
    assert "conftest could not be imported: ModuleNotFoundError" in result.found


@pytest.mark.parametrize(
    "settings", [("pytest.ini", "[pytest]\nnonsense\n"), ("pytest.ini", "[pytest]\naddopts = --nonsense\n")]
)
def test_invalid_configuration(tests: Check, repository: Repository, settings: tuple[str, str]) -> None:
    repository.write(*settings)
    result = tests(**OFF)
    assert result.status is Status.ERROR, result
    assert "exit code" in result.found
    assert "nonsense" in result.found


def test_the_project_s_own_limit(tests: Check, repository: Repository) -> None:
    repository.write("tests/test_a.py", TEST.replace("    assert f(0) == 2\n", ""))
    repository.write(".coveragerc", "[report]\nfail_under = 99\n")
    result = tests(min_coverage=10.0, min_changed_coverage=0.0)
    assert result.status is Status.FAILED, result
    assert "99" in result.found
    assert "all tests passed" in result.found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".coveragerc", "[run]\nsource = app\nbranch = true\n"),
        ("pyproject.toml", '[tool.coverage.run]\nsource_pkgs = ["app"]\nbranch = true\n'),
        ("pyproject.toml", '[tool.pytest.ini_options]\naddopts = ["--cov", "app", "--cov-branch"]\n'),
        ("pytest.ini", "[pytest]\naddopts = -p no:cacheprovider --strict-config --cov=app --cov-branch\n"),
    ],
)
def test_the_project_says_what_is_measured(tests: Check, repository: Repository, name: str, text: str) -> None:
    repository.write("tests/test_a.py", TEST.replace("    assert f(0) == 2\n", ""))
    repository.write(name, text)
    result = tests(min_coverage=10.0, min_changed_coverage=0.0)
    assert result.status is Status.PASSED, result
    # Of app alone: 3 of 4 lines and 1 of 2 branches.
    assert "66.6 % of lines and branches covered, the limit is 10 %" in result.found


def test_reports_of_the_project_stay_out_of_the_workspace(tests: Check, repository: Repository) -> None:
    repository.write(
        "setup.cfg", "[tool:pytest]\naddopts = --cov-report=html --cov-report xml --junitxml=out.xml --ff\n"
    )
    repository.commit()
    assert tests(base="HEAD").status is Status.PASSED
    assert left_behind(repository) == ""


def test_changed_code_outside_what_is_measured_is_named(tests: Check, repository: Repository) -> None:
    repository.write("other/c.py", "def c():\n    return 5\n")
    repository.commit()
    assert "changed, but not measured: other/c.py" in tests(source=["app"]).found


def test_a_marker_that_strict_markers_does_not_know(tests: Check, repository: Repository) -> None:
    repository.write("pytest.ini", "[pytest]\naddopts = --strict-markers\n")
    repository.commit()
    assert tests(marker="not integration", min_coverage=0.0, min_changed_coverage=0.0).status is Status.PASSED
    result = tests(marker="integration", min_coverage=0.0, min_changed_coverage=0.0)
    assert result.status is Status.FAILED
    assert "0 tests bear the marker integration, at least 1 must" in result.found


def test_without_limits_the_projects_own_do_not_judge_a_part(tests: Check, repository: Repository) -> None:
    addopts = "addopts = --cov=app --cov-fail-under=100 --cov-report=xml --cov-report=html"
    repository.write("pytest.ini", f"[pytest]\n{addopts}\n")
    repository.commit()
    result = tests(min_coverage=0.0, min_changed_coverage=0.0)
    assert result.status is Status.PASSED, result
    assert repository.git("status", "--porcelain", "--ignored") == ""


def test_a_source_that_is_not_there(tests: Check) -> None:
    result = tests(source=["nowhere"])
    assert result.status is Status.ERROR, result
    assert "coverage measured no statement" in result.found


def test_arguments_cannot_switch_the_measuring_off(tests: Check) -> None:
    assert tests(args=["--no-cov"]).status is Status.ERROR
    assert tests(args=["--junitxml=/dev/null"]).status is Status.ERROR
    assert tests(args=["--collect-only"], **OFF).status is Status.FAILED
    assert tests(args=["-k", "test_f and not x"], **OFF).status is Status.PASSED


def test_environment(tests: Check, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "API_TOKEN"):
        monkeypatch.setenv(name, "value")
    body = "    assert 'API_TOKEN' not in os.environ\n    assert os.environ['DATABASE_URL']\n"
    repository.write("tests/test_a.py", f"import os\n\n\ndef test_a():\n{body}")
    assert tests(**OFF, env=["DATABASE_URL"]).status is Status.PASSED
    assert tests(**OFF).status is Status.FAILED
    assert "no name of an environment variable" in tests(env=["A=b"]).found


def test_not_installed(tests: Check, tmp_path: Path) -> None:
    python = pretend(tmp_path / "env", "other", "true")
    result = tests(python=python)
    assert result.status is Status.ERROR, result
    assert "pytest and pytest-cov not installed" in result.found
    assert f"`{python} -m pip install pytest pytest-cov`" in result.fix


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("import time; time.sleep(600)", "did not end within 3 s"),
        ("import sys; [sys.__stdout__.write('x' * 1000000) for _ in range(100)]", "printed more than 32 MiB"),
        ("import os; os.kill(os.getpid(), 11)", "ended by signal 11"),
        ("import os; os._exit(0)", "exit code 0 before it wrote its report"),
        ("import pytest; pytest.exit('enough', 7)", "exit code 7"),
    ],
)
def test_a_run_that_breaks(
    tests: Check, repository: Repository, monkeypatch: pytest.MonkeyPatch, body: str, told: str
) -> None:
    monkeypatch.setattr(sys.modules["pytest_coverage"], "TIMEOUT", 3.0)
    repository.write("tests/test_b.py", f"def test_b():\n    {body}\n")
    result = tests(**OFF, args=["-s"])
    assert result.status is Status.ERROR, result
    assert told in result.found


def test_a_process_left_behind_does_not_hold_it_up(tests: Check, repository: Repository, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    body = "subprocess.Popen(['sleep', '600'], start_new_session=True).pid"
    text = f"def test_b():\n    Path({str(note)!r}).write_text(str({body}))\n"
    repository.write("tests/test_b.py", f"import subprocess\nfrom pathlib import Path\n\n\n{text}")
    started = monotonic()
    result = tests(**OFF, args=["-s"])
    with suppress(ProcessLookupError):
        os.kill(int(note.read_text()), signal.SIGKILL)
    assert result.status is Status.PASSED, result
    assert monotonic() - started < 30


RAN = testcases.Testcases(5, 0)
BAD = testcases.Testcases(4, 0, ({"message": "t: why", "rule": "test"},))
UNKNOWN = CouldNotTell("the clone is shallow", "deepen it")


def report(percent: float, statements: int = 1000) -> covered.Covered:
    return covered.Covered(percent, statements, branches=False, files={})


@pytest.mark.parametrize(
    ("code", "cases", "total", "changed", "status", "told"),
    [
        (0, RAN, report(80.0), covered.Changed(5, 4), Status.PASSED, "80 % of lines covered, the limit is 80 %"),
        (0, RAN, report(79.96), covered.Changed(5, 5), Status.FAILED, "79.9 % of lines covered, the limit is 80 %"),
        (0, RAN, report(99.0), covered.Changed(1000, 799), Status.FAILED, "(79.9 %), the limit is 80 %"),
        (0, RAN, report(79.0), UNKNOWN, Status.FAILED, "79 %"),
        (
            0,
            RAN,
            report(90.0),
            UNKNOWN,
            Status.ERROR,
            "90 % of lines covered, the limit is 80 %; but the clone is shallow",
        ),
        (0, RAN, report(100.0, 0), covered.Changed(0, 0), Status.ERROR, "no statement"),
        (0, RAN, None, None, Status.ERROR, "no statement"),
        (1, BAD, report(90.0), None, Status.FAILED, "1 of 5 tests failed, the limit is 0"),
        (2, BAD, None, None, Status.FAILED, "1 of 5 tests failed"),
        (0, BAD, report(90.0), None, Status.FAILED, "1 of 5 tests failed"),
        (1, RAN, report(90.0), None, Status.FAILED, "exit code 1: words"),
        (2, RAN, report(90.0), None, Status.ERROR, "exit code 2: words"),
        (3, RAN, report(90.0), None, Status.ERROR, "exit code 3"),
        (5, testcases.Testcases(0, 0), None, None, Status.FAILED, "no test ran"),
        (0, testcases.Testcases(0, 9), None, None, Status.FAILED, "no test ran (9 skipped), at least 1 must"),
        (3, testcases.Testcases(0, 0), None, None, Status.ERROR, "exit code 3"),
        (0, None, report(90.0), None, Status.ERROR, "before it wrote its report"),
        (4, None, None, None, Status.ERROR, "exit code 4"),
    ],
)
def test_judge(
    load: Callable[[str], Check],
    code: int,
    cases: testcases.Testcases | None,
    total: covered.Covered | None,
    changed: covered.Changed | CouldNotTell | None,
    status: Status,
    told: str,
) -> None:
    load("pytest-coverage")
    module = sys.modules["pytest_coverage"]
    result = module.judge(module.Facts(code, "words", cases, total, changed), module.Limits(80.0, 80.0))
    assert result.status is status, result
    assert told in result.found


@pytest.mark.parametrize("text", ["", "<testsuites", '<!DOCTYPE x [<!ENTITY a "b">]><testsuites>&a;</testsuites>'])
def test_no_junit(tmp_path: Path, text: str) -> None:
    (tmp_path / "junit.xml").write_text(text)
    assert testcases.read(tmp_path / "junit.xml") is None
    assert testcases.read(tmp_path / "nowhere.xml") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"totals": {}}', '{"totals": 1, "files": {}}', "null"])
def test_no_coverage_report(tmp_path: Path, text: str) -> None:
    (tmp_path / "coverage.json").write_text(text)
    assert covered.read(tmp_path / "coverage.json") is None
    assert covered.read(tmp_path / "nowhere.json") is None
