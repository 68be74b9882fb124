"""What the watch does to the servers, and how the team hears of it while it lasts."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deploy_gate.facts import channels, messages, notices
from deploy_gate.facts.channels import Call, News
from deploy_gate.facts.findings import Reports
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.rollout import back, closing, servers
from deploy_gate.rollout.back import Back
from deploy_gate.rollout.servers import Login
from deploy_gate.rollout.stopped import Stopped
from deploy_gate.ssh import address
from deploy_gate.ssh.client import Connection
from deploy_gate.ssh.hostprogram import UNKNOWN, Answer, HostProgram

TOKEN = "TELEGRAM_BOT_TOKEN"  # noqa: S105 - the name of the variable  # nosec B105
_PATIENCE = 20.0
_MOST = 40


@dataclass(frozen=True, slots=True)
class Chat:
    """Where the team reads; without a chat nobody is told. `record` is the one of the operation notify."""

    record: Path
    chat: str = ""
    thread: int = 0
    api: str = ""


@dataclass(slots=True)
class Acting:
    """The servers, opened only when something is to be done, so that nothing hangs on a connection for an hour."""

    login: Login
    release: str
    environment: str
    hold_for: float
    chat: Chat
    sent: int = 0

    def back(self, why: str, since: float) -> Back:
        """Roll back on all of them at once; where not all can be reached, on each that can be."""
        words = (self.release, f"watch: {why}")
        try:
            with servers.servers(self.login) as where:
                return back.go(where, *words, since=max(since, 0.01))
        except CouldNotTell as fault:
            if len(self.login.host) == 1:
                return self.unreached(fault)
        alone = [replace(self, login=replace(self.login, host=[one])) for one in self.login.host]
        return Back([pair for one in alone for pair in one.back(why, since).answers])

    def unreached(self, fault: CouldNotTell) -> Back:
        """That nobody answered is an answer too."""
        trouble = {"what": fault.found, "do": fault.fix}
        [where] = address.parse_all(self.login.host)
        return Back([(HostProgram(Connection(where, ()), ""), Answer(UNKNOWN, {"trouble": trouble}))])

    def hold(self, why: str) -> str:
        """Have the servers wait for a person; why they do not, or an empty text."""
        try:
            with servers.servers(self.login) as where:
                closing.hold(where, self.release, within=self.hold_for, reason=f"watch: {why}")
        except (Stopped, CouldNotTell) as fault:
            return f"not held: {fault}"
        return ""

    def confirm(self) -> Stopped | CouldNotTell | None:
        """Say that it is good; what came in between, if anything."""
        try:
            with servers.servers(self.login) as where:
                closing.confirm(where, self.release)
        except (Stopped, CouldNotTell) as fault:
            return fault
        return None

    def samples(self, seconds: float) -> tuple[list[Any], float]:
        """What the first server's guard wrote down in that time, and that server's clock; nothing if it cannot."""
        try:
            with servers.servers(replace(self.login, host=self.login.host[:1])) as [there]:
                told = there.good("samples", f"--since={max(seconds, 1):g}")
                kept = told.get("samples")
                return (kept if isinstance(kept, list) else [])[-20_000:], float(told.get("now") or 0)
        except (CouldNotTell, ValueError, TypeError):
            return [], 0.0

    def tell(self, stage: str, text: str) -> str:
        """Edit the deployment's message, with what is new below it; why that failed, or an empty text."""
        token = os.environ.get(TOKEN, "")
        if not (self.chat.chat and token) or self.sent >= _MOST:
            return ""
        self.sent += 1
        try:
            self._send(token, stage, text)
        except CouldNotTell as fault:
            return fault.found
        return ""

    def _send(self, token: str, stage: str, text: str) -> None:
        fresh = notices.Record(brief(self._deployment(), 200), self.release, self.environment)
        known = notices.load(self.chat.record)
        known = known if known and known.deployment == fresh.deployment else fresh
        known.stages.append(notices.Stage(stage, notices.now()))
        about = messages.Deployment(self.environment, self.release, servers.run_url(), text)
        stages = [(one.stage, notices.at(one.at)) for one in known.stages]
        news = News(known, self.chat.record, stage, messages.headline(about, stages, Reports()))
        until = time.monotonic() + _PATIENCE
        channels.telegram(news, Call(token, self.chat.api, self.chat.chat, self.chat.thread, until))

    def _deployment(self) -> str:
        return os.environ.get("GITHUB_RUN_ID", "") or self.release
