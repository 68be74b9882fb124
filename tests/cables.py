"""A way to a server that can be cut: what is open breaks off, what comes is turned away, until it is mended."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread

from tls_doors import pump


class Cable:
    """From a free port of loopback to another port."""

    def __init__(self, goal: int) -> None:
        self.goal, self._whole, self._lock = goal, True, Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def address(self, url: str) -> str:
        """The same URL, by this way."""
        return url.replace(f"127.0.0.1:{self.goal}", f"127.0.0.1:{self.port}")

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Nothing passes until the block is left."""
        self._break()
        try:
            yield
        finally:
            with self._lock:
                self._whole = True

    def close(self) -> None:
        self._break()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _break(self) -> None:
        with self._lock:
            self._whole = False
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                outside, _ = self._listener.accept()
                Thread(target=self._carry, args=(outside,), daemon=True).start()

    def _carry(self, outside: socket.socket) -> None:
        with suppress(OSError), outside, socket.create_connection(("127.0.0.1", self.goal), 20) as inside:
            inside.settimeout(None)
            both = {outside, inside}
            with self._lock:
                if not self._whole:
                    return
                self._open |= both
            back = Thread(target=pump, args=(inside, outside), daemon=True)
            back.start()
            pump(outside, inside)
            back.join()
            with self._lock:
                self._open -= both


@contextmanager
def cable(goal: int) -> Iterator[Cable]:
    """One, until the block is left."""
    found = Cable(goal)
    try:
        yield found
    finally:
        found.close()
