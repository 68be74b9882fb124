"""A front door on loopback: HTTPS with a certificate made on the spot by an authority made on the spot."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from deploy_gate import bootstrap


@dataclass(frozen=True, slots=True)
class Front:
    """Where it answers, and the authority's certificate that a client has to trust."""

    url: str
    authority: Path


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer every path the same."""
        body = b"the shop is open\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Nothing: the table is the demonstration's only output."""


@contextmanager
def https(folder: Path, lock: str = "demo") -> Iterator[Front]:
    """Serve until the block is left."""
    bootstrap.add(lock)
    import trustme

    folder.mkdir()
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = datetime.now(UTC) + timedelta(days=90, hours=1)
    authority.issue_cert("127.0.0.1", "localhost", not_after=ends).configure_cert(context)
    trusted = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Front(f"https://127.0.0.1:{server.server_address[1]}", trusted)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
