"""The host as the commands see it: settings, clock, state, journal, locks and the pointer, and who is asking."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from host.clock import Clock
from host.files import make_folder, spend_reserve
from host.journal import Journal
from host.lock import Lock
from host.pointer import pointer_of
from host.settings import Settings
from host.state import State, Store
from host.trouble import disk_trouble

_Kind = TypeVar("_Kind")


class Machine:
    """One application on this host."""

    def __init__(self, settings: Settings, clock: Clock | None = None, who: str = "") -> None:
        """`who` is written into the journal with everything that is done."""
        self.settings = settings
        self.clock = clock or Clock()
        self.who = who or person()
        self.home = Path(settings.home)
        self.store = Store(self.home / "state.json")
        self.journal = Journal(self.home / "journal.jsonl", self.clock)
        # `lock` is held for moments, around a change of the state; `work` for as long as a command takes.
        self.lock = Lock(self.home / "lock", self.clock)
        self.work = Lock(self.home / "work.lock", self.clock)
        # A transfer takes minutes and touches nothing that runs: it keeps nobody from switching or healing.
        self.transfer = Lock(self.home / "transfer.lock", self.clock)
        self.guard_lock = Lock(self.home / "guard.lock", self.clock)
        self.pointer = pointer_of(settings)
        self.urgent = False
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """Something the person who runs the command should read."""
        self.said.append(text)

    def load(self) -> State:
        """The state as it is on the disk."""
        return self.store.load()

    def save(self, state: State) -> None:
        """Put the state on the disk."""
        self._written("the state could not be written", lambda: self.store.save(state))

    def log(self, event: str, **fields: Any) -> tuple[int, str]:
        """Put a line into the journal."""
        write = lambda: self.journal.append(event, by=self.who, **fields)  # noqa: E731 - tried twice
        return self._written("the journal could not be written", write)

    def log_file(self, name: str) -> Path:
        """Where a command's output is kept."""
        folder = self.home / "logs"
        make_folder(folder)
        return folder / f"{name}.log"

    def _written(self, what: str, write: Callable[[], _Kind]) -> _Kind:
        try:
            return write()
        except OSError as fault:
            if not (self.urgent and spend_reserve(self.home, fault)):
                raise disk_trouble(what, fault) from fault
        self.say("the disk is full: the reserve was spent to record this, free some space now")
        try:
            return write()
        except OSError as fault:
            raise disk_trouble(what, fault) from fault


def person() -> str:
    """Who runs this: the user, behind sudo too."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"user {os.getuid()}"
    behind = os.environ.get("SUDO_USER", "")
    return f"{behind} (as {name})" if behind and behind != name else name
