"""Where nginx sends traffic: the flag file that it looks at per request, or (mode reload) a file that it reads once."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

from host.files import make_folder, sync_folder, write_whole
from host.processes import run
from host.settings import Settings
from host.trouble import Trouble, disk_trouble


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
        """Send every new request to `slot`; doing it again changes nothing."""
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
            raise disk_trouble("the flag could not be set", fault) from fault

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

    def point(self, slot: str) -> None:
        """Write the file, test, remember the workers of now, reload."""
        name = self.settings.application
        before = self.path.read_bytes() if self.path.exists() else None
        try:
            write_whole(self.path, active(name, slot).encode(), 0o644)
            write_whole(self.old, json.dumps(self._workers()).encode())
        except OSError as fault:
            raise disk_trouble("the slot could not be written for nginx", fault) from fault
        for words in (["-t"], ["-s", "reload"]):
            log = Path(self.settings.home) / "logs" / "nginx.log"
            ended = run([*self.settings.nginx.command, *words], 30, log)
            if not ended.good:
                if before is not None:
                    write_whole(self.path, before, 0o644)
                raise Trouble(
                    f"nginx {' '.join(words)} {ended.why()}",
                    "the configuration of nginx was broken by hand; it goes on with the one it read last",
                    "correct the file and line named, run `nginx -t`, then run this again",
                )

    def by_hand(self, slot: str) -> str:
        """What a person types to send the traffic there when nothing else works."""
        first, second = self.settings.first, self.settings.second
        there, away = (slot, first if slot == second else second)
        nginx = " ".join(self.settings.nginx.command)
        return f"sed -i 's/{away};$/{there};/' {self.path} && {nginx} -t && {nginx} -s reload"

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
