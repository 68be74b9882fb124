"""The pure parts: what an installer's words mean, what it gets to see, what a lock says, and the locks themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy_gate import bootstrap
from deploy_gate.bootstrap import install, place, run, wheels

LOCKS = sorted(bootstrap.ROOT.glob("requirements/*.txt"))


@pytest.mark.parametrize(
    ("output", "found", "fix"),
    [
        (
            "THESE PACKAGES DO NOT MATCH THE HASHES\n a==1 from x\n",
            "not the one its lock names",
            "requirements/core.txt",
        ),
        ("Hash mismatch for `a==1`", "not the one its lock names", "mirror"),
        ("ERROR: NewConnectionError: refused\n", "cannot be reached", "https_proxy"),
        ("error: Failed to fetch: `x`\n  dns error\n", "cannot be reached", "https_proxy"),
        ("ERROR: No space left on device", "No space left on device", "run again"),
        ("", "no output", "run again"),
    ],
)
def test_explanation(output: str, found: str, fix: str) -> None:
    error = run.explain(output, "core")
    assert found in error.found
    assert fix in error.fix


def test_last_words_are_bounded_printable_and_without_passwords() -> None:
    words = run.last_words("x" * 5000 + "\nWARNING: no\n\x1b[31mat https://me:p@ss@host/simple\x07\n")
    assert len(words) < 450
    assert words.isprintable()
    assert words.endswith("at https://***@host/simple")


@pytest.mark.parametrize(
    ("base", "user", "debian", "command"),
    [
        ("/usr/bin/python3.98", 1000, True, "sudo apt-get install python3.98-venv"),
        ("/usr/bin/python3.98", 0, True, "apt-get install python3.98-venv"),
        ("/usr/bin/python3.98", 1000, False, "add the modules venv and ensurepip"),
        ("/opt/python/bin/python3.12", 1000, True, "add the modules venv and ensurepip"),
    ],
)
def test_mending_command(base: str, user: int, debian: bool, command: str) -> None:
    assert install.mending_command(base, user, debian=debian).startswith(command)


@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="the system has no python3 of its own")
def test_mending_command_of_the_distributions_own_python() -> None:
    own = str(Path("/usr/bin/python3").resolve())
    assert install.mending_command(own, 1000, debian=True) == "sudo apt-get install python3-venv"


def test_installers_see_an_allow_list(monkeypatch: pytest.MonkeyPatch) -> None:
    kept_from_them = {"UV_PYTHON", "PIP_TARGET", "PYTHONPATH", "VIRTUAL_ENV", "DATABASE_URL", "GITHUB_TOKEN"}
    for name in (*kept_from_them, "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/python/lib")
    monkeypatch.setenv("PATH", ".:/usr/bin::bin")
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    seen = run.fetch_environment()
    assert seen["PATH"] == "/usr/bin"
    assert seen["HTTPS_PROXY"] == "http://proxy"
    assert seen["LD_LIBRARY_PATH"] == "/opt/python/lib", "an interpreter may not start without it"
    assert not kept_from_them & set(seen)
    assert "PIP_INDEX_URL" not in run.offline_environment()
    assert run.uv_environment()["UV_DEFAULT_INDEX"] == "x"


def test_program_that_a_lock_does_not_bring(tmp_path: Path) -> None:
    with pytest.raises(bootstrap.SetupError, match="no program 'ruf'"):
        bootstrap.tool(tmp_path, "ruf")


def test_relative_cache_folder_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RUNNER_TEMP", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place.environments_folder() == tmp_path / ".cache/deploy-gate/env"


def test_pins_of_a_lock(tmp_path: Path) -> None:
    lock = tmp_path / "a.txt"
    first, second, third = (f" \\\n    --hash=sha256:{digit * 64}" for digit in "abc")
    lock.write_text(f"# why\nMoto[s3]==5.1 ; sys_platform == 'win32'{first}{second}\nruamel_yaml==1{third}\n")
    assert wheels.pins(lock) == [
        ("moto", "5.1", True, frozenset({"a" * 64, "b" * 64})),
        ("ruamel-yaml", "1", False, frozenset({"c" * 64})),
    ]


def test_there_is_a_lock_for_every_list_of_wishes() -> None:
    assert [lock.stem for lock in LOCKS] == sorted(path.stem for path in bootstrap.ROOT.glob("requirements/*.in"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_lock_is_hashed_and_agrees_with_dev(lock: Path) -> None:
    dev = {(pin.name, pin.version) for pin in wheels.pins(bootstrap.lock_file("dev"))}
    pins = wheels.pins(lock)
    assert all(pin.hashes for pin in pins)
    # The peers of a benchmark want older versions, compose is one program for one Python, and the others run in
    # environments of their own: none of them meets the rest.
    alone = lock.stem in ("peers", "compose", "apprise", "kingfisher", "hadolint")
    assert alone or {(pin.name, pin.version) for pin in pins} <= dev, "compile it with -c dev.txt"
    assert "://" not in lock.read_text(), "a lock names no registry"
