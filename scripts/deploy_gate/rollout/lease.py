"""The lease on each server, kept alive from here: when nobody renews it any more, the next one may take it over."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from deploy_gate.rollout.servers import run_url, tried, who
from deploy_gate.rollout.stopped import Stopped
from deploy_gate.ssh.hostprogram import HostProgram

SECONDS = 300.0
BEAT = 60.0


@contextmanager
def held(where: Sequence[HostProgram], reason: str, beat: float = BEAT) -> Iterator[dict[str, str]]:
    """Tokens by server; Stopped when somebody else holds one. They are given back when the block is left."""
    tokens: dict[str, str] = {}
    over = threading.Event()
    thread = threading.Thread(target=_renew, args=(where, tokens, over, beat), daemon=True)
    try:
        # One after the other and always in this order: two deployments must not wait for each other.
        for server in where:
            tokens[server.name] = _acquire(server, reason)
        thread.start()
        yield tokens
    finally:
        over.set()
        if thread.ident:
            thread.join()
        for server in where:
            if token := tokens.get(server.name):
                tried(lambda one, token=token: one.run("lease", "release", lease=token, timeout=30), server)  # type: ignore[misc]


def _acquire(server: HostProgram, reason: str) -> str:
    words = ("lease", "acquire", "--by", who(), "--run-url", run_url(), "--reason", reason, "--seconds", f"{SECONDS:g}")
    answer = tried(lambda one: one.run(*words, timeout=60), server)
    token = answer.data.get("lease")
    if not answer.good or not isinstance(token, str):
        raise Stopped("lease", server, answer)
    return token


def _renew(where: Sequence[HostProgram], tokens: dict[str, str], over: threading.Event, beat: float) -> None:
    while not over.wait(beat):
        for server in where:
            token = tokens[server.name]
            # One that is lost is found out by the next step, which has the words for it.
            tried(
                lambda one, token=token: one.run(
                    "lease", "renew", "--seconds", f"{SECONDS:g}", lease=token, timeout=30
                ),  # type: ignore[misc]
                server,
            )
