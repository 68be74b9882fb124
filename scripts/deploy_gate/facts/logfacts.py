"""What errors look like in an application's log, and what the host program found of them there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy_gate.result import CouldNotTell

# Looked for by the host program, whose Python may be 3.9; none can take long on a line that somebody else wrote.
ERRORS = (
    r"\bTraceback \(most recent call last\)",
    r"\b(ERROR|CRITICAL|FATAL|PANIC)\b",
    r"\"(level|levelname|severity)\":\s?\"(?i:error|critical|fatal|panic)\"",
    r"\blevel=\"?(?i:error|critical|fatal|panic)\b",
    r"\b(MemoryError|Out of memory|Segmentation fault)\b",
)
DATABASE = (
    r"\b(OperationalError|InterfaceError|TooManyConnectionsError|CannotConnectNowError|ConnectionDoesNotExistError)\b",
    r"\b(PoolTimeout|PoolClosed|QueuePool limit of size)\b",
    r"(?i)too many (clients already|connections)|remaining connection slots are reserved",
    r"(?i)could not connect to server|connection to server at .{1,200} failed",
    r"(?i)server closed the connection unexpectedly|terminating connection due to",
    r"(?i)the database system is (starting up|shutting down|in recovery)|SSL connection has been closed unexpectedly",
    r"(?i)password authentication failed for user|no pg_hba\.conf entry for",
    r"(?i)could not translate host name|connection (was closed in the middle of operation|is lost|to server was lost)",
    # PgBouncer, in front of the database.
    r"(?i)query_wait_timeout|server_login_retry|no more connections allowed|pgbouncer cannot connect to server",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A slot's log since a moment `seconds` ago: its lines, those that match or are allowed, the first hits."""

    slot: str
    release: str
    since: str
    seconds: float
    lines: int
    matched: int
    allowed: int
    hits: tuple[tuple[str, str], ...]
    """Pattern and line; the line is hostile."""


def parse(told: Mapping[str, Any]) -> Seen:
    """From `slots logs SLOT --match`; CouldNotTell when it is not what this version knows."""
    try:
        hits = tuple((str(one["pattern"]), str(one["line"])) for one in told["hits"])
        slot, release, since = str(told["slot"]), str(told["release"]), str(told["since"])
        matched = sum(int(one) for one in told["counts"].values())
        lines, allowed = int(told["lines"]), int(told["allowed"])
        return Seen(slot, release, since, float(told["seconds"]), lines, matched, allowed, hits)
    except (KeyError, TypeError, ValueError, AttributeError):
        found = "the server's answer does not say what is in the log"
        raise CouldNotTell(
            found, "see `slots logs` on the server; the program there may be another version's"
        ) from None
