"""One interpreter of the consumer's that runs Alembic steps for us: started once, told over pipes, ended as a group."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy_gate import process
from deploy_gate.descendants import die_with_parent
from deploy_gate.facts import interpreter
from deploy_gate.migrations import driver as driver_file
from deploy_gate.migrations.target import Target, fields, filled
from deploy_gate.postgres.address import Address
from deploy_gate.result import CouldNotTell, brief, one_line

_MAX_ANSWER = 64 * 1024 * 1024
_REMEMBERED = 20_000
# What the wrong driver among several that are installed says, so that the next one is worth a try.
_WRONG_DRIVER = ("InvalidRequestError", "ModuleNotFoundError", "NoSuchModuleError", "MissingGreenlet", "ArgumentError")


@dataclass(frozen=True, slots=True)
class Lock:
    """What a transaction held on one relation after a statement, and what that statement did to it."""

    relation: int
    transaction: str
    modes: tuple[str, ...]
    file: str | None
    scans: int
    changed: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that a revision sent to the server."""

    sql: str
    autocommit: bool
    done: bool
    locks: tuple[Lock, ...] | None = None
    """None where nothing was measured: it committed by itself."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a step failed, in the server's or the code's own words."""

    type: str
    message: str
    sqlstate: str
    statement: str
    revision: str
    frames: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_about_data(self) -> bool:
        """The statement was legal and the rows were not (SQLSTATE classes 22 and 23)."""
        return self.sqlstate[:2] in ("22", "23")

    def __str__(self) -> str:
        """One line: what happened, and in which statement."""
        text = brief(self.message.split("\nLINE ")[0].split("\n[SQL")[0], 240)
        code = f" (SQLSTATE {self.sqlstate})" if self.sqlstate else f" ({self.type})"
        return text + code + (f" in `{brief(self.statement, 160)}`" if self.statement else "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of steps left: what each sent, and the fault that ended it."""

    statements: Mapping[str, tuple[Statement, ...]]
    seconds: Mapping[str, float]
    fault: Fault | None = None
    dropped: int = 0


class Session:
    """A running driver."""

    def __init__(self, target: Target, address: Address, name: str, *, measure: bool) -> None:
        self.target, self.said = target, b""
        values = fields(address, name)
        self.order = {
            "config": str(Path.cwd() / target.config),
            "section": target.section,
            "url": values["url"],
            "x": [filled(one, values) for one in target.x],
            "measure": measure,
        }
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        self.child = subprocess.Popen(
            [str(target.python), driver_file.__file__, str(commands), str(answers)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={
                **process.allowed_environment(target.env),
                **interpreter.environment(target.python),
                **target.environment(values),
            },
            pass_fds=(commands, answers),
            process_group=0,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
        )
        os.close(commands)
        os.close(answers)

    def close(self) -> None:
        """End the interpreter and whatever it started."""
        os.close(self.commands)
        process.kill_group(self.child.pid)
        self.child.wait()
        os.close(self.answers)
        if self.child.stderr:
            self.child.stderr.close()

    def probe(self) -> Fault | None:
        """Run env.py without a step: None when it reached the database."""
        return _fault(self.ask("probe"))

    def upgrade(self, revisions: Sequence[str]) -> Outcome:
        """Run these revisions' upgrade(), in this order, as one `alembic upgrade` would."""
        return _outcome(self.ask("upgrade", revisions))

    def downgrade(self, revisions: Sequence[str]) -> Outcome:
        """The same for downgrade()."""
        return _outcome(self.ask("downgrade", revisions))

    def ask(self, do: str, revisions: Sequence[str] = ()) -> dict[str, Any]:
        """One command and its answer; CouldNotTell when it takes too long, or the interpreter ends."""
        what = f"`{do}` of {brief(revisions[-1])}" if revisions else "the start of env.py"
        with suppress(BrokenPipeError):
            os.write(self.commands, json.dumps({**self.order, "do": do, "revisions": list(revisions)}).encode() + b"\n")
        line = self.line(time.monotonic() + self.target.seconds, what)
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            words = one_line(self.said.decode(errors="replace")[-400:], 300) or "it printed nothing"
            found = f"the project's interpreter ended during {what}: {words}"
            raise CouldNotTell(found, "run `alembic upgrade head` by hand on an empty database") from None
        return answer

    def line(self, deadline: float, what: str) -> bytes:
        """The next line of the answers; what the consumer's code prints is read along, since a full pipe stops it."""
        chunks: list[bytes] = []
        with selectors.DefaultSelector() as ready:
            ready.register(self.answers, selectors.EVENT_READ)
            if self.child.stderr:
                ready.register(self.child.stderr.fileno(), selectors.EVENT_READ)
            while not (chunks and chunks[-1].endswith(b"\n")):
                events = ready.select(max(deadline - time.monotonic(), 0))
                if not events:
                    found = f"{what} did not end within {self.target.seconds:g} s and was stopped"
                    raise CouldNotTell(found, "see what it waits for: a lock, the network, or a prompt")
                for key, _ in events:
                    data = os.read(key.fd, 65536)
                    if key.fd == self.answers:
                        chunks.append(data)
                    else:
                        self.said = (self.said + data)[-_REMEMBERED:]
                    if not data:
                        ready.unregister(key.fd)
                if not ready.get_map() or (chunks and not chunks[-1]) or sum(map(len, chunks)) > _MAX_ANSWER:
                    break
        return b"".join(chunks)


@contextmanager
def running(target: Target, address: Address, *, measure: bool = False) -> Iterator[Session]:
    """A session whose env.py reaches the database; CouldNotTell, with what it said, when it does not.

    Of several drivers of SQLAlchemy that are installed, the first with which env.py comes up is taken.
    """
    faults: list[Fault] = []
    for name in target.drivers:
        session = Session(target, address, name, measure=measure)
        try:
            fault = session.probe()
            if fault is None:
                yield session
                return
        finally:
            session.close()
        faults.append(fault)
        if fault.type not in _WRONG_DRIVER:
            break
    fix = "see how env.py finds its database: `database-variables`, `x`, `section` and `driver` are the inputs for it"
    raise CouldNotTell(f"env.py does not come up on a scratch database: {faults[-1]}", fix)


def _outcome(answer: dict[str, Any]) -> Outcome:
    ran = answer.get("ran", {})
    fault = _fault(answer)
    if fault is None and not answer.get("reached"):
        found = "env.py ran no migration: it never called context.run_migrations()"
        raise CouldNotTell(found, "let env.py run migrations whenever it is called online")
    return Outcome(
        {name: tuple(map(_statement, one["statements"])) for name, one in ran.items()},
        {name: float(one.get("seconds", 0)) for name, one in ran.items()},
        fault,
        int(answer.get("dropped", 0)),
    )


def _statement(one: dict[str, Any]) -> Statement:
    locks = one.get("locks")
    made = None if locks is None else tuple(Lock(oid, name, tuple(modes), *rest) for oid, name, modes, *rest in locks)
    return Statement(one["sql"], one["autocommit"], one["done"], made)


def _fault(answer: dict[str, Any]) -> Fault | None:
    told = answer.get("failed")
    if told is None:
        return None
    type_, message, sqlstate, statement, revision = (
        str(told.get(key) or "") for key in ("type", "message", "sqlstate", "statement", "revision")
    )
    return Fault(type_, message, sqlstate, statement, revision, told.get("line") or {})
