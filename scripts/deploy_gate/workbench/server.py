"""A server that a demonstration or a test starts: on loopback, waited for by what it says, and ended for certain."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy_gate import process
from deploy_gate.descendants import die_with_parent
from deploy_gate.result import CouldNotTell, one_line

_REMEMBERED = 20_000


@contextmanager
def running(
    argv: Sequence[str | Path],
    ready: str,
    *,
    env: Mapping[str, str] | None = None,
    user: int | None = None,
    timeout: float = 60,
) -> Iterator[re.Match[str]]:
    """Start a server and yield the match of `ready` in what it prints; it is ended when the block is left.

    `user` is the numeric user to run as. CouldNotTell when it ends early or says nothing in time.
    """
    child = subprocess.Popen(
        [str(one) for one in argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**process.allowed_environment(), **(env or {})},
        user=user,
        group=user,
        extra_groups=[] if user is not None else None,
        process_group=0,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
    )
    listener = _Listener(child, re.compile(ready))
    try:
        yield listener.wait(timeout)
    finally:
        _end(child)
        listener.thread.join()


class _Listener:
    """Reads what a server prints for as long as it runs, since a full pipe would stop it."""

    def __init__(self, child: subprocess.Popen[bytes], ready: re.Pattern[str]) -> None:
        self.child, self.ready, self.said = child, ready, ""
        self.found: re.Match[str] | None = None
        self.told = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self) -> None:
        if self.child.stdout is None:
            raise AssertionError
        with self.child.stdout as stream:
            for line in stream:
                if self.found is None:
                    self.said = (self.said + line.decode(errors="replace"))[-_REMEMBERED:]
                    self.found = self.ready.search(self.said)
                if self.found:
                    self.told.set()
        self.told.set()

    def wait(self, timeout: float) -> re.Match[str]:
        self.told.wait(timeout)
        if self.found:
            return self.found
        name = Path(self.child.args[0] if isinstance(self.child.args, list) else "server").name
        said = one_line(self.said[-400:]) or "nothing"
        raise CouldNotTell(f"{name} did not come up, it said: {said}", f"start {name} by hand and read what it says")


def _end(child: subprocess.Popen[bytes], patience: float = 10) -> None:
    child.terminate()
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    process.kill_group(child.pid)


def free_port() -> int:
    """A port of 127.0.0.1 that is free now, for servers that cannot choose one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
