"""TLS in front of a port, as a proxy before an application has it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import trustme


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for one in (source, sink):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def connect(outside: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with (
        suppress(OSError),
        socket.create_connection(("127.0.0.1", port)) as inside,
        context.wrap_socket(outside, server_side=True) as secure,
    ):
        back = Thread(target=pump, args=(inside, secure), daemon=True)
        back.start()
        pump(secure, inside)
        back.join()


@contextmanager
def tls_door(port: int, folder: Path) -> Iterator[str]:
    """TLS in front of a port, with a certificate of an authority of its own in `ca.pem`; yields the address."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                outside, _ = listener.accept()
                Thread(target=connect, args=(outside, context, port), daemon=True).start()

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()
