"""The servers of one environment, each with its own connection, asked one after the other or side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from deploy_gate import runner
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.ssh import address, client
from deploy_gate.ssh.hostprogram import UNKNOWN, Answer, HostProgram

READS = ("GITHUB_TRIGGERING_ACTOR", "GITHUB_RUN_ID", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY")
SECRETS = ("SSH_PRIVATE_KEY",)
Call = Callable[[HostProgram], Answer]


@dataclass(frozen=True, slots=True)
class Login:
    """What the inputs say about reaching the servers, checked."""

    host: list[str]
    host_keys: str
    config: str
    python: str
    sudo: bool

    def check(self) -> None:
        """Misconfigured with what no type can tell; it connects to nothing."""
        wrong = []
        for name, text in (("config", self.config), ("python", self.python)):
            # With a hyphen it would be an option there.
            if not text.isprintable() or text.startswith("-"):
                wrong.append(f"input '{name}' is '{brief(text)}', expected a path on the server")
        try:
            address.parse_all(self.host)
        except Misconfigured as fault:
            wrong += [problem.message for problem in fault.problems]
        if wrong:
            raise Misconfigured(wrong)


@contextmanager
def servers(login: Login) -> Iterator[list[HostProgram]]:
    """Connections to all of them; opened in this thread, because what belongs to a connection ends with its thread."""
    login.check()
    with ExitStack() as stack:
        links = [
            stack.enter_context(client.connection(where, login.host_keys)) for where in address.parse_all(login.host)
        ]
        yield [HostProgram(link, login.config, login.python, login.sudo) for link in links]


def tried(call: Call, server: HostProgram) -> Answer:
    """The answer; one that did not come is an answer too, with the exit code for *could not tell*."""
    try:
        return call(server)
    except CouldNotTell as fault:
        return Answer(UNKNOWN, {"exit": UNKNOWN, "trouble": {"what": fault.found, "do": fault.fix}})


def side_by_side(where: Sequence[HostProgram], call: Call) -> list[tuple[HostProgram, Answer]]:
    """Ask all of them at once; in their order."""
    pool = ThreadPoolExecutor(max_workers=max(1, min(8, len(where))))
    try:
        return list(zip(where, pool.map(lambda server: tried(call, server), where), strict=True))
    finally:
        # When cancelled nobody waits: the threads end with their connections.
        pool.shutdown(wait=False, cancel_futures=True)


def asked(where: Sequence[HostProgram], call: Call) -> list[tuple[HostProgram, Answer]]:
    """The answers of all of them, in their order; what they said is told."""
    answers = side_by_side(where, call) if len(where) > 1 else [(one, tried(call, one)) for one in where]
    for server, answer in answers:
        for line in answer.said:
            runner.say(f"{server.name}: {line}")
    return answers


def who() -> str:
    """Who asks, for the journal: the person and the run, as GitHub names them, else the user here."""
    actor, run = os.environ.get("GITHUB_TRIGGERING_ACTOR", ""), os.environ.get("GITHUB_RUN_ID", "")
    if not actor:
        return f"{os.environ.get('USER', 'somebody')} (by hand)"
    return brief(f"{actor} (run {run})" if run else actor, 100)


def run_url() -> str:
    """Where this run is seen; empty outside GitHub Actions."""
    server, repository, run = (os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""
