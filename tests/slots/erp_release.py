"""The example ERP with what a bad release does: slower lists, failing requests, log lines of a database it cannot reach.

Runs in the ERP's own interpreter. Every release takes LIST_TAKES (of its environment, in seconds) for a list, so that a
ratio of times can be the fault's and not the machine's.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

LIST = "/api/products"


def create_app() -> Callable[..., Awaitable[None]]:
    """The ERP, wrapped."""
    _cheap_passwords()
    base = float(os.environ.get("LIST_TAKES", "0"))
    inner, counted = importlib.import_module("erp.app").create_app(), [0]
    threading.Thread(target=_end_with_owner, daemon=True).start()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != LIST:
            await inner(scope, receive, send)
            return
        faults = _faults()
        await asyncio.sleep(faults.get("delay", base))
        if faults.get("database"):
            await asyncio.to_thread(_unreachable)
        # Users alone meet it: a journey that did would be taken back as a broken one.
        user = b"x-deploy-gate-probe" not in dict(scope["headers"])
        counted[0] += user
        if user and counted[0] % faults.get("fail-every", 1_000_000) == 0:
            await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        await inner(scope, receive, send)

    return app


def _cheap_passwords() -> None:
    """A password hash bears its own cost: cheap ones make log-ins cheap, and nothing else different."""
    hasher = importlib.import_module("argon2").PasswordHasher
    passwords: Any = importlib.import_module("erp.services.passwords")
    passwords.hasher = lambda: hasher(time_cost=1, memory_cost=8, parallelism=1)


def _faults() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(Path(os.environ["RELEASE_FAULTS"]).read_text())
    except (OSError, ValueError):
        return {}
    return found


def _unreachable() -> None:
    """A real refusal of the real database."""
    import psycopg

    url = os.environ["DATABASE_URL"].replace("postgresql+psycopg://postgres:", "postgresql://nobody-knows:")
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as fault:
        logging.getLogger("erp").warning("%s: %s", type(fault).__name__, fault)


def _end_with_owner() -> None:
    """Nothing of a test outlives it."""
    owner = int(Path(os.environ["OWNER_FILE"]).read_text())
    while True:
        time.sleep(1)
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            os._exit(0)
