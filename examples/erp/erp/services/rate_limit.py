"""A fixed-window limit on failed log-ins, in Redis so that all slots count together, else in memory."""

import logging
from threading import Lock
from time import monotonic
from typing import Protocol

from redis import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

# An entry that ran out meanwhile must not be born again, below zero and without an end.
FORGIVE = "if redis.call('exists', KEYS[1]) == 1 then redis.call('decr', KEYS[1]) end"


class Limiter(Protocol):
    """Counts attempts per key in a window of time."""

    def hit(self, key: str) -> int:
        """Count an attempt; return 0 if it may go ahead, else the seconds to wait."""

    def forgive(self, key: str) -> None:
        """Take back one attempt: it was a good one."""


class MemoryLimiter:
    """Counts within one process."""

    def __init__(self, limit: int, window: int) -> None:
        self._limit, self._window = limit, window
        self._counts: dict[str, tuple[int, float]] = {}
        self._lock = Lock()

    def hit(self, key: str) -> int:
        """Count an attempt; return 0 if it may go ahead, else the seconds to wait."""
        moment = monotonic()
        with self._lock:
            self._counts = {name: entry for name, entry in self._counts.items() if entry[1] > moment}
            count, ends = self._counts.get(key, (0, moment + self._window))
            self._counts[key] = (count + 1, ends)
        return max(1, round(ends - moment)) if count >= self._limit else 0

    def forgive(self, key: str) -> None:
        """Take back one attempt."""
        with self._lock:
            if key in self._counts:
                count, ends = self._counts[key]
                self._counts[key] = (count - 1, ends)


class RedisLimiter:
    """Counts in Redis; without Redis the process goes on counting by itself rather than letting all in."""

    def __init__(self, client: Redis, prefix: str, limit: int, window: int) -> None:
        self._redis, self._prefix = client, prefix
        self._limit, self._window = limit, window
        self._fallback = MemoryLimiter(limit, window)

    def hit(self, key: str) -> int:
        """Count an attempt; return 0 if it may go ahead, else the seconds to wait."""
        name = self._name(key)
        try:
            pipeline = self._redis.pipeline()
            pipeline.incr(name)
            pipeline.expire(name, self._window, nx=True)
            pipeline.ttl(name)
            count, _, seconds = pipeline.execute()
        except RedisError as error:
            log.warning("rate limit counted in memory, Redis did not answer: %s", error)
            return self._fallback.hit(key)
        return max(1, int(seconds)) if count > self._limit else 0

    def forgive(self, key: str) -> None:
        """Take back one attempt."""
        try:
            self._redis.eval(FORGIVE, 1, self._name(key))
        except RedisError:
            self._fallback.forgive(key)

    def _name(self, key: str) -> str:
        return f"{self._prefix}:attempts:{key}"
