"""The docker client as the checks use it: bounded, and CouldNotTell for a daemon that does not answer."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from deploy_gate import process
from deploy_gate.descendants import die_with_parent
from deploy_gate.process import Finished
from deploy_gate.result import CouldNotTell, brief, one_line

READS = ("DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_BUILDKIT")
"""What decides which daemon is asked, and with which builder."""
_TIMEOUT = 60.0
_DOWN = "run this job where docker runs (GitHub's own Linux runners have it), or start the daemon"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,400}")


def docker(*args: str, timeout: float = _TIMEOUT, stdin: bytes = b"") -> Finished:
    """Run the client, whatever comes of it."""
    return process.run(["docker", *args], timeout=timeout, pass_env=READS, stdin=stdin)


def daemon() -> str:
    """The version of the daemon that answers; CouldNotTell when none does: nothing is passed that was not seen."""
    try:
        done = docker("version", "--format", "{{.Server.Version}}")
    except CouldNotTell as fault:
        raise CouldNotTell(f"no docker here: {fault.found}", _DOWN) from None
    if done.code or not done.out.strip():
        raise CouldNotTell(f"no docker daemon answers: {done.last_words(1)}", _DOWN)
    return one_line(done.out, 40)


def inspect(reference: str) -> dict[str, Any] | None:
    """What the daemon knows of an image; None when it has none of that name."""
    if not _NAME.fullmatch(reference):
        found = f"{brief(reference, 100) or 'an empty text'} is no name of an image"
        raise CouldNotTell(found, "correct `image` in the compose file; a variable in it may be empty")
    done = docker("image", "inspect", "--", reference)
    if done.code:
        if "No such image" in done.err or "not found" in done.err.lower():
            return None
        raise CouldNotTell(f"docker image inspect failed: {done.last_words(1)}", _DOWN)
    return dict(_json(done.out, "image inspect")[0])


def history(reference: str) -> list[tuple[int, str]]:
    """Size and instruction of each layer, the lowest first."""
    words = ("history", "--no-trunc", "--human=false", "--format", "{{json .}}", "--", reference)
    done = docker(*words)
    if done.code:
        raise CouldNotTell(f"docker history failed: {done.last_words(1)}", _DOWN)
    entries = [_json(line, "history") for line in done.out.splitlines() if line.strip()]
    return [(int(one.get("Size") or 0), str(one.get("CreatedBy", ""))) for one in reversed(entries)]


@contextmanager
def saved(image: str) -> Iterator[IO[bytes]]:
    """`docker save` as a stream; CouldNotTell when it does not end well, because then some of it was not seen."""
    environment = process.allowed_environment(READS)
    program = shutil.which("docker", path=environment.get("PATH", os.defpath))
    if program is None:
        raise CouldNotTell("no docker here: there is no client", _DOWN)
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [program, "save", "--", image],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            process_group=0,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, and nothing here holds a lock
        )
        stream = cast("IO[bytes]", child.stdout)
        try:
            yield stream
            while stream.read(1 << 20):
                pass
            if child.wait(_TIMEOUT):
                said.seek(0)
                raise CouldNotTell(f"docker save failed: {one_line(said.read(4000).decode(errors='replace'))}", _DOWN)
        finally:
            process.kill_group(child.pid)
            child.wait()
            stream.close()


def compose() -> str:
    """The version of `docker compose`; empty where there is none."""
    try:
        done = docker("compose", "version", "--short")
    except CouldNotTell:
        return ""
    found = done.out.strip().removeprefix("v")
    return found if done.code == 0 and re.match(r"[2-9]\d*\.", found) else ""


def resolve(files: Sequence[Path], environment: dict[str, str]) -> dict[str, Any]:
    """The model that `docker compose config` makes of the files, every profile included."""
    named = [word for path in files for word in ("--file", str(path))]
    argv = ["docker", "compose", *named, "--profile", "*", "config", "--format", "json"]
    done = process.run(argv, timeout=_TIMEOUT, pass_env=READS, env=environment)
    if done.code:
        fix = "correct the compose file; run `docker compose config` by hand"
        raise CouldNotTell(f"docker compose refuses the file: {done.last_words(1)}", fix)
    return dict(_json(done.out, "compose config"))


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise CouldNotTell(f"docker {what} gave no JSON: {brief(text)}", "look at this docker by hand") from None
