"""Running other programs: bounded in time and output, with an environment that is an allow-list."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deploy_gate.descendants import die_with_parent
from deploy_gate.result import CouldNotTell, one_line

MAX_OUTPUT = 32 * 1024 * 1024
ALLOWED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "TMPDIR", "CI"),
    *("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"),  # where the project's interpreter is
    *("RUNNER_TEMP", "RUNNER_OS", "RUNNER_ARCH", "RUNNER_TOOL_CACHE", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "http_proxy", "https_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "GITHUB_ACTIONS", "GITHUB_WORKSPACE", "GITHUB_REPOSITORY"),
    *("GITHUB_REF", "GITHUB_REF_NAME", "GITHUB_SHA", "GITHUB_EVENT_NAME", "GITHUB_BASE_REF", "GITHUB_HEAD_REF"),
    *("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_SERVER_URL", "GITHUB_API_URL", "GITHUB_ACTOR"),
    *("GITHUB_TRIGGERING_ACTOR", "GITHUB_EVENT_PATH", "DOCKER_HOST"),
)


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended by itself; `out` and `err` are text, undecodable bytes replaced."""

    code: int
    out: str
    err: str
    seconds: float

    def last_words(self, lines: int = 3) -> str:
        """The last lines it printed, for a message."""
        text = self.err.strip() or self.out.strip()
        return one_line(" | ".join(text.splitlines()[-lines:]), 300) or "it printed nothing"


def allowed_environment(extra: Sequence[str] = ()) -> dict[str, str]:
    """The current environment reduced to names that are known to be harmless, plus `extra`."""
    found = {name: os.environ[name] for name in (*ALLOWED, *extra) if name in os.environ}
    if "PATH" in found:
        # A relative entry would find programs in the workspace.
        found["PATH"] = os.pathsep.join(entry for entry in found["PATH"].split(os.pathsep) if Path(entry).is_absolute())
    return found


def run(  # noqa: PLR0913 - each is a bound or a door, and all but two have a safe default
    argv: Sequence[str | Path],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    pass_env: Sequence[str] = (),
    stdin: bytes | IO[bytes] = b"",
    limit: int = MAX_OUTPUT,
    inherit: bool = True,
    errors: str = "replace",
) -> Finished:
    """Run a program to its end.

    `env` is laid over the allow-list, `pass_env` names further variables to hand through; without `inherit` the
    program sees `env` alone. `stdin` is bytes, or an open file. `errors` is how undecodable output is treated.
    CouldNotTell when it is not there, takes longer than `timeout` seconds, or prints more than `limit` bytes; its
    process group is killed.
    """
    # `python -m pytest` is pytest to whoever reads the message.
    name = str(argv[2]) if len(argv) > 2 and str(argv[1]) == "-m" else Path(argv[0]).name
    started = time.monotonic()
    try:
        child = subprocess.Popen(
            [str(one) for one in argv],
            cwd=cwd,
            env={**(allowed_environment(pass_env) if inherit else {}), **(env or {})},
            stdin=_source(stdin),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
            # One system call; nothing here holds a lock that the child could wait for.
            preexec_fn=die_with_parent,  # noqa: PLW1509
        )
    except OSError as fault:
        raise CouldNotTell(
            f"{name} cannot be started: {fault.strerror}", f"install {name}, or correct its path"
        ) from None
    try:
        with _Reader(child, stdin if isinstance(stdin, bytes) else b"", limit) as reader:
            reader.read(started + timeout)
            code = child.wait(max(started + timeout - time.monotonic(), 0.1))
    except (TimeoutError, subprocess.TimeoutExpired):
        fix = f"run {name} by hand to see what it waits for, or raise the timeout"
        raise CouldNotTell(f"{name} did not end within {timeout:g} s and was stopped", fix) from None
    except OverflowError:
        fix = f"run {name} by hand and see what it prints, or narrow its paths"
        raise CouldNotTell(f"{name} printed more than {limit // 1024 // 1024} MiB and was stopped", fix) from None
    finally:
        kill_group(child.pid)
        child.wait()
    out, err = (b"".join(reader.chunks[key]).decode(errors=errors) for key in ("out", "err"))
    return Finished(code, out, err, time.monotonic() - started)


def _source(stdin: bytes | IO[bytes]) -> int | IO[bytes]:
    if isinstance(stdin, bytes):
        return subprocess.PIPE if stdin else subprocess.DEVNULL
    return stdin


class _Reader:
    """Feeds standard input and collects both outputs until they close, or the program has ended.

    The end counts too, because a server that the program left behind would hold the pipes open for ever.
    """

    GRACE = 1.0

    def __init__(self, child: subprocess.Popen[bytes], stdin: bytes, limit: int) -> None:
        self.child, self.limit, self.unsent = child, limit, memoryview(stdin)
        self.chunks: dict[str, list[bytes]] = {"out": [], "err": []}
        self.total = 0
        self.ready = selectors.DefaultSelector()
        self.ended = os.pidfd_open(child.pid)

    def __enter__(self) -> _Reader:
        self.ready.register(self.ended, selectors.EVENT_READ, "end")
        for stream, key in ((self.child.stdout, "out"), (self.child.stderr, "err")):
            if stream:
                self.ready.register(stream, selectors.EVENT_READ, key)
        if self.child.stdin:
            os.set_blocking(self.child.stdin.fileno(), False)
            self.ready.register(self.child.stdin, selectors.EVENT_WRITE, "in")
        return self

    def __exit__(self, *_: object) -> None:
        self.ready.close()
        os.close(self.ended)
        for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
            if stream:
                stream.close()

    def read(self, deadline: float) -> None:
        """Return when all is read; TimeoutError at `deadline`, OverflowError past the limit."""
        over = False
        while self.ready.get_map():
            left = deadline - time.monotonic()
            events = self.ready.select(left) if left > 0 else []
            if not events and over:
                return
            if not events:
                raise TimeoutError
            for key, _ in events:
                if key.data == "end":
                    over = True
                    self.ready.unregister(key.fileobj)
                    kill_group(self.child.pid)
                    deadline = min(deadline, time.monotonic() + self.GRACE)
                elif key.data == "in":
                    self.feed(key.fd)
                else:
                    self.take(key)

    def take(self, key: selectors.SelectorKey) -> None:
        data = os.read(key.fd, 65536)
        self.total += len(data)
        if self.total > self.limit:
            raise OverflowError
        if data:
            self.chunks[key.data].append(data)
        else:
            self.ready.unregister(key.fileobj)

    def feed(self, descriptor: int) -> None:
        try:
            self.unsent = self.unsent[os.write(descriptor, self.unsent[:65536]) :]
        except BrokenPipeError:
            self.unsent = self.unsent[:0]
        if not self.unsent and self.child.stdin:
            self.ready.unregister(self.child.stdin)
            self.child.stdin.close()


def kill_group(group: int) -> None:
    """SIGKILL to a process group; nothing happens when it is gone."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
