"""Images on this host, asked of docker: which layers are here, whether those of a release are right, removing them."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from host.machine import Machine
from host.processes import Ended, run
from host.slots import digests
from host.trouble import UNKNOWN, Trouble

_SECONDS = 60.0
_MOST_IMAGES = 200
_MOST_BYTES = 4 << 20
# With containerd's store `docker load` wants every layer to be in the archive.
_WHOLE = "io.containerd.snapshotter"


def layers(machine: Machine) -> dict[str, Any]:
    """The layers of every image here, bottom first: what begins like one of them need not be sent. Never Trouble."""
    if not machine.settings.commands.docker:
        return _none("commands.docker is not set")
    told = _docker(machine, "info", "--format", "{{json .DriverStatus}}")
    if not told.good or _WHOLE in told.said:
        return _none("the image store takes whole archives only" if told.good else told.why())
    listed = _docker(machine, "image", "ls", "--quiet", "--no-trunc")
    names = list(dict.fromkeys(listed.said.split()))[:_MOST_IMAGES] if listed.good else []
    if not names:
        return _none("there is no image here" if listed.good else listed.why())
    shown = _docker(machine, "image", "inspect", "--format", "{{json .RootFS.Layers}}", "--", *names)
    # One that was removed meanwhile makes it fail, and the others are printed all the same.
    found = [json.loads(line) for line in shown.said.splitlines() if line.startswith("[")]
    if not found:
        return _none(shown.why())
    return {"layers": found, "text": f"the layers of {len(found)} images are here, and need not be sent"}


def _none(why: str) -> dict[str, Any]:
    return {"layers": [], "text": f"archives have to come whole: {why}"}


def verify(machine: Machine, images: dict[str, str]) -> None:
    """Trouble unless docker has every image under its digest; it computes digests itself when an image comes in."""
    for service, image in images.items():
        shown = _docker(machine, "image", "inspect", "--format", "{{.Id}} {{json .RepoDigests}}", "--", image)
        if not shown.good and "o such image" not in shown.said:
            raise Trouble(
                f"docker cannot be asked for {service}: {shown.why()}",
                "docker is down, or this user may not use it",
                "`docker info` as this user; then run `slots receive` again",
                UNKNOWN,
            )
        if not shown.good or image.rpartition("@")[2] not in shown.said:
            raise Trouble(
                f"{service} is not here as {image[:120]}",
                "the archive holds another build, or the manifest names a registry's digest for a loaded image",
                "for loaded images the manifest names `docker image inspect -f '{{.Id}}'`, for pulled ones name@digest",
            )


def remove(machine: Machine, release: str, kept: Collection[str]) -> None:
    """Remove a release's images, but none that another release which is kept has too; docker keeps what is in use."""
    others = {one.rpartition("@")[2] for other in kept for one in digests(machine, other).values()}
    for service, image in digests(machine, release).items():
        if image.rpartition("@")[2] in others:
            continue
        ended = _docker(machine, "image", "rm", "--", image)
        if not ended.good and "o such image" not in ended.said:
            machine.say(f"the image of {service} in {release[:12]} stays: {ended.why()}")


def _docker(machine: Machine, *words: str) -> Ended:
    argv = [*machine.settings.commands.docker, *words]
    return run(argv, _SECONDS, machine.log_file("docker"), most=_MOST_BYTES)
