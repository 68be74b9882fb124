"""Where nginx sends traffic: the flag file that it looks at per request, or (mode reload) a file that it reads once."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

from host.files import make_folder, sync_folder, write_whole
from host.processes import run
from host.settings import Settings
from host.trouble import Trouble, disk_trouble

_LONG = 4096


class Flag:
    """Present: second slot; renamed to `NAME.off`: first slot. A rename needs no room on a full disk."""

    def __init__(self, settings: Settings) -> None:
        """The folder need not be there yet."""
        self.settings = settings
        self.on = Path(settings.nginx.flags) / settings.second
        self.off = self.on.with_name(f"{settings.second}.off")

    def read(self) -> str:
        """The slot that nginx sees; empty when flag and rest are both gone (then nginx takes the first)."""
        if self.on.exists():
            return self.settings.second
        return self.settings.first if self.off.exists() else ""

    def point(self, slot: str) -> None:
        """Send every new request to `slot`; doing it again changes nothing.

        When the disk reports an error after the rename, traffic has moved all the same: what is there is asked.
        """
        come, gone = (self.on, self.off) if slot == self.settings.second else (self.off, self.on)
        try:
            if gone.exists():
                gone.replace(come)
                sync_folder(come.parent)
            elif not come.exists():
                make_folder(self.on.parent)
                self.on.parent.chmod(0o755)
                write_whole(come, b"", 0o644)
        except OSError as fault:
            if self.read() != slot:
                raise disk_trouble("the flag could not be set", fault) from fault

    def restore(self, slot: str) -> None:
        """Put back what was lost."""
        self.point(slot)

    def by_hand(self, slot: str) -> str:
        """What a person types to send the traffic there when nothing else works."""
        names = (self.off, self.on) if slot == self.settings.second else (self.on, self.off)
        return f"mv {names[0]} {names[1]}"

    def drained(self) -> bool:
        """No worker is left over: there was no reload."""
        return True


class Reload:
    """The slot stands in a file that `server.conf` includes; nginx reads it again on a reload."""

    def __init__(self, settings: Settings) -> None:
        """The folder is that of the snippets."""
        self.settings = settings
        self.path = Path(settings.nginx.snippets) / "active.conf"
        self.old = self.path.with_name("old-workers.json")

    def read(self) -> str:
        """The slot of the file; whether nginx runs with it, only the front door can tell."""
        with suppress(OSError):
            words = self.path.read_text().replace(";", " ").split()
            return words[2] if len(words) > 2 and words[2] in self.settings.slots else ""
        return ""

    def keep(self) -> None:
        """Write beside it what it would be for each slot, so that a switch needs no room on the disk."""
        for slot in self.settings.slots:
            if not self._is_kept(slot):
                write_whole(self._kept(slot), active(self.settings.application, slot).encode(), 0o644)

    def restore(self, slot: str) -> None:
        """Put back the file; nginx runs with what it read last, it is not told."""
        try:
            self._put(slot)
        except OSError as fault:
            raise disk_trouble("the slot could not be written for nginx", fault) from fault

    def point(self, slot: str) -> None:
        """Write the file, test, remember the workers of now, reload."""
        before = self.read()
        self.restore(slot)
        self._remember()
        for words in (["-t"], ["-s", "reload"]):
            log = Path(self.settings.home) / "logs" / "nginx.log"
            ended = run([*self.settings.nginx.command, *words], 30, log)
            if not ended.good:
                if before:
                    self.restore(before)
                raise Trouble(
                    f"nginx {' '.join(words)} {ended.why()}",
                    "the configuration of nginx was broken by hand; it goes on with the one it read last",
                    "correct the file and line named, run `nginx -t`, then run this again",
                )

    def by_hand(self, slot: str) -> str:
        """What a person types to send the traffic there when nothing else works."""
        first, second = self.settings.first, self.settings.second
        put = f"sed -i 's/{first if slot == second else second};$/{slot};/' {self.path}"
        if self._is_kept(slot):
            put = f"ln -f {self._kept(slot)} {self.path}"
        nginx = " ".join(self.settings.nginx.command)
        return f"{put} && {nginx} -t && {nginx} -s reload"

    def _put(self, slot: str) -> None:
        """By a link to what is kept, and a rename: both need no room. Where nothing is kept, it is written."""
        with suppress(OSError):
            self.keep()
        beside = self.path.with_name(f".{self.path.name}.new")
        try:
            if self._is_kept(slot):
                with suppress(FileNotFoundError):
                    beside.unlink()
                os.link(self._kept(slot), beside)
                beside.replace(self.path)
                sync_folder(self.path.parent)
            else:
                write_whole(self.path, active(self.settings.application, slot).encode(), 0o644)
        except OSError:
            if self.read() != slot:  # after the rename it is there, whatever the disk says then
                raise

    def _kept(self, slot: str) -> Path:
        return self.path.with_name(f"active.{slot}")

    def _is_kept(self, slot: str) -> bool:
        with suppress(OSError):
            return self._kept(slot).read_bytes() == active(self.settings.application, slot).encode()
        return False

    def _remember(self) -> None:
        """The workers of now. On a full disk over the file of before, which is as long; else nothing is remembered."""
        text = json.dumps(self._workers()).ljust(_LONG).encode()
        try:
            write_whole(self.old, text)
        except OSError:
            with suppress(OSError), self.old.open("r+b") as stream:
                stream.write(text)

    def drained(self) -> bool:
        """Whether the workers of before the reload are gone; only then is the old slot without traffic."""
        try:
            old = json.loads(self.old.read_text())
        except (OSError, ValueError):
            return True
        return not set(old) & set(self._workers())

    def _workers(self) -> list[str]:
        """Children of the master, with their start times, since a number can be used again."""
        with suppress(OSError, ValueError):
            master = int(Path(self.settings.nginx.pid).read_text())
            found = Path(f"/proc/{master}/task/{master}/children").read_text().split()
            return [f"{pid}:{_started(pid)}" for pid in found]
        return []


def _started(pid: str) -> str:
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""


def active(application: str, slot: str) -> str:
    """The lines that name a slot."""
    return f"set ${application}_slot {slot};\nset ${application}_upstream {application}_{slot};\n"


def established(port: int) -> int:
    """Connections to a port of this machine that are open now (proc_net_tcp(5): state 01)."""
    count = 0
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                fields = line.split()
                count += fields[3] == "01" and int(fields[2].rpartition(":")[2], 16) == port
    return count


def wait_until_idle(port: int, pointer: Flag | Reload, seconds: float) -> bool:
    """Wait until nothing talks to a slot any more, so long at most."""
    until = time.monotonic() + seconds
    while established(port) or not pointer.drained():
        if time.monotonic() >= until:
            return False
        time.sleep(0.05)
    return True


def pointer_of(settings: Settings) -> Flag | Reload:
    """The one that the configuration asks for."""
    return Flag(settings) if settings.nginx.mode == "flag" else Reload(settings)
