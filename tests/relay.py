"""Hands connections on, from one place to another: ``relay.py tcp:PORT unix:PATH``; a socket file reaches every namespace."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(where: str) -> Pair:
    kind, _, place = where.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(place)
    return await asyncio.open_connection("127.0.0.1", int(place))


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.close()


async def main(here: str, there: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            other_reader, other_writer = await connect(there)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pour(reader, other_writer), pour(other_reader, writer))

    kind, _, place = here.partition(":")
    if kind == "unix":
        server = await asyncio.start_unix_server(serve, place)
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", int(place))
    print("relaying", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
