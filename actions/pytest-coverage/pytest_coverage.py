"""pytest in the project's own interpreter: tests pass and reach enough lines, of all and of the changed ones."""

from __future__ import annotations

import math
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from deploy_gate import process
from deploy_gate.catalog import About
from deploy_gate.facts import base as change
from deploy_gate.facts import covered, files, git, interpreter, testcases, testrun
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, error, failed, one_line, passed
from deploy_gate.units import Percent

ABOUT = About(runs_code=True, timeout=900)
TIMEOUT = 6 * 3600.0  # the engine's own limit comes first
NONE_COLLECTED, USAGE = 5, 4
_UNKNOWN_MARKER = re.compile(r"Unknown marker\(s\) in '-m' expression: (\w+)\b(?!,)")
_COVERAGE_FAULT = re.compile(r"^.*(?:required test coverage|coverage failure).*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Facts:
    """One run: exit code, last words, its tests, and its coverage where that was asked for."""

    code: int
    words: str
    cases: testcases.Testcases | None
    total: covered.Covered | None = None
    changed: covered.Changed | CouldNotTell | None = None
    conftest: bool = False
    """The project's conftest could not be imported."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The least coverage in percent; 0: not measured."""

    total: float
    changed: float


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    path: list[str],
    marker: str,
    min_coverage: Percent,
    min_changed_coverage: Percent,
    source: list[str],
    base: str,
    python: str,
    env: list[str],
    args: list[str],
) -> Result:
    """Tests pass and cover enough."""
    limits = Limits(min_coverage, min_changed_coverage)
    program = interpreter.find(python)
    measures = limits.total > 0 or limits.changed > 0
    interpreter.required(program, "pytest", *(["pytest-cov"] if measures else []))
    # A limit of the project's own would judge this part of the tests, and its reports would be written here.
    silent = [] if measures or "pytest-cov" not in interpreter.versions(program, "pytest-cov") else ["--no-cov"]
    options = [*(testrun.targets(program, source) if measures else silent), *args, *_selection(path, marker)]
    run = _run(program, options, _names(env), measures=measures)
    if unknown := _UNKNOWN_MARKER.search(run.words):
        # Under --strict-markers a marker that no test bears is a mistake to pytest; here it selects nothing.
        if marker != f"not {unknown[1]}":
            found = f"0 tests bear the marker {unknown[1]}, at least 1 must"
            return failed(found, "correct `marker`, or write the first such test", target=1, measured=0)
        options = [one for one in options if one not in ("-m", f"({marker})")]
        run = _run(program, options, env, measures=measures)
    if run.total and limits.changed:
        run = replace(run, changed=_altered(run.total, base))
    return judge(run, limits)


def judge(facts: Facts, limits: Limits) -> Result:
    """A bad test fails; so does a run without tests; then the limits of coverage."""
    cases = facts.cases
    if facts.conftest:
        return failed(f"conftest could not be imported: {facts.words}", "mend conftest.py", target=0)
    if cases is None:
        found = f"pytest ended with exit code {facts.code} before it wrote its report: {facts.words}"
        return error(found, "run pytest by hand in that interpreter and mend what it says")
    if cases.bad:
        found = f"{len(cases.bad)} of {cases.ran} tests failed, the limit is 0: {cases.bad[0]['message']}"
        fix = "mend the listed tests or the code they test"
        return failed(found, fix, target=0, measured=len(cases.bad), evidence=cases.bad)
    if not cases.passed and facts.code in (0, NONE_COLLECTED):
        found = f"no test ran ({cases.skipped} skipped), at least 1 must"
        return failed(found, "correct `path` and `marker`, or write the first test", target=1, measured=0)
    if facts.code:
        return _other_end(facts)
    return _coverage(facts, limits)


def _other_end(facts: Facts) -> Result:
    """All tests passed, yet the exit code is not 0: the project's own coverage limit, or something unknown."""
    if facts.code == 1:
        found = f"all tests passed, but pytest ended with exit code 1: {facts.words}"
        return failed(found, "mend what it names; a `fail_under` of the project counts too")
    return error(f"pytest ended with exit code {facts.code}: {facts.words}", "run pytest by hand in that interpreter")


def _coverage(facts: Facts, limits: Limits) -> Result:
    count = facts.cases.passed if facts.cases else 0
    tests = "1 test passed" if count == 1 else f"{count} tests passed"
    if not (limits.total or limits.changed):
        return passed(f"{tests}, 0 failed, the limit is 0; coverage not measured", target=0, measured=0)
    total, changed = facts.total, facts.changed
    if total is None or not total.statements:
        fix = "name what to measure in `source`, or in the project's coverage configuration"
        return error(f"{tests}, but coverage measured no statement: {facts.words}", fix)
    what = "lines and branches" if total.branches else "lines"
    told = [tests, f"{_percent(total.percent)} of {what} covered, {_limit(limits.total)}"]
    evidence: list[Evidence] = []
    low = total.percent < limits.total
    if low:
        evidence += covered.worst(total)
    if isinstance(changed, covered.Changed):
        told.append(_changed(changed, limits.changed))
        if changed.percent < limits.changed:
            low = True
            evidence = [*changed.missed, *evidence]
    share = _floor(total.percent)
    if low:
        fix = "write tests that run the listed lines"
        return failed("; ".join(told), fix, target=limits.total, measured=share, evidence=evidence)
    if isinstance(changed, CouldNotTell):
        return error(f"{'; '.join(told)}; but {changed.found}", changed.fix, target=limits.total, measured=share)
    return passed("; ".join(told), target=limits.total, measured=share)


def _changed(changed: covered.Changed, limit: float) -> str:
    outside = f"; changed, but not measured: {_few(changed.outside)}" if changed.outside else ""
    if not changed.measured:
        return f"no changed line is measured, {_limit(limit)}{outside}"
    share = f"{changed.run} of {changed.measured} changed lines covered ({_percent(changed.percent)})"
    return f"{share}, {_limit(limit)}{outside}"


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(brief(name) for name in names[:3]) + more


def _limit(percent: float) -> str:
    return f"the limit is {percent:g} %" if percent else "no limit"


def _percent(value: float) -> str:
    return f"{_floor(value):g} %"


def _floor(value: float) -> float:
    # Rounded down, so that 79.96 against 80 does not read as 80.
    return math.floor(value * 10 + 1e-9) / 10


def _names(env: list[str]) -> list[str]:
    bad = [name for name in env if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)]
    if bad:
        found = f"'{one_line(bad[0], 80)}' is no name of an environment variable"
        raise CouldNotTell(found, "list names in `env`, never values")
    return env


def _selection(path: list[str], marker: str) -> list[str]:
    """Paths and the marker expression; in brackets it can be no option."""
    # A node id names a test behind its file.
    files.existing([one.split("::")[0] for one in path])
    return [*(["-m", f"({marker})"] if marker else []), *map(files.spelled, path)]


def _run(python: Path, options: list[str], env: list[str], *, measures: bool) -> Facts:
    with tempfile.TemporaryDirectory(prefix="deploy-gate-") as name:
        folder = Path(name)
        argv: list[str | Path] = [python, "-m", "pytest", *testrun.outputs(folder, measures=measures), *options]
        done = process.run(argv, timeout=TIMEOUT, env=testrun.environment(python, folder), pass_env=env)
        cases = testcases.read(folder / "junit.xml")
        total = covered.read(folder / "coverage.json") if measures else None
    if done.code < 0:
        fix = "look for a crash in a library, or a lack of memory"
        raise CouldNotTell(f"pytest was ended by signal {-done.code}", fix)
    conftest = done.code == USAGE and "while loading conftest" in done.err
    return Facts(done.code, _words(done), cases, total, conftest=conftest)


def _altered(total: covered.Covered, base: str) -> covered.Changed | CouldNotTell:
    try:
        return covered.among(total, git.changed_lines(change.of(base)))
    except CouldNotTell as fault:
        return fault


def _words(done: process.Finished) -> str:
    text = f"{done.err}\n{done.out}"
    if fault := _COVERAGE_FAULT.search(text):
        return one_line(fault[0], 300)
    marked = [line[1:].strip() for line in text.splitlines() if line.startswith("E  ")]
    marked += [line for line in done.err.splitlines() if " error: " in line]
    return one_line(marked[0], 300) if marked else done.last_words(1)
