"""A server of single connections that misbehaves as it is told; for faults that no real server can be asked for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Talk = Callable[[socket.socket, threading.Event], None]


@contextmanager
def listening(talk: Talk) -> Iterator[int]:
    """Do to each connection what `talk` says, one after the other, until the block is left; yields the port.

    `talk` gets the connection and an event that is set when the server is to end.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            while not over.is_set():
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    talk(connection, over)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        over.set()
        # Wakes the accept: closing a listener from another thread does not.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()
