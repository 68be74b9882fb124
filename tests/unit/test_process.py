"""Programs are bounded in time and output, and see only what they may."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from deploy_gate.process import run
from deploy_gate.result import CouldNotTell


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-c", code]


def test_output_and_code() -> None:
    done = run(python("import sys; print('a'); print('b', file=sys.stderr); sys.exit(3)"), timeout=20)
    assert (done.code, done.out, done.err) == (3, "a\n", "b\n")


def test_feeds_more_than_a_pipe_holds() -> None:
    done = run(python("import sys; print(len(sys.stdin.read()))"), timeout=20, stdin=b"x" * 300_000)
    assert done.out == "300000\n"


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(CouldNotTell) as fault:
        run(["no-such-tool"], timeout=1)
    assert "no-such-tool cannot be started" in fault.value.found


def test_a_program_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    code = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
time.sleep(600)
"""
    started = time.monotonic()
    with pytest.raises(CouldNotTell, match="did not end within 2 s"):
        run(python(code), timeout=2)
    assert time.monotonic() - started < 20
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_program_that_prints_without_end_is_stopped() -> None:
    with pytest.raises(CouldNotTell, match="printed more than 1 MiB"):
        run(python("while True: print('x' * 1000)"), timeout=60, limit=1024 * 1024)


def test_a_server_left_behind_does_not_hold_the_result_up() -> None:
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); print('done')"
    started = time.monotonic()
    assert run(python(code), timeout=60).out == "done\n"
    assert time.monotonic() - started < 30


def test_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@h/d")
    monkeypatch.setenv("UV_PYTHON", "/somewhere")
    ask = python("import os; print(sorted(os.environ))")
    assert "DATABASE_URL" not in run(ask, timeout=20).out
    assert "UV_PYTHON" not in run(ask, timeout=20).out
    assert "DATABASE_URL" in run(ask, timeout=20, pass_env=["DATABASE_URL"]).out


def test_undecodable_output_is_replaced() -> None:
    assert run(python("import sys; sys.stdout.buffer.write(b'\\xff')"), timeout=20).out == "\ufffd"


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has reaped yet counts as ended."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
    return False
