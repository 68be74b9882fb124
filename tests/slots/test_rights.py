"""Whose the files are: a command as root locks nobody out, and another user is told as whom to go on."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pwd
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slots.test_parts import RELEASE, config

from host import boot, cli
from host.config import load
from host.machine import Machine
from host.processes import run as run_command

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for two users")
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can look into, with a configuration; its home is not made yet."""
    with tempfile.TemporaryDirectory(prefix="slots-") as folder:
        here = Path(folder)
        here.chmod(0o755)
        nginx = {"snippets": f"{here}/nginx", "flags": f"{here}/flags", "command": ["true"]}
        (here / "slots.json").write_text(config(home=f"{here}/state/home", nginx=nginx, needs={"disk-mb": 1}))
        (here / "state").mkdir()
        yield here


def run(place: Path, *words: str) -> dict[str, Any]:
    """A command in this process."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, Path(os.devnull).open() as nothing:
        for name, stream in (("stdin", nothing), ("stdout", out), ("stderr", io.StringIO())):
            patch.setattr(sys, name, stream)
        cli.main(["--config", str(place / "slots.json"), *words, "--json"])
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def as_nobody(place: Path, *words: str) -> dict[str, Any]:
    """The same, as nobody, in a child."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.setgroups([])
            os.setgid(NOBODY.pw_gid)
            os.setuid(NOBODY.pw_uid)
            with os.fdopen(write, "w") as stream:
                stream.write(json.dumps(run(place, *words)))
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    found: dict[str, Any] = json.loads(text)
    return found


def set_up(place: Path, owner: int) -> Machine:
    """`init` as that user."""
    for name in ("nginx", "flags"):
        (place / name).mkdir()
    for folder in (place / "state", place / "nginx", place / "flags"):
        os.chown(folder, owner, -1)
    words = ("init", "--live", "blue", "--release", RELEASE)
    told = as_nobody(place, *words) if owner else run(place, *words)
    assert told["exit"] == 0, told
    return Machine(load(place / "slots.json"), who="test")


def strangers(place: Path) -> list[str]:
    return [str(path) for path in (place / "state").rglob("*") if path.stat().st_uid != NOBODY.pw_uid]


def test_a_command_as_root_leaves_the_files_to_their_owner(place: Path) -> None:
    machine = set_up(place, NOBODY.pw_uid)
    assert machine.home.stat().st_uid == NOBODY.pw_uid
    (machine.home / "lock").unlink()
    (machine.home / "logs").rmdir()
    assert run(place, "lease", "acquire", "--by", "root", "--seconds", "0.001")["exit"] == 0
    manifest = place / "manifest.json"
    manifest.write_text(json.dumps({"release": RELEASE}))
    assert run(place, "receive", str(manifest))["exit"] == 0
    assert run(place, "preflight")["exit"] == 1
    assert machine.log_file("x").parent.is_dir()
    assert strangers(place) == []
    assert as_nobody(place, "lease", "acquire", "--by", "deploy")["exit"] == 0
    assert as_nobody(place, "receive", str(manifest))["exit"] == 0


def test_another_user_is_told_as_whom_to_go_on(place: Path) -> None:
    machine = set_up(place, 0)
    for words in (("status", "--quick"), ("lease", "acquire"), ("rollback", "--from", RELEASE)):
        told = as_nobody(place, *words)
        assert told["exit"] == 3, words
        trouble = told["trouble"]
        assert "Permission denied" in trouble["what"]
        assert trouble["means"] == (
            f"this is nobody, {machine.home} belongs to root: the state belongs to whoever ran `slots init`"
        )
        assert trouble["do"] == "run it as that user: `sudo -u root …`"


def test_what_root_left_behind_is_told_with_the_command_that_mends_it(place: Path) -> None:
    machine = set_up(place, NOBODY.pw_uid)
    os.chown(machine.store.path, 0, 0)
    trouble = as_nobody(place, "status", "--quick")["trouble"]
    assert trouble["means"].startswith(f"{machine.store.path} belongs to root, its folder to nobody")
    assert trouble["do"] == f"`sudo chown -R nobody: {machine.home}`, then run this again"
    run(place, "lease", "acquire", "--by", "root", "--seconds", "0.001")  # mends it, too
    assert as_nobody(place, "status", "--quick")["exit"] == 0


def test_root_gives_nothing_away_that_stands_elsewhere_too(place: Path) -> None:
    machine = set_up(place, NOBODY.pw_uid)
    other = place / "state" / "other"
    other.write_text("root's")
    log = machine.log_file("blue-start")
    os.link(other, log)
    run_command(["true"], 10, log)
    assert other.stat().st_uid == 0
    log.unlink()
    log.symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        run_command(["true"], 10, log)
    assert other.stat().st_uid == 0


def test_the_guards_unit_runs_as_the_owner(place: Path) -> None:
    machine = set_up(place, NOBODY.pw_uid)
    unit = boot.unit(machine, Path("/srv/slots.pyz"), Path("/srv/slots.json"))
    assert "\nUser=nobody\n" in unit
    assert boot.hook(machine, Path("/srv/slots.pyz"), Path("/srv/slots.json")).endswith("crontab -u nobody -e\n")
