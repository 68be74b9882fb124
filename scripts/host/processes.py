"""Processes by an identity that is not used twice, and commands that are bounded in time and output."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from host.clock import Clock
from host.files import append_to, tail_of

_KEPT = 1024 * 1024
PDEATHSIG = 1
_HARMLESS = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "DOCKER_HOST", "DOCKER_CONFIG"),
    *("XDG_RUNTIME_DIR", "PGSERVICEFILE", "PGPASSFILE", "DBUS_SESSION_BUS_ADDRESS"),
)


def myself(clock: Clock) -> str:
    """This process: boot, number, start time."""
    return f"{clock.boot_id()}:{os.getpid()}:{_start_time(os.getpid())}"


def is_alive(identity: str, clock: Clock) -> bool:
    """Whether the process of that identity still runs; a number used again is another process, a zombie is dead."""
    boot, _, rest = identity.partition(":")
    number, _, started = rest.partition(":")
    return boot == clock.boot_id() and number.isdigit() and bool(started) and _start_time(int(number)) == started


def _start_time(number: int) -> str:
    try:
        # Field 3 is the state, field 22 the start time (proc_pid_stat(5)); the name before may hold anything.
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (None: out of time), seconds, and the last of what it printed."""

    code: int | None
    seconds: float
    said: str

    @property
    def good(self) -> bool:
        """Exit code 0, in time."""
        return self.code == 0

    def why(self) -> str:
        """For a message."""
        last = " | ".join(self.said.strip().splitlines()[-5:])[-600:] or "it printed nothing"
        ended = "did not end in time and was stopped" if self.code is None else f"ended with {self.code}"
        return f"{ended} after {self.seconds:.1f} s: {last}"


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a command sees: an allow-list, and what it is given."""
    found = {name: os.environ[name] for name in _HARMLESS if name in os.environ}
    found.setdefault("PATH", os.defpath)
    return {**found, **(extra or {})}


def run(
    argv: Sequence[str],
    seconds: float,
    log: Path,
    env: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    errors: Path | None = None,
    most: int = 64 * 1024,
) -> Ended:
    """Run a command to its end; its group is killed when the time is over.

    It prints into a file, not a pipe: a program that it leaves in the background would keep a pipe open for ever.
    With `errors` standard error goes there, and is said only when the command failed.
    Of what it prints the last `most` bytes are kept in memory.
    """
    begun = time.monotonic()
    for path in (log, errors or log):
        with suppress(OSError):
            if path.stat().st_size > _KEPT:
                path.replace(path.with_name(f"{path.name}.1"))
    with append_to(log) as out, append_to(errors or log) as err:
        start, start_errors = out.tell(), err.tell()
        try:
            child = subprocess.Popen(
                list(argv),
                stdin=stdin,
                stdout=out,
                stderr=err if errors else subprocess.STDOUT,
                env=environment(env),
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call; no thread is alive here
            )
        except (OSError, ValueError) as fault:  # ValueError: a NUL in a word
            return Ended(127, 0.0, f"{argv[0]}: {getattr(fault, 'strerror', '') or fault}")
        code = _wait(child, seconds)
    said = _since(log, start, most)
    if errors and code != 0:
        said += _since(errors, start_errors, most)
    return Ended(code, time.monotonic() - begun, said)


class Aside:
    """Commands that nobody waits for: a few at once, each ended after its time; `tend` must be called now and then."""

    def __init__(self, seconds: float, most: int = 4) -> None:
        """How long one may take, and how many may run at once."""
        self.seconds, self.most = seconds, most
        self.running: list[tuple[subprocess.Popen[bytes], float]] = []

    def start(self, argv: Sequence[str], log: Path) -> bool:
        """Begin one; False when it could not be begun, or too many run still."""
        self.tend()
        if len(self.running) >= self.most:
            return False
        try:
            with append_to(log) as out:
                child = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=environment(),
                    start_new_session=True,
                )
        except (OSError, ValueError):
            return False
        self.running.append((child, time.monotonic() + self.seconds))
        return True

    def tend(self) -> None:
        """Take away what has ended, end what takes too long."""
        for child, until in self.running:
            if child.poll() is None and time.monotonic() >= until:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
        self.running = [one for one in self.running if one[0].poll() is None]


def _wait(child: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return None


def _since(log: Path, start: int, most: int) -> str:
    with suppress(OSError), log.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(start, size - most))
        return stream.read(most).decode(errors="replace")
    return tail_of(log)


def _die_with_parent() -> None:
    # A command must not go on when this program is killed: the next one undoes what it was doing.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGKILL, 0, 0, 0)
