"""The consumer's surroundings: nothing of it is imported, written to, or believed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Bench


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every path below ``folder`` with its time and size."""
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in folder.rglob("*")}


def test_uv_is_used_where_it_is(quick: Bench) -> None:
    told = quick.told()
    installer = next(Path(told["prefix"]).rglob("dgprobe-1.0.dist-info/INSTALLER"))
    assert installer.read_text().strip() == "uv"


def test_uv_that_fails_gives_way_to_pip(bench: Bench) -> None:
    broken = bench.home / "bin/uv"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert bench.told()["value"] == "genuine"


@pytest.mark.parametrize(("installer", "isolated"), [("pip", False), ("pip", True), ("uv", False), ("uv", True)])
def test_consumers_environment_stays_untouched(bench: Bench, tmp_path: Path, installer: str, isolated: bool) -> None:
    if installer == "uv":
        bench.give_uv()
    victim = tmp_path / "victim"
    venv.EnvBuilder(with_pip=False, symlinks=False).create(victim)
    settings = bench.home / ".config/pip/pip.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"[install]\ntarget = {victim}\nuser = true\n")
    before = snapshot(victim)
    pointers = ("UV_PYTHON", "VIRTUAL_ENV", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "CONDA_PREFIX")
    bench.variables = {name: str(victim) for name in pointers} | {"PIP_USER": "1", "PIP_CONFIG_FILE": ""}
    bench.variables |= {"UV_PROJECT_ENVIRONMENT": str(victim), "UV_SYSTEM_PYTHON": "1"}
    bench.python = str(victim / "bin/python")
    told = bench.told(isolated=isolated)
    assert told["prefix"] == str(bench.environments()[0])
    assert told["variables"]["VIRTUAL_ENV"] == str(victim), "the checks find the consumer's interpreter by it"
    assert snapshot(victim) == before


@pytest.mark.parametrize("isolated", [True, False])
def test_booby_trapped_folder_is_not_imported(bench: Bench, tmp_path: Path, isolated: bool) -> None:
    folder = tmp_path / "trap"
    folder.mkdir()
    marker = tmp_path / "sprung"
    trap = f"with open({str(marker)!r}, 'a') as file: file.write(__name__ + ' ')\n"
    names = ["yaml", "json", "dgprobe", "venv", "subprocess", "pathlib", "hashlib", "typing", "pip", "deploy_gate"]
    # Without -I the interpreter itself imports this one, before any line of ours runs.
    names += ["sitecustomize"] if isolated else []
    for name in names:
        (folder / f"{name}.py").write_text(trap)
    for program in ("uv", "pip", "python3"):
        (folder / program).write_text(f"#!/bin/sh\necho {program} >> {marker}\n")
        (folder / program).chmod(0o755)
    bench.variables = {"PYTHONPATH": f".{os.pathsep}{folder}", "PATH": f".:{os.pathsep}bin", "PYTHONSTARTUP": "json.py"}
    unavoidable = sprung_by_the_interpreter(bench, folder, marker, isolated)
    assert bench.told(isolated=isolated, cwd=folder)["value"] == "genuine"
    sprung = set(marker.read_text().split()) if marker.exists() else set()
    assert sprung <= unavoidable


def sprung_by_the_interpreter(bench: Bench, folder: Path, marker: Path, isolated: bool) -> set[str]:
    """What this Python imports before any line of ours: its own `.pth` files may, where -I is missing."""
    options = ["-I"] if isolated else []
    subprocess.run([bench.python, *options, "-c", ""], env=bench.environment, cwd=folder, check=True, timeout=60)
    sprung = set(marker.read_text().split()) if marker.exists() else set()
    marker.unlink(missing_ok=True)
    assert not (isolated and sprung)
    return sprung


def test_unreachable_index_is_one_clear_line(bench: Bench) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can take the port
        bench.variables = {"PIP_INDEX_URL": f"http://someone:hunter2@127.0.0.1:{closed.getsockname()[1]}/simple"}
        done = bench.run()
    assert done.returncode == 3
    told = [line for line in done.stderr.splitlines() if "preparing" not in line]
    assert len(told) == 2, "what happened, and what to do"
    assert "the package index cannot be reached" in told[0]
    assert "PIP_INDEX_URL" in told[1]
    assert "hunter2" not in done.stderr


def stripped_python(folder: Path, without: set[str]) -> str:
    """An interpreter with its own standard library, but not all of it, and no site-packages."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    library = folder / "lib" / version
    library.mkdir(parents=True)
    (folder / "bin").mkdir()
    for source in Path(sysconfig.get_path("stdlib")).iterdir():
        if source.name not in without | {"site-packages", "dist-packages", "EXTERNALLY-MANAGED"}:
            (library / source.name).symlink_to(source)
    for shared in Path(sys.base_prefix, "lib").glob("libpython*"):
        (folder / "lib" / shared.name).symlink_to(shared)
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    return str(shutil.copy(base, folder / "bin" / version))


def test_pip_inside_ensurepip_is_enough(bench: Bench, tmp_path: Path) -> None:
    bench.python = stripped_python(tmp_path / "python", set())
    assert bench.told()["value"] == "genuine"


@pytest.mark.parametrize(("without", "lack"), [("ensurepip", "neither pip nor ensurepip"), ("venv", "no module venv")])
def test_python_without_pip_or_venv_names_what_mends_it(bench: Bench, tmp_path: Path, without: str, lack: str) -> None:
    bench.python = stripped_python(tmp_path / "python", {without})
    done = bench.run()
    assert done.returncode == 3
    assert f"{bench.python} has {lack}" in done.stderr
    assert "→ add the modules venv and ensurepip to" in done.stderr
    assert "Traceback" not in done.stderr


def test_home_that_cannot_be_written_to(quick: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    nowhere = str(tmp_path / "file/home")  # fails for root, too, whom no mode bits stop
    quick.variables = {"HOME": nowhere, "RUNNER_TEMP": "", "TMPDIR": str(tmp_path / "temporary")}
    private = tmp_path / f"temporary/deploy-gate-{os.geteuid()}"
    assert quick.told()["prefix"].startswith(str(private / "env/core-"))
    assert private.stat().st_mode & 0o077 == 0
    assert quick.run().stderr == ""


def test_temporary_folder_planted_by_somebody_is_not_used(quick: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"deploy-gate-{os.geteuid()}").symlink_to(tmp_path / "elsewhere")
    quick.variables = {"HOME": str(tmp_path / "file/home"), "RUNNER_TEMP": "", "TMPDIR": str(tmp_path)}
    done = quick.run()
    assert done.returncode == 3
    assert "set XDG_CACHE_HOME" in done.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []
