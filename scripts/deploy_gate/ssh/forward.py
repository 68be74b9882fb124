"""A port of the server's own loopback, reached through the connection that is open already."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from deploy_gate import process
from deploy_gate.result import CouldNotTell
from deploy_gate.ssh import agent
from deploy_gate.ssh.client import Connection

_ATTEMPTS = 5
_SECONDS = 20.0
# The connection's own option would clear what is asked for here, too.
_CLEARED = ("-o", "ClearAllForwardings=yes")


@contextmanager
def forwarded(connection: Connection, port: int) -> Iterator[int]:
    """The port here that leads to `port` there, until the block is left; CouldNotTell when it leads nowhere."""
    here = _opened(connection, port)
    try:
        _leads(connection, here, port)
        yield here
    finally:
        _ask(connection, "cancel", here, port)


def _opened(connection: Connection, port: int) -> int:
    said = ""
    for _ in range(_ATTEMPTS):
        here = _free()
        done = _ask(connection, "forward", here, port)
        if done.code == 0:
            return here
        said = done.last_words()  # somebody may have taken that port between the two lines
    raise CouldNotTell(
        f"no port of this machine could be led to {connection.address}: {said}",
        "see whether this runner's ssh may listen on 127.0.0.1",
    )


def _ask(connection: Connection, what: str, here: int, port: int) -> process.Finished:
    way = f"127.0.0.1:{here}:127.0.0.1:{port}"
    options = list(connection.options)
    place = options.index(_CLEARED[1])
    kept = options[: place - 1] + options[place + 1 :]
    argv = ["ssh", *kept, "-O", what, "-L", way, "--", connection.address.name]
    return process.run(argv, timeout=_SECONDS, env={**agent.SILENT, "LC_ALL": "C"})


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _leads(connection: Connection, here: int, port: int) -> None:
    """An ssh server that forwards nothing takes the connection and closes it: whoever asks must hear why."""
    try:
        with socket.create_connection(("127.0.0.1", here), timeout=_SECONDS) as one:
            one.sendall(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            answered = bool(one.recv(1))
    except OSError:
        answered = False
    if not answered:
        raise CouldNotTell(
            f"port {port} of {connection.address} does not answer through SSH",
            f"let this key forward to it: `AllowTcpForwarding local` and `PermitOpen 127.0.0.1:{port}` of sshd_config, "
            "no `restrict` in authorized_keys; or leave the look at the idle slot out (`idle-slot: false`)",
        )
