"""What one running application holds: made once at the start, closed once at the end."""

from dataclasses import dataclass

from redis import Redis
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from erp.database import make_engine, make_sessions
from erp.services.broker import Broker
from erp.services.events import Hub
from erp.services.rate_limit import Limiter, MemoryLimiter, RedisLimiter
from erp.settings import Settings


@dataclass(frozen=True)
class State:
    """The settings and everything that is connected to something."""

    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]
    redis: Redis | None
    hub: Hub
    broker: Broker
    limiter: Limiter

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        if self.redis is not None:
            self.redis.close()


def make_state(settings: Settings) -> State:
    """Return the state for these settings; nothing is connected to yet."""
    engine = make_engine(settings)
    client = (
        Redis.from_url(settings.redis_url, socket_timeout=2, socket_connect_timeout=2) if settings.redis_url else None
    )
    hub = Hub()
    return State(
        settings=settings,
        engine=engine,
        sessions=make_sessions(engine),
        redis=client,
        hub=hub,
        broker=Broker(hub, client, settings.redis_url, settings.redis_prefix),
        limiter=make_limiter(settings, client),
    )


def make_limiter(settings: Settings, client: Redis | None) -> Limiter:
    """Return the limiter on log-ins, shared by all slots where there is Redis."""
    limit, window = settings.login_rate_limit, settings.login_rate_window_seconds
    if client is None:
        return MemoryLimiter(limit, window)
    return RedisLimiter(client, settings.redis_prefix, limit, window)
