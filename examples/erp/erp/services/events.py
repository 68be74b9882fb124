"""Events and the clients connected to this process that want to hear of them."""

import asyncio
import json
from dataclasses import asdict, dataclass
from typing import Any

QUEUE_SIZE = 100


@dataclass(frozen=True)
class Event:
    """Something that happened; `customer_id` is the customer it concerns."""

    name: str
    customer_id: int | None
    data: dict[str, Any]

    def to_json(self) -> str:
        """Return the event for the wire between processes."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> "Event":
        """Return the event that another process wrote; raises ValueError for anything else."""
        try:
            fields = json.loads(text)
            return cls(str(fields["name"]), fields["customer_id"], dict(fields["data"]))
        except (KeyError, TypeError) as error:
            raise ValueError("not an event") from error


class Hub:
    """The connected clients of this process. Its methods belong to the event loop's thread."""

    def __init__(self) -> None:
        self._clients: dict[asyncio.Queue[Event], int | None] = {}

    def join(self, customer_id: int | None) -> asyncio.Queue[Event]:
        """Return a new client's queue; with a customer's id it gets only that customer's events."""
        queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE_SIZE)
        self._clients[queue] = customer_id
        return queue

    def leave(self, queue: asyncio.Queue[Event]) -> None:
        """Forget a client."""
        self._clients.pop(queue, None)

    def deliver(self, event: Event) -> None:
        """Hand an event to all it is meant for; a client too slow to keep up loses its oldest."""
        for queue, customer_id in self._clients.items():
            if customer_id is not None and customer_id != event.customer_id:
                continue
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)
