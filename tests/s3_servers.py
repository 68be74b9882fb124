"""S3 servers for tests: real ones on loopback (rclone, moto), and one that gives everybody the same answer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

KEY, SECRET = "loopback-key", "loopback-secret-of-no-use"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def set_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the servers here, and nothing of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)


class Rclone:
    """An S3 server over a folder: it checks signatures, and an object's time stamp is its file's."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def store(self, key: str, age: timedelta = MINUTE, size: int = 5000, bucket: str = "backups") -> str:
        """A backup of that age."""
        return self.put(key, b"x" * size, age, bucket)

    def put(self, key: str, content: bytes, age: timedelta = MINUTE, bucket: str = "backups") -> str:
        """An object of that content and age."""
        path = self.folder / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        when = (datetime.now(UTC) - age).timestamp()
        os.utime(path, (when, when))
        return key


@contextmanager
def rclone(folder: Path) -> Iterator[Rclone]:
    """A running server over a folder."""
    program = Path(sys.executable).with_name("rclone")
    argv = [program if program.exists() else "rclone", "serve", "s3", folder, "--addr", "127.0.0.1:0"]
    more = ["--auth-key", f"{KEY},{SECRET}", "--dir-cache-time", "0s", "--config", os.devnull]
    with subprocess.Popen([*argv, *more], stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr
        try:
            url = next(match[1] for line in child.stderr if (match := re.search(r"(http://127\.0\.0\.1:\d+)", line)))
            reader = threading.Thread(target=child.stderr.read)
            reader.start()
            yield Rclone(folder, url)
        finally:
            child.terminate()
            child.wait(10)
            reader.join(10)


@contextmanager
def moto() -> Iterator[str]:
    """A server that knows accounts, versions, storage classes and encryption; its endpoint."""
    from moto.server import ThreadedMotoServer

    service = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    service.start()
    host, port = service.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        service.stop()


@contextmanager
def answering(status: int, body: str, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """A server that says the same to everybody; its endpoint, and the paths it was asked for."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body.encode())), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_HEAD = do_GET  # noqa: N815 - names that the base class looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
