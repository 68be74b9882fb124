"""One environment a lock: built once, whole or not at all, from wheels whose hashes are checked every time."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Bench

PREPARING = "preparing its own environment (core)"


def test_first_run_builds_and_second_is_quiet(bench: Bench) -> None:
    first = bench.run("check", "two words")
    told = bench.told("check", "two words")
    assert PREPARING in first.stderr
    assert told["argv"] == ["check", "two words"]
    assert told["prefix"] == str(bench.environments()[0])
    assert told["probe"].startswith(told["prefix"])
    assert told["isolated"] == 1
    assert bench.run().stderr == ""


def test_ready_environment_costs_no_process_and_no_time(quick: Bench) -> None:
    quick.told()
    told = quick.told("warm")
    assert told["heavy"] == []
    assert told["seconds"] < 0.005


def test_several_at_once_build_it_once(bench: Bench) -> None:
    started = [bench.start() for _ in range(3)]
    ended = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert sum(PREPARING in stderr for _, stderr in ended) == 1
    assert len(bench.index.fetched) == 1
    assert len(bench.environments()) == 1


def test_half_made_is_made_anew(quick: Bench) -> None:
    quick.told()
    (env,) = quick.environments()
    (env / "ready").unlink()
    (env / "left-over").touch()
    next(env.rglob("dgprobe.py")).unlink()
    assert quick.told()["value"] == "genuine"
    assert not (env / "left-over").exists()


def test_environment_whose_interpreter_went_is_made_anew(quick: Bench) -> None:
    quick.told()
    (env,) = quick.environments()
    for link in env.glob("bin/python*"):
        link.unlink()
        link.symlink_to("/nowhere/python")
    assert quick.told()["prefix"] == str(env)


def test_environment_that_is_none_any_more_does_not_restart_for_ever(quick: Bench) -> None:
    quick.told()
    (env,) = quick.environments()
    (env / "pyvenv.cfg").unlink()
    done = quick.run()
    assert done.returncode == 3
    assert f"remove {env}" in done.stderr


def test_changed_lock_gets_its_own_environment(quick: Bench) -> None:
    quick.told()
    lock = quick.product / "requirements/core.txt"
    lock.write_text(lock.read_text() + "# changed\n")
    quick.told()
    assert len(quick.environments()) == 2


@pytest.mark.parametrize("next_installer", ["pip", "uv"])
def test_next_job_needs_wheels_only(bench: Bench, next_installer: str) -> None:
    bench.told()
    if next_installer == "uv":
        bench.give_uv()
    shutil.rmtree(bench.runner / "deploy-gate")
    bench.index.requests.clear()
    assert bench.told()["value"] == "genuine"
    assert bench.index.requests == []


@pytest.mark.parametrize("keep", [None, 40], ids=["tampered", "cut-short"])
def test_bad_cached_wheel_is_refused_and_fetched_again(bench: Bench, keep: int | None) -> None:
    bench.told()
    good = bench.wheel.read_bytes()
    bench.wheel.write_bytes(good.replace(b"genuine", b"forgery") if keep is None else good[:keep])
    shutil.rmtree(bench.runner / "deploy-gate")
    done = bench.run()
    assert "discarded the cached dgprobe-1.0" in done.stderr
    assert '"value": "genuine"' in done.stdout
    assert len(bench.index.fetched) == 2
    assert bench.wheel.read_bytes() == good


def test_hash_other_than_the_locks_is_one_clear_refusal(bench: Bench) -> None:
    bench.write_lock("core", "dgprobe", sha256=hashlib.sha256(b"another").hexdigest())
    done = bench.run()
    assert done.returncode == 3
    assert "not the one its lock names" in done.stderr
    assert "dgprobe==1.0" in done.stderr
    assert "requirements/core.txt" in done.stderr
    assert "Traceback" not in done.stderr
    assert bench.environments() == []


def test_lock_without_hashes_is_refused(bench: Bench) -> None:
    (bench.product / "requirements/core.txt").write_text("dgprobe==1.0\n")
    done = bench.run()
    assert done.returncode == 3
    assert "dgprobe==1.0" in done.stderr


def test_lock_that_names_nothing_is_refused(quick: Bench) -> None:
    (quick.product / "requirements/core.txt").write_text("# empty\n")
    done = quick.run()
    assert done.returncode == 3
    assert "core.txt names no package" in done.stderr


def test_missing_lock_names_those_there_are(quick: Bench) -> None:
    quick.told()
    done = quick.run("add", "exra")
    assert done.returncode == 3
    assert "'exra'" in done.stderr
    assert "core, extra" in done.stderr


def test_add_brings_another_lock_in(quick: Bench) -> None:
    assert "/env/extra-" in quick.told("add", "extra")["extra"]


def test_killed_parent_leaves_the_lock_to_its_installer(bench: Bench) -> None:
    bench.index.go.clear()
    killed = bench.start()
    assert bench.index.asked.wait(30)
    killed.kill()
    killed.communicate(timeout=30)
    (lock,) = (bench.runner / "deploy-gate/env").glob("core-*.lock")
    with lock.open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    bench.index.go.set()
    assert bench.told()["value"] == "genuine"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_cancelled_build_ends_its_installer(bench: Bench, number: signal.Signals) -> None:
    bench.index.go.clear()
    cancelled = bench.start()
    assert bench.index.asked.wait(30)
    cancelled.send_signal(number)
    _, stderr = cancelled.communicate(timeout=30)
    assert cancelled.returncode == 130
    assert "Traceback" not in stderr
    (lock,) = (bench.runner / "deploy-gate/env").glob("core-*.lock")
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert bench.environments() == []
