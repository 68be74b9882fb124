"""Whether the components this process needs answer, and how fast."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Thread
from typing import Literal

from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from erp import faults
from erp.faults import Fault
from erp.state import State

log = logging.getLogger(__name__)
DATABASE_SECONDS = 2.0


@dataclass(frozen=True)
class Component:
    """One component; *absent* means that the settings name none, which only a development set-up may do."""

    status: Literal["up", "down", "absent"]
    latency_ms: float | None


def measure(name: str, probe: Callable[[], object]) -> Component:
    """Run a probe and time it; why it failed goes to the log, not to the public."""
    started = time.perf_counter()
    try:
        probe()
    except (SQLAlchemyError, RedisError, OSError) as error:
        log.warning("%s is down: %s", name, str(error).partition("\n")[0])
        return Component("down", milliseconds_since(started))
    return Component("up", milliseconds_since(started))


def bounded(probe: Callable[[], object], seconds: float) -> None:
    """Run a probe and wait for it so long at most; raises what it raises, or TimeoutError.

    A database that is frozen keeps its connections open and never answers: no option of the driver ends such a wait.
    The thread stays behind until its connection ends; the pool's size bounds how many can.
    """
    outcome: Queue[Exception | None] = Queue()

    def run() -> None:
        try:
            probe()
        except Exception as error:  # raised again by the waiting thread
            outcome.put(error)
        else:
            outcome.put(None)

    Thread(target=run, daemon=True).start()
    try:
        error = outcome.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"no answer within {seconds} s") from None
    if error is not None:
        raise error


def milliseconds_since(started: float) -> float:
    """Return the time since `started` (of `perf_counter`) in milliseconds."""
    return round((time.perf_counter() - started) * 1000, 2)


def components(state: State) -> dict[str, Component]:
    """Return the state of the database and of Redis."""

    if faults.on(Fault.HEALTH_LIES):
        return {name: Component("up", 0.1) for name in ("database", "redis")}
    if faults.on(Fault.HEALTH_503):
        return {name: Component("down", 0.1) for name in ("database", "redis")}

    def ask_database() -> None:
        with state.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    found = {"database": measure("database", lambda: bounded(ask_database, DATABASE_SECONDS))}
    found["redis"] = measure("redis", state.redis.ping) if state.redis is not None else Component("absent", None)
    return found
