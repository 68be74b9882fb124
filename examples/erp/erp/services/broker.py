"""Carries events to every process: through Redis where there is one, else within this process."""

import asyncio
import logging

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from erp import faults
from erp.faults import Fault
from erp.services.events import Event, Hub

log = logging.getLogger(__name__)
RETRY_SECONDS = 1.0


class Broker:
    """Publishes from any thread; `run` listens in the event loop until it is cancelled."""

    def __init__(self, hub: Hub, client: Redis | None, url: str, prefix: str) -> None:
        self._hub, self._redis, self._url = hub, client, url
        self._prefix = prefix
        self._channel = f"{prefix}:events"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening = asyncio.Event()

    def publish(self, event: Event) -> None:
        """Send an event; it is news, not the order itself, so a failure is logged and never raised."""
        if faults.on(Fault.NOTIFICATION_LOST):
            return
        if self._redis is not None:
            try:
                self._redis.publish(self._channel, event.to_json())
            except RedisError as error:
                log.warning("event %s stays within this process, Redis did not answer: %s", event.name, error)
            else:
                return
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._hub.deliver, event)

    async def ready(self, seconds: float) -> bool:
        """Wait until events arrive here, and say whether they do."""
        try:
            await asyncio.wait_for(self._listening.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Listen for events from other processes; after a broken connection, listen again."""
        self._loop = asyncio.get_running_loop()
        if self._redis is None:
            self._listening.set()
            return
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                log.warning("lost the event channel, trying again: %s", error)
            self._listening.clear()
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        # Nothing is heard for hours at night, so only connecting has a time limit; a dead peer shows in the checks.
        connection = AsyncRedis.from_url(
            self._url, socket_connect_timeout=2, health_check_interval=15, client_name=f"{self._prefix}-events"
        )
        async with connection as client, client.pubsub() as channel:
            await channel.subscribe(self._channel)
            async for message in channel.listen():
                if message["type"] == "subscribe":
                    self._listening.set()
                elif message["type"] == "message":
                    self._deliver(message["data"])

    def _deliver(self, text: bytes) -> None:
        try:
            self._hub.deliver(Event.from_json(text))
        except ValueError:
            log.warning("ignored something on the event channel that is not an event")
