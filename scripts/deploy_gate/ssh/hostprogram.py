"""The host program through a connection: copied when the server lacks it, run, and its JSON answer read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from deploy_gate import hostprogram
from deploy_gate.result import CouldNotTell, brief, one_line
from deploy_gate.ssh.client import Connection

DONE, REFUSED, WRONG, UNKNOWN, FELL_BACK, FALL_BACK_FAILED, BUSY = range(7)
# Relative to the home of the user who logs in; the name is its content, so a newer one never overwrites it.
PLACE = ".deploy-gate"
_ABSENT = 97
_RUN = f'cd && [ -f "$1" ] || exit {_ABSENT}; shift; exec "$@"'


@dataclass(frozen=True, slots=True)
class Answer:
    """What one command of the host program said; `code` is its exit code."""

    code: int
    data: Mapping[str, Any]

    @property
    def good(self) -> bool:
        """Whether it did what was asked."""
        return self.code == DONE

    @property
    def lost(self) -> bool:
        """Whether there was none: what was asked may have been done all the same."""
        return "command" not in self.data

    def of(self, command: str) -> Mapping[str, Any]:
        """What one of several steps told; empty when it did not come to it."""
        steps = self.data.get("steps")
        return next((one for one in steps if one.get("command") == command), {}) if isinstance(steps, list) else {}

    @property
    def said(self) -> list[str]:
        """The lines it would have shown to a person."""
        lines = self.data.get("said")
        return [one_line(str(line)) for line in lines] if isinstance(lines, list) else []

    @property
    def found(self) -> str:
        """What happened, of a trouble."""
        return self._trouble("what") or f"the host program ended with exit code {self.code}"

    @property
    def fix(self) -> str:
        """What it usually means, and what to do."""
        means, do = self._trouble("means"), self._trouble("do")
        return (
            f"{do} (it usually means: {means})" if means and do else do or means or "see `slots status` on the server"
        )

    def _trouble(self, name: str) -> str:
        trouble = self.data.get("trouble")
        return one_line(str(trouble.get(name) or "")) if isinstance(trouble, dict) else ""


@dataclass(frozen=True, slots=True)
class HostProgram:
    """`slots` on one server, with the configuration at `config` there; `python` may be a path."""

    connection: Connection
    config: str
    python: str = "python3"
    sudo: bool = False

    @property
    def name(self) -> str:
        """The server's address, as messages name it."""
        return str(self.connection.address)

    def run(self, *words: str, timeout: float = 120, lease: str = "", stdin: bytes | IO[bytes] = b"") -> Answer:
        """Run one command; CouldNotTell when there is no answer. A refusal is an answer: look at its `code`."""
        program = hostprogram.packed()
        path = f"{PLACE}/slots-{hostprogram.identity(program)[:32]}.pyz"
        become = ("sudo", "-n", *(("--preserve-env=SLOTS_LEASE",) if lease else ()), "--") if self.sudo else ()
        call = (*become, self.python, "-I", path, "--config", self.config, *words, "--json")
        argv = ("sh", "-c", _RUN, "slots", path, *call)
        hidden = {"SLOTS_LEASE": lease} if lease else {}
        done = self.connection.run(argv, timeout=timeout, stdin=stdin, hidden=hidden)
        if done.code == _ABSENT:
            self.connection.put(program, path, 0o755)
            if not isinstance(stdin, bytes):
                stdin.seek(0)
            done = self.connection.run(argv, timeout=timeout, stdin=stdin, hidden=hidden)
        return self._answer(words[0], done.code, done.out, done.last_words())

    def steps(self, *steps: Sequence[str], timeout: float, lease: str = "", stdin: bytes | IO[bytes] = b"") -> Answer:
        """Several commands in one round trip, until one is not good: the last answer, and all of them in `of`."""
        return self.run("run", json.dumps([list(words) for words in steps]), timeout=timeout, lease=lease, stdin=stdin)

    def good(self, *words: str, timeout: float = 120, lease: str = "") -> Mapping[str, Any]:
        """The data of a command that must succeed; CouldNotTell with its own words when it does not."""
        answer = self.run(*words, timeout=timeout, lease=lease)
        if not answer.good:
            raise CouldNotTell(f"{self.name}: {answer.found}", answer.fix)
        return answer.data

    def _answer(self, word: str, code: int, out: str, words: str) -> Answer:
        found = [data for line in out.splitlines() if (data := _object(line)) is not None]
        # The last line: what the login shell's own files print comes before it.
        if found and word != "run":
            return Answer(found[-1]["exit"], found[-1])
        *steps, end = found or [{}]
        if steps and end.get("command") == "run":
            said = [line for data in steps for line in data.get("said", [])]
            return Answer(steps[-1]["exit"], {**steps[-1], "said": said, "steps": steps})
        if end.get("trouble"):
            return Answer(end["exit"], end)
        raise CouldNotTell(
            f"slots {word} gave no answer on {self.name} (exit code {code}): {brief(words, 300)}",
            _help(code, words, self.python),
        )


def _object(line: str) -> dict[str, Any] | None:
    """An answer's line."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and isinstance(data.get("exit"), int) else None


def _help(code: int, words: str, python: str) -> str:
    if code == 127 or "not found" in words:
        return f"install Python 3.9 or newer on the server, or name it with `python` (now: {python})"
    if "sudo" in words:
        return "let this user run it without a password (sudoers: NOPASSWD), or log in as the one who ran `slots init`"
    return "read the state back (`slots status` on the server) before anything else"
