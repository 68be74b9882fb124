"""A private ssh-agent: it holds the one key for a bounded time, and dies with us. The key is in no file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy_gate import process
from deploy_gate.descendants import die_with_parent_always
from deploy_gate.result import CouldNotTell, one_line
from deploy_gate.ssh.key import VARIABLE
from deploy_gate.ssh.wait import first_line

# Never a question: whatever would ask for a passphrase gets none.
SILENT = {"SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": "none", "SHELL": "/bin/sh"}


@contextmanager
def holding(key: bytes, folder: Path, *, lifetime: int, lock: int) -> Iterator[Path]:
    """The socket of an agent that knows `key`; it is ended when the block is left, or with this process."""
    path = folder / "agent"
    child = start(["ssh-agent", "-D", "-a", str(path), "-t", str(lifetime)], lock)
    try:
        if "SSH_AUTH_SOCK" not in first_line(child, 10):
            raise CouldNotTell("ssh-agent did not come up", "install openssh-client 8.4 or newer on the runner")
        add = process.run(["ssh-add", "-q", "-"], timeout=10, env={"SSH_AUTH_SOCK": str(path), **SILENT}, stdin=key)
        if add.code:
            # What ssh-add says names a file at most, never the key.
            found = f"the key in {VARIABLE} cannot be used: {one_line(add.err, 160) or 'ssh-add refused it'}"
            raise CouldNotTell(found, "store the whole private key file, with its line breaks, as that secret")
        yield path
    finally:
        end(child)


def start(argv: list[str], lock: int) -> subprocess.Popen[bytes]:
    """Start a program of OpenSSH that stays; `lock` keeps its folder from being swept away while it lives."""
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**process.allowed_environment(), **SILENT, "LC_ALL": "C"},
            process_group=0,
            pass_fds=(lock,),
            # Two system calls; nothing here holds a lock that the child could wait for.
            preexec_fn=die_with_parent_always,  # noqa: PLW1509
        )
    except OSError as fault:
        raise CouldNotTell(
            f"{argv[0]} cannot be started: {os.strerror(fault.errno or 0)}", "install openssh-client on the runner"
        ) from None


def end(child: subprocess.Popen[bytes]) -> None:
    """End it for certain."""
    child.terminate()
    try:
        child.wait(2)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    process.kill_group(child.pid)
    for stream in (child.stdout, child.stderr):
        if stream:
            stream.close()
