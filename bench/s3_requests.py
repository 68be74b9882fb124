"""How many list requests `backup-freshness` needs as a bucket grows. Goal: constant, at most 3.

    python3 bench/s3_requests.py [most keys, default 1000000]

The bucket is made up on the fly by a server on loopback that speaks enough of
ListObjectsV2 (prefix, start-after, continuation-token, max-keys), one backup every five minutes and the last one five
minutes old; so a million keys cost no memory, and are over nine years of backups.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, overload
from urllib.parse import parse_qs, quote, urlsplit

STEP = timedelta(minutes=5)
PAGE = 1000
LAYOUTS = {
    "key-pattern": ("erp/erp-%Y%m%dT%H%M%SZ.dump", {"prefix": "erp/", "key-pattern": "erp-%Y%m%dT%H%M%SZ.dump"}),
    "partitions": ("erp/%Y/%m/%d/%H/%M%S.dump", {"prefix": "erp/%Y/%m/%d/%H/"}),
}


class Keys(Sequence[str]):
    """The keys of a bucket in order, made when they are asked for: the last one stands for `newest`."""

    def __init__(self, layout: str, count: int, newest: datetime, step: timedelta = STEP) -> None:
        self.layout, self.total, self.newest, self.step = layout, count, newest, step

    def __len__(self) -> int:
        return self.total

    def time(self, index: int) -> datetime:
        """When the object of that number was stored."""
        return self.newest - (self.total - 1 - index) * self.step

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(self.total))]
        if not 0 <= index < self.total:
            raise IndexError(index)
        return self.time(index).strftime(self.layout)


class Listing(ThreadingHTTPServer):
    """An S3 server with one bucket of made-up keys; it counts its list requests."""

    daemon_threads = True
    keys: Keys
    requests: int
    ahead: timedelta

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, query: dict[str, str]) -> str:
        """One page as XML; a continuation token is the last key given out."""
        self.requests += 1
        prefix = query.get("prefix", "")
        after = query.get("continuation-token") or query.get("start-after", "")
        first = max(bisect_right(self.keys, after), bisect_left(self.keys, prefix))
        end = bisect_left(self.keys, prefix + "\U0010ffff")
        stop = min(first + min(int(query.get("max-keys", PAGE)), PAGE), end)
        entries = "".join(self.entry(index) for index in range(first, stop))
        more = stop < end
        token = f"<NextContinuationToken>{self.keys[stop - 1]}</NextContinuationToken>" if more else ""
        head = f"<Name>big</Name><Prefix>{prefix}</Prefix><IsTruncated>{str(more).lower()}</IsTruncated>"
        return f"<ListBucketResult>{head}{token}{entries}</ListBucketResult>"

    def entry(self, index: int) -> str:
        """One object as XML."""
        stored = f"{self.keys.time(index):%Y-%m-%dT%H:%M:%S.000Z}"
        key = quote(self.keys[index])
        return f"<Contents><Key>{key}</Key><LastModified>{stored}</LastModified><Size>5000</Size></Contents>"


class Handler(BaseHTTPRequestHandler):
    """One GET of the bucket."""

    server: Listing
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """List."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = self.server.answer(query).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/xml")
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002 - the base class's
        """The server's clock."""
        return format_datetime(datetime.now(UTC) + self.server.ahead, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Quiet."""


@contextmanager
def listing(keys: Keys, ahead: timedelta = timedelta()) -> Iterator[Listing]:
    """A running server whose clock is `ahead` of ours."""
    server = Listing(("127.0.0.1", 0), Handler)
    server.keys, server.requests, server.ahead = keys, 0, ahead
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def measure(count: int, mode: str, age: timedelta = STEP) -> tuple[Any, int, float]:
    """The check's result, its list requests and seconds for a bucket of `count` keys whose newest is `age` old."""
    from deploy_gate.catalog import Catalog
    from deploy_gate.engine.child import guarded
    from deploy_gate.inputs import bind

    layout, given = LAYOUTS[mode]
    capability = Catalog().get("backup-freshness")
    with listing(Keys(layout, count, datetime.now(UTC) - age)) as server:
        texts = {"bucket": "big", "region": "us-east-1", "endpoint-url": server.url, **given}
        bound = bind(capability.manifest.inputs, capability.hints, texts)
        started = time.perf_counter()
        result = guarded(lambda: capability.function(**bound.values))
        return result, server.requests, time.perf_counter() - started


def main(most: int) -> int:
    """Print the table; 1 when a row is not within the goal."""
    os.environ.update(
        {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_EC2_METADATA_DISABLED": "true"}
    )
    measure(10, "key-pattern")
    print(f"{'keys':>9}  {'mode':<12}{'newest':<8}{'requests':>9}{'seconds':>9}   full listing  (goal: at most 3)")
    worst = 0
    for count in (10**power for power in range(3, 7) if 10**power <= most):
        for mode in LAYOUTS:
            for word, age, status in (("fresh", STEP, "passed"), ("stale", timedelta(days=3), "failed")):
                result, requests, seconds = measure(count, mode, age)
                worst = max(worst, requests if result.status == status else 99)
                full = -(-count // PAGE)
                print(f"{count:>9}  {mode:<12}{word:<8}{requests:>9}{seconds:>9.2f}{full:>9} requests  {result.status}")
    return 0 if worst <= 3 else 1


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
    from deploy_gate import bootstrap

    for lock in ("core", "s3"):
        bootstrap.add(lock)
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10**6))
