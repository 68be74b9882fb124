"""What runs in the containers of these tests: tells slot and release, ends gracefully, or does not come up.

Standard library only. The release stands in the image, so that an answer proves which image it is.
"""

from __future__ import annotations

import json
import os
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """The health document, for every path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        told = {"slot": os.environ.get("SLOT", ""), "release": os.environ["BUILT"], "environment": "production"}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """A look is nothing to write down."""


def main() -> None:
    print(f"starting {os.environ['BUILT']}", flush=True)
    if os.environ.get("BROKEN"):
        raise RuntimeError(os.environ["BROKEN"])
    server = ThreadingHTTPServer(("0.0.0.0", 8000), Handler)
    signal.signal(signal.SIGTERM, lambda *_: Thread(target=server.shutdown).start())
    server.serve_forever()


if __name__ == "__main__":
    main()
