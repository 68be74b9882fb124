"""The lease on each server, kept alive from here: when nobody renews it any more, the next one may take it over."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from deploy_gate.rollout import prepare
from deploy_gate.rollout.servers import run_url, tried, who
from deploy_gate.rollout.stopped import Stopped
from deploy_gate.ssh.hostprogram import Answer, HostProgram

SECONDS = 300.0
BEAT = 60.0


@contextmanager
def held(
    where: Sequence[HostProgram], reason: str, beat: float = BEAT, *, preflight: Mapping[str, str] | None = None
) -> Iterator[dict[str, str]]:
    """Tokens by server; Stopped when somebody else holds one. They are given back when the block is left.

    `preflight` names servers, each with the release for which it is asked in the same call whether it can begin.
    """
    tokens: dict[str, str] = {}
    over = threading.Event()
    thread = threading.Thread(target=_renew, args=(where, tokens, over, beat), daemon=True)
    try:
        # One after the other and always in this order: two deployments must not wait for each other.
        for server in where:
            _acquire(server, reason, tokens, (preflight or {}).get(server.name, ""))
        thread.start()
        yield tokens
    finally:
        over.set()
        if thread.ident:
            thread.join()
        for server in where:
            if token := tokens.pop(server.name, ""):
                tried(lambda one, token=token: one.run("lease", "release", lease=token, timeout=30), server)  # type: ignore[misc]


def _acquire(server: HostProgram, reason: str, tokens: dict[str, str], release: str) -> None:
    # Unique, so that a lease whose token never arrived can be told from somebody else's.
    reason = f"{reason}, {secrets.token_hex(4)}"
    words = ("lease", "acquire", "--by", who(), "--run-url", run_url(), "--reason", reason, "--seconds", f"{SECONDS:g}")
    more = (("preflight", release),) if release else ()
    answer = tried(lambda one: one.steps(words, *more, timeout=120), server)
    token = answer.of("lease").get("lease")
    if isinstance(token, str):
        tokens[server.name] = token
    if answer.lost:
        tried(lambda one: _give_up(one, reason), server)
    if not answer.good or not isinstance(token, str):
        raise Stopped(str(answer.data.get("command", "lease")), server, prepare.preflighted(answer))


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
            token = tokens.get(server.name, "")
            if not token:
                continue  # it was given back with the confirm
            # One that is lost is found out by the next step, which has the words for it.
            tried(
                lambda one, token=token: one.run(
                    "lease", "renew", "--seconds", f"{SECONDS:g}", lease=token, timeout=30
                ),  # type: ignore[misc]
                server,
            )
