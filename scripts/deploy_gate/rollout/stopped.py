"""A step that was refused on a server, or whose end is not known: the deployment goes no further."""

from __future__ import annotations

from deploy_gate.result import Result, error, failed
from deploy_gate.ssh.hostprogram import UNKNOWN, Answer, HostProgram

# What became of a deployment, as its result's `measured`.
DEPLOYED, SWITCHED = "deployed", "switched"
NOT_SWITCHED, BACK, NOT_BACK = "not switched", "fell back", "not back"


class Stopped(Exception):
    """Raised by a step; production is what it was before the step, unless the step is a switch or a confirm."""

    def __init__(self, step: str, server: HostProgram, answer: Answer) -> None:
        super().__init__(f"{step} on {server.name}: {answer.found}")
        self.step, self.server, self.answer = step, server, answer

    def result(self, untouched: str) -> Result:
        """The answer as a result; `untouched` says what production is like."""
        say = error if self.answer.code == UNKNOWN else failed
        evidence = [{"message": line} for line in self.answer.said]
        return say(f"{self}; {untouched}", self.answer.fix, evidence=evidence, measured=NOT_SWITCHED)
