"""Releases on this host: their manifests, bringing one here, and removing the old ones."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from host import images as stored
from host import points
from host.config import release_id
from host.files import make_folder, read_bounded, sync_folder, write_whole
from host.machine import Machine
from host.processes import run
from host.slots import filled, images
from host.state import State
from host.trouble import WRONG, Trouble, disk_trouble

_DIGEST = re.compile(r"(?:[\w./:-]+@)?sha256:[0-9a-f]{64}")
_REVISION = re.compile(r"[\w.-]{1,64}")
_LISTS = ("revisions", "expand", "reversible")


def folder(machine: Machine) -> Path:
    """Where the manifests are."""
    return machine.home / "releases"


def manifest(machine: Machine, release: str) -> dict[str, Any]:
    """What is known of a release; empty when nothing is."""
    try:
        data = json.loads(read_bounded(folder(machine) / release / "manifest.json", 1 << 20))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def require_known(machine: Machine, release: str) -> None:
    """Trouble when a release was not received."""
    release_id(release)
    if not manifest(machine, release):
        raise Trouble(
            f"{release[:12]} was not received on this host",
            "the step that brings the images failed or was left out",
            f"run `slots receive MANIFEST` for {release} first",
        )


def receive(machine: Machine, text: str, *, stdin: int = subprocess.DEVNULL) -> dict[str, Any]:
    """Bring a release here with the configured command, verify its digests, and keep its manifest.

    Before any lease: it changes nothing that runs, and room is looked for first.
    """
    data = checked(text)
    release = data["release"]
    _comparable(machine, data)
    _room(machine)
    commands, limit = machine.settings.commands, machine.settings.limits.command
    with machine.transfer.taken(machine.settings.limits.lock):
        _write(machine, release, text, "manifest.coming")
        points.reached("receive.coming")
        env = {"RELEASE": release, **{f"IMAGE_{_variable(name)}": one for name, one in data["images"].items()}}
        if commands.receive:
            argv = filled(commands.receive, {"release": release})
            ended = run(argv, limit, machine.log_file("receive"), env, stdin)
            if not ended.good:
                raise Trouble(
                    f"the release could not be brought here: {ended.why()}",
                    "the connection broke, the registry refused, or the disk is full",
                    f"see {machine.log_file('receive')}; run this again, what is here already is not sent twice",
                )
        points.reached("receive.brought")
        _verify(machine, data, env)
        _write(machine, release, text, "manifest.json")
        points.reached("receive.kept")
        (folder(machine) / release / "manifest.coming").unlink()
        machine.log("received", release=release, images=data["images"])
    return {"release": release, "images": data["images"]}


def checked(text: str) -> dict[str, Any]:
    """A manifest's content, or Trouble with every mistake."""
    wrong = []
    try:
        data = json.loads(text)
    except ValueError as fault:
        data, wrong = {}, [f"not JSON: {fault}"]
    if not isinstance(data, dict):
        data, wrong = {}, ["not an object"]
    release = data.get("release")
    if not isinstance(release, str) or not re.fullmatch(r"[0-9a-f]{40}", release):
        wrong.append("release: forty hexadecimal digits are wanted")
    found = data.setdefault("images", {})
    if not isinstance(found, dict) or not all(_is_image(*one) for one in found.items()):
        wrong.append("images: service names with sha256 digests are wanted")
    for name in _LISTS:
        listed = data.setdefault(name, [])
        if not isinstance(listed, list) or not all(isinstance(one, str) and _REVISION.fullmatch(one) for one in listed):
            wrong.append(f"{name}: a list of revisions is wanted")
    if wrong:
        raise Trouble(
            "the manifest is wrong: " + "; ".join(wrong),
            "it was written by hand, or by another version of deploy-gate",
            "write it with the `deploy` operation",
            WRONG,
        )
    return data


def _is_image(name: object, digest: object) -> bool:
    return (
        isinstance(name, str)
        and isinstance(digest, str)
        and bool(re.fullmatch(r"[\w-]{1,60}", name))
        and bool(_DIGEST.fullmatch(digest))
    )


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _room(machine: Machine) -> None:
    free, wanted = shutil.disk_usage(machine.home).free >> 20, machine.settings.needs.disk_mb
    if free < wanted:
        raise Trouble(
            f"{free} MB are free on the disk of {machine.home}, {wanted} MB are wanted",
            "old images and logs fill the disk",
            "`slots forget` removes old releases, `docker system df` shows the rest",
        )


def _comparable(machine: Machine, data: dict[str, Any]) -> None:
    """Trouble when the manifest names digests that nothing here could compare: what was not compared is not known."""
    number, commands = len(data["images"]), machine.settings.commands
    if number and not commands.digests and not commands.docker:
        raise Trouble(
            f"the manifest names {number} image{'s' if number > 1 else ''}, and neither commands.docker nor "
            "commands.digests is set",
            "the configuration of this host was written for a release without images",
            'set "docker": ["docker"] in slots.json, or `digests` to what prints one `service digest` a line '
            "(docs/host.md)",
        )


def _verify(machine: Machine, data: dict[str, Any], env: dict[str, str]) -> None:
    if not data["images"]:
        return
    if not machine.settings.commands.digests:
        stored.verify(machine, data["images"])
        return
    argv = filled(machine.settings.commands.digests, {"release": data["release"]})
    # A warning on standard error is no part of the answer.
    ended = run(argv, 60, machine.log_file("digests"), env, errors=machine.log_file("digests-errors"))
    if not ended.good:
        raise Trouble(
            f"the digests could not be read: {ended.why()}",
            "commands.digests is wrong, or the images did not arrive under the name that it asks for",
            "run it by hand on this host, then `slots receive` again",
        )
    told = dict(line.split()[:2] for line in ended.said.splitlines() if len(line.split()) >= 2)
    for name, digest in data["images"].items():
        if told.get(name, "").rpartition("@")[2] != digest.rpartition("@")[2]:
            raise Trouble(
                f"{name} has digest {told.get(name, '(none)')[:80]}, the manifest says {digest[:80]}",
                "the transfer was cut, or another image has the same name",
                "run `slots receive` again; if it stays so, build the release anew",
            )


def _write(machine: Machine, release: str, text: str, name: str) -> None:
    place = folder(machine) / release
    try:
        make_folder(place)
        write_whole(place / name, text.encode())
        sync_folder(place.parent)
    except OSError as fault:
        raise disk_trouble("the manifest could not be kept", fault) from fault


def forget(machine: Machine) -> dict[str, Any]:
    """Remove what is older than the retention, never what is live, warm or the way back."""
    limit = machine.settings.limits.lock
    with machine.transfer.taken(limit), machine.work.taken(limit):
        state = machine.load()
        gone = outdated(machine, state)
        for release in gone:
            if machine.settings.commands.forget:
                argv = filled(machine.settings.commands.forget, {"release": release})
                run(argv, 120, machine.log_file("forget"), {"RELEASE": release, **images(machine, release)})
            elif machine.settings.commands.docker:
                stored.remove(machine, release, _others(machine, gone))
            shutil.rmtree(folder(machine) / release, ignore_errors=True)
            machine.log("forgotten", release=release)
    return {"forgotten": gone}


def _others(machine: Machine, gone: list[str]) -> list[str]:
    return [path.name for path in folder(machine).glob("*") if path.name not in gone]


def outdated(machine: Machine, state: State) -> list[str]:
    """Releases beyond the retention, newest manifests kept."""
    kept = {slot.release for slot in state.slots.values()} | {state.previous}
    if state.step is not None:
        kept |= {str(state.step.data.get("release")), str(state.step.data.get("before"))}
    found = [path for path in folder(machine).glob("*") if path.name not in kept] if folder(machine).exists() else []
    newest = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.name for path in newest[machine.settings.retention.releases :]]
