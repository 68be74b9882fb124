"""What the host knows, in one file that is replaced as a whole: slots, step at work, watch, lease."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host.files import read_bounded, write_whole
from host.trouble import UNKNOWN, Damaged, Trouble, rights_trouble

VERSION = 1
_LONGEST = 1024 * 1024
PROVING, CONFIRM, GUARD, HOLD = "proving", "confirm", "guard", "hold"


@dataclass
class Slot:
    """One of the two places; `condemned` says why its release must not be switched to."""

    release: str = ""
    running: bool = False
    condemned: str = ""
    migrated: bool = False
    start_seconds: float = 0.0
    since: str = ""


@dataclass
class Step:
    """What is being done right now, enough of it to finish or to undo it after its process was killed."""

    seq: int
    name: str
    owner: str
    fence: int
    data: dict[str, Any]
    mark: str = ""  # in the environment of every command of this step


@dataclass
class Watch:
    """A release that was switched to and is not yet trusted: proving, then confirm (or hold), then guard."""

    release: str
    slot: str
    phase: str
    deadline: dict[str, Any]
    by: str
    guard_for: float
    owner: str
    reason: str = ""  # why it is held


@dataclass
class Lease:
    """Who may change this host, until when; a manual one has no end."""

    token: str
    holder: str
    run: str
    reason: str
    manual: bool
    fence: int
    deadline: dict[str, Any]


@dataclass
class State:
    """The whole of it."""

    live: str
    slots: dict[str, Slot]
    version: int = VERSION
    fence: int = 0
    previous: str = ""  # the release that the live one took over from
    step: Step | None = None
    settled: list[int] = field(default_factory=list)  # numbers of the last steps that were settled
    watch: Watch | None = None
    lease: Lease | None = None
    switched: dict[str, Any] | None = None  # when what was there may be stopped
    back: dict[str, Any] = field(default_factory=dict)  # can we go back: verdict, why
    left: list[dict[str, Any]] = field(default_factory=list)  # releases that were rolled back
    known: list[str] = field(default_factory=list)  # releases that were live, newest last
    head: list[Any] = field(default_factory=lambda: [0, ""])  # a journal line that must be there
    ledger: list[Any] = field(default_factory=lambda: [0, ""])  # the newest line of the ledger that we were told
    snippets: dict[str, str] = field(default_factory=dict)  # hashes of what we wrote for nginx

    def release(self) -> str:
        """The live release."""
        return self.slots[self.live].release

    def one_way(self) -> bool:
        """Whether the release before does not know the live schema, so that a switch back cannot work."""
        return self.back.get("verdict") in {"downgrade-first", "forward-only"}

    def slot_of(self, release: str) -> str:
        """The slot that holds a release, or an empty text."""
        return next((name for name, slot in self.slots.items() if slot.release == release), "")

    def last_left(self, release: str) -> dict[str, Any] | None:
        """The last rollback that left this release."""
        return next((one for one in reversed(self.left) if one["release"] == release), None)


class Store:
    """The state file."""

    def __init__(self, path: Path) -> None:
        """It need not be there yet."""
        self.path = path

    def exists(self) -> bool:
        """Whether `init` ran here."""
        return self.path.exists()

    def load(self) -> State:
        """The newest whole state."""
        try:
            data = json.loads(read_bounded(self.path, _LONGEST))
            return _state(data)
        except FileNotFoundError as fault:
            if self.path.with_name("journal.jsonl").exists():
                means = "the file was removed, or a disk was restored without it"
                raise Damaged(
                    f"{self.path} is gone, the journal is there", means, "see `slots status`", UNKNOWN
                ) from fault
            raise Trouble(
                f"{self.path} is not there",
                "this host was never set up, or the folder was moved",
                "run `slots init --live SLOT --release RELEASE` once",
            ) from fault
        except PermissionError as fault:
            raise rights_trouble(fault, "the state cannot be read") from fault
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
            raise Damaged(
                f"{self.path} cannot be read: {fault}",
                "it was edited by hand, or the disk is damaged",
                "traffic is not touched by this; `slots journal` shows what was live: move the file away and run "
                "`slots init --live SLOT --release RELEASE` with what is written there",
                UNKNOWN,
            ) from fault

    def save(self, state: State) -> None:
        """Replace it, on the disk when this returns; OSError when there is no room."""
        text = json.dumps(dataclasses.asdict(state), indent=1, sort_keys=True)
        write_whole(self.path, text.encode() + b"\n")


def _state(data: dict[str, Any]) -> State:
    if data["version"] != VERSION:
        raise ValueError(f"it is of version {data['version']}, this program knows {VERSION}")
    kept = _known(State, data)
    kept["slots"] = {name: Slot(**_known(Slot, one)) for name, one in data["slots"].items()}
    for name, kind in (("step", Step), ("watch", Watch), ("lease", Lease)):
        kept[name] = kind(**_known(kind, data[name])) if data.get(name) else None
    state = State(**kept)
    if state.live not in state.slots:
        raise ValueError(f"its live slot {state.live!r} is none")
    return state


def _known(kind: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Only what this version knows: a newer one may have written more."""
    names = {one.name for one in dataclasses.fields(kind)}
    return {key: value for key, value in data.items() if key in names}
