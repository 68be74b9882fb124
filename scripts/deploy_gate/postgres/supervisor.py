"""Keeps one scratch PostgreSQL for as long as its parent holds a pipe: then the server and its folder are gone.

Run as a file by an interpreter of its own (standard library only): `supervisor.py FOLDER PROGRAMS USER LOCK`, USER
empty to stay who we are, LOCK the descriptor of the folder's lock. Says one line of JSON when the server is ready, or
why it is not. It is a session of its own, so that no signal meant for the parent's group ends it before its work; if it
is killed nevertheless, the kernel ends the server with it (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_REMEMBERED = 20_000
_READY = b"ready to accept connections"
_PATIENCE_MILLISECONDS = 10_000
# Nothing here outlives the process: no durability, little memory, and no background work that could disturb a reading.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "32MB",
    "max_connections": "40",
    "dynamic_shared_memory_type": "mmap",  # files in the folder, gone with it even after a kill
    "log_min_messages": "log",
    "lc_messages": "C",
    "timezone": "UTC",
}


class Stopped(Exception):
    """The parent is gone, or wants the end."""


class Failed(Exception):
    """The server cannot be had; the text is for people."""


class Child:
    """A program of PostgreSQL whose output is read for as long as it runs, since a full pipe would stop it."""

    def __init__(self, argv: list[str], user: int | None, lock: int) -> None:
        self.said = b""
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"LC_ALL": "C.UTF-8", "PATH": os.defpath, "TZ": "UTC"},
            cwd="/",
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
            process_group=0,
            pass_fds=(lock,),
            preexec_fn=_die_with_us,  # noqa: PLW1509 - one system call, no lock
        )
        self.ended = os.pidfd_open(self.process.pid)

    def watch(self, until: bytes | None) -> None:
        """Return once it says `until`, or has ended; Stopped when the parent's pipe closes first."""
        output = self.process.stdout.fileno() if self.process.stdout else -1
        poll = select.poll()
        for descriptor in (0, output, self.ended):
            poll.register(descriptor, select.POLLIN)
        while until is None or until not in self.said:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if 0 in ready and not os.read(0, 4096):
                raise Stopped
            if output in ready:
                data = os.read(output, 65536)
                self.said = (self.said + data)[-_REMEMBERED:]
                if not data:
                    poll.unregister(output)
            elif self.ended in ready:
                return

    def end(self) -> None:
        """Immediate shutdown, since nothing in there is kept; the signal that nothing survives if that takes long."""
        self.process.send_signal(signal.SIGQUIT)
        poll = select.poll()
        poll.register(self.ended, select.POLLIN)
        if not poll.poll(_PATIENCE_MILLISECONDS):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _die_with_us() -> None:
    # SIGQUIT lets the server end its backends and give its shared memory back.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)


def _stop(*_: object) -> None:
    raise Stopped


def _say(**answer: object) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")


def _serve(folder: str, programs: str, user: int | None, lock: int) -> None:
    data = os.path.join(folder, "data")  # noqa: PTH118 - pathlib costs a tenth of this process's start
    command = [f"{programs}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    made = Child([*command, "--no-instructions", "--locale=C.UTF-8"], user, lock)
    try:
        made.watch(None)
    except Stopped:
        made.process.kill()
        made.process.wait()
        raise
    if made.process.wait():
        raise Failed(f"initdb failed: {_words(made)}")
    settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
    server = Child([f"{programs}/postgres", "-D", data, "-k", folder, *settings], user, lock)
    try:
        server.watch(_READY)
        if _READY not in server.said:
            raise Failed(f"postgres did not start: {_words(server)}")
        _say(ready=server.process.pid)
        server.watch(None)
    finally:
        server.end()


def _words(child: Child) -> str:
    lines = child.said.decode(errors="replace").strip().splitlines()[-3:]
    return " | ".join(lines)[-400:] or "it printed nothing"


def main() -> None:
    """Start, wait, clean up; whatever happens, the folder goes."""
    folder, programs, user, lock = sys.argv[1:]
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        _serve(folder, programs, int(user) if user else None, int(lock))
    except Stopped:
        return
    except (Failed, OSError, subprocess.SubprocessError) as fault:
        with suppress(OSError):
            _say(failed=str(fault))
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
