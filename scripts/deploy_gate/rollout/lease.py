"""The lease on each server, kept alive from here: when nobody renews it any more, the next one may take it over."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from deploy_gate.rollout.servers import run_url, tried, who
from deploy_gate.rollout.stopped import Stopped
from deploy_gate.ssh.hostprogram import Answer, HostProgram

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
    # Unique, so that a lease whose token never arrived can be told from somebody else's.
    reason = f"{reason}, {secrets.token_hex(4)}"
    words = ("lease", "acquire", "--by", who(), "--run-url", run_url(), "--reason", reason, "--seconds", f"{SECONDS:g}")
    answer = tried(lambda one: one.run(*words, timeout=60), server)
    token = answer.data.get("lease")
    if answer.lost:
        tried(lambda one: _give_up(one, reason), server)
    if not answer.good or not isinstance(token, str):
        raise Stopped("lease", server, answer)
    return token


def _give_up(server: HostProgram, reason: str) -> Answer:
    """Ours, and nobody knows its token: it must not stand in the next one's way."""
    shown = server.run("lease", "show", timeout=30)
    held_by = shown.data.get("lease")
    if isinstance(held_by, dict) and held_by.get("reason") == reason:
        return server.run("lease", "break", "--reason", "the answer with its token was lost", "--by", who(), timeout=30)
    return shown


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
