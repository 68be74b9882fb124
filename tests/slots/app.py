"""A small HTTP application in one process: the release that a slot runs in these tests.

``app.py start WORK SLOT PORT RELEASE`` starts it in the background, `stop.py` ends it gracefully.
What it does wrong is read from ``WORK/faults/RELEASE.json``; it ends when WORK/owner names a process that is gone.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

Headers = dict[str, str]


class App:
    """One slot."""

    def __init__(self, work: Path, slot: str, release: str) -> None:
        self.work, self.slot, self.release = work, slot, release
        self.over = asyncio.Event()
        self.busy = 0
        self.quiet = asyncio.Event()
        self.quiet.set()
        self.idle: set[asyncio.StreamWriter] = set()

    def faults(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.work / "faults" / f"{self.release}.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    async def serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.over.set)
        server = await asyncio.start_server(self.connection, sock=listener, backlog=512)
        owner = int((self.work / "owner").read_text())
        while not self.over.is_set():
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.over.wait(), 1)
            try:
                os.kill(owner, 0)
            except ProcessLookupError:
                os._exit(0)
        server.close()
        for writer in list(self.idle):
            writer.close()
        await self.quiet.wait()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while not self.over.is_set():
                self.idle.add(writer)
                head = await reader.readuntil(b"\r\n\r\n")
                self.idle.discard(writer)
                self.busy += 1
                self.quiet.clear()
                try:
                    if not await self.request(head, reader, writer):
                        break
                finally:
                    self.busy -= 1
                    if not self.busy:
                        self.quiet.set()
        self.idle.discard(writer)
        writer.close()

    async def request(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        line, *rest = head.decode("latin-1").split("\r\n")
        _, path, version = line.split()
        headers = {key.lower(): value.strip() for key, _, value in (one.partition(":") for one in rest if one)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("upgrade", "").lower() == "websocket":
            # Not waited for at the end: what is open then is closed.
            self.busy -= 1
            self.idle.add(writer)
            try:
                await self.websocket(headers, reader, writer)
            finally:
                self.busy += 1
            return False
        status, answer = await self.answer(path, body)
        keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close" and not self.over.is_set()
        text = json.dumps(answer).encode()
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
            f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n".encode()
            + text
        )
        await writer.drain()
        return keep

    async def answer(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        faults = self.faults()
        told: dict[str, Any] = {"slot": self.slot, "release": faults.get("release", self.release)}
        if path == faults.get("unnamed"):
            del told["release"]
        told["environment"] = faults.get("environment", "production")
        if path.startswith("/slow"):
            await asyncio.sleep(float(path.partition("=")[2] or 1))
        if path.startswith("/health"):
            await asyncio.sleep(faults.get("delay", 0))
            return int(faults.get("live" if path == "/health/live" else "ready", 200)), told
        if body:
            told["sha256"] = hashlib.sha256(body).hexdigest()
        return int(faults.get("status", 200)), told

    async def websocket(self, headers: Headers, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Echo of short masked text frames."""
        key = headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        writer.write(
            f"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        while not self.over.is_set():
            first, length = await reader.readexactly(2)
            mask = await reader.readexactly(4)
            data = await reader.readexactly(length & 127)
            if first & 15 == 8:
                return
            text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
            writer.write(bytes((0x81, len(text))) + text)
            await writer.drain()


def start(work: Path, slot: str, port: int, release: str) -> int:
    """Listen, go into the background, return: the start command of a slot."""
    app = App(work, slot, release)
    print(f"{slot}: starting {release} on {port}", flush=True)
    if app.faults().get("crash"):
        print("Traceback: no such table: orders", flush=True)
        return 0
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    child = os.fork()
    if child:
        (work / f"{slot}.pid").write_text(str(child))
        return 0
    os.setsid()
    asyncio.run(app.serve(listener))
    os._exit(0)


if __name__ == "__main__":
    _, _, work, slot, port, release = sys.argv
    sys.exit(start(Path(work), slot, int(port), release))
