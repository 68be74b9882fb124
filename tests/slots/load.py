"""Steady load on loopback in a thread of its own: every failed request is counted, none is tried again."""

from __future__ import annotations

import asyncio
import base64
import collections
import hashlib
import json
import os
import threading
from types import TracebackType

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Failed(Exception):
    """One request that was not answered as it should be."""


def expected(good: bool, text: str) -> None:
    """A condition of a good answer."""
    if not good:
        raise Failed(text)


class Load:
    """Keep-alive, new connections, slow requests in flight, POSTs and WebSockets, until the block is left."""

    def __init__(self, port: int, scale: int = 1, *, sockets: int = 2) -> None:
        self.port, self.scale, self.sockets = port, scale, sockets
        self.sent: collections.Counter[str] = collections.Counter()
        self.failed: collections.Counter[str] = collections.Counter()
        self.slots: collections.Counter[str] = collections.Counter()
        self.seconds: list[tuple[str, float, float]] = []
        self.over = False
        self.thread = threading.Thread(target=lambda: asyncio.run(self.main()))

    def __enter__(self) -> Load:
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.over = True
        self.thread.join()

    @property
    def total(self) -> int:
        return sum(self.sent.values())

    async def main(self) -> None:
        tasks = [self.kept(0.02) for _ in range(3 * self.scale)] + [self.fresh(0.04) for _ in range(2 * self.scale)]
        tasks += [self.slow(0.7) for _ in range(4 * self.scale)] + [self.post(0.08) for _ in range(2 * self.scale)]
        await asyncio.gather(*tasks, *(self.websocket() for _ in range(self.sockets)))

    async def kept(self, pause: float) -> None:
        connection: Connection | None = None
        while not self.over:
            if connection and (connection[0].at_eof() or connection[1].is_closing()):
                connection[1].close()
                connection = None
            connection = await self.one("keep-alive", "GET", "/", connection, keep=True)
            await asyncio.sleep(pause)
        if connection:
            connection[1].close()

    async def fresh(self, pause: float) -> None:
        while not self.over:
            await self.one("new", "GET", "/", None)
            await asyncio.sleep(pause)

    async def slow(self, seconds: float) -> None:
        while not self.over:
            await self.one("slow", "GET", f"/slow?s={seconds}", None)

    async def post(self, pause: float) -> None:
        while not self.over:
            await self.one("post", "POST", "/orders", None, os.urandom(20_000))
            await asyncio.sleep(pause)

    async def one(
        self, kind: str, method: str, path: str, given: Connection | None, body: bytes = b"", *, keep: bool = False
    ) -> Connection | None:
        """One request, one verdict."""
        self.sent[kind] += 1
        connection = given
        begun = asyncio.get_running_loop().time()
        try:
            if connection is None:
                connection = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), 60)
            data, last = await asyncio.wait_for(self.exchange(connection, method, path, body, keep=keep), 60)
            expected(not body or data.get("sha256") == hashlib.sha256(body).hexdigest(), "wrong body")
            self.slots[str(data.get("slot"))] += 1
            self.seconds.append((kind, begun, asyncio.get_running_loop().time() - begun))
        except (TimeoutError, Failed, OSError, asyncio.IncompleteReadError) as fault:
            told = "reused" if given else "first"
            self.failed[f"{kind}: {type(fault).__name__} {fault} ({told})"[:120]] += 1
            last = True
        if connection and (last or not keep):
            connection[1].close()
            return None
        return connection

    async def exchange(
        self, connection: Connection, method: str, path: str, body: bytes, *, keep: bool
    ) -> tuple[dict[str, object], bool]:
        reader, writer = connection
        head = f"{method} {path} HTTP/1.1\r\nHost: shop.example\r\n"
        head += "" if keep else "Connection: close\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n" if body else "\r\n"
        half = len(body) // 2
        writer.write(head.encode() + body[:half])
        await writer.drain()
        if body:
            await asyncio.sleep(0.05)
            writer.write(body[half:])
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = {key.lower(): value.strip() for key, _, value in (x.partition(":") for x in answer.split("\r\n")[1:])}
        text = await reader.readexactly(int(headers.get("content-length", 0)))
        if not answer.startswith("HTTP/1.1 200"):
            raise Failed(answer.split("\r\n")[0])
        return json.loads(text), headers.get("connection") == "close"

    async def websocket(self) -> None:
        """One that stays open over every switch. It may end only with its slot, and then begins anew."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: shop.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        try:
            while not self.over:
                self.sent["websocket"] += 1
                writer.write(bytes((0x81, 0x84)) + b"\0\0\0\0" + b"ping")
                echo = await asyncio.wait_for(reader.readexactly(6), 60)
                expected(echo == b"\x81\x04ping", "wrong echo")
                await asyncio.sleep(0.1)
        except (TimeoutError, Failed, OSError, asyncio.IncompleteReadError) as fault:
            self.failed[f"websocket: {type(fault).__name__}"] += 1
        writer.close()
