"""A network of its own with nothing but a loopback: whoever runs in it is cut off from all that is not let in by name."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import packages
from deploy_gate.workbench.server import running

RELAY = [sys.executable, "-I", str(Path(__file__).with_name("relay.py"))]
READY = "relaying"


@dataclass(frozen=True)
class Namespace:
    """`within` is put before a command that is to run in there."""

    within: tuple[str, ...]
    folder: Path
    stack: ExitStack

    def let_out(self, port: int) -> None:
        """127.0.0.1:`port` of the outside is 127.0.0.1:`port` in there too."""
        socket = self.folder / f"out-{port}"
        self.stack.enter_context(running([*RELAY, f"unix:{socket}", f"tcp:{port}"], READY))
        self.stack.enter_context(running([*self.within, *RELAY, f"tcp:{port}", f"unix:{socket}"], READY))

    def let_in(self, port: int, to: int) -> None:
        """Who asks 127.0.0.1:`port` outside is answered by 127.0.0.1:`to` in there."""
        socket = self.folder / f"in-{port}"
        self.stack.enter_context(running([*self.within, *RELAY, f"unix:{socket}", f"tcp:{to}"], READY))
        self.stack.enter_context(running([*RELAY, f"tcp:{port}", f"unix:{socket}"], READY))


@contextmanager
def cut_off() -> Iterator[Namespace]:
    """Such a network until the block is left; skipped, by name, where this user may make none."""
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="cut-") as folder:
        try:
            unshare, enter, ip = (packages.ensure(one) for one in ("unshare", "nsenter", "ip"))
            # Its process keeps it alive; it says who it is, for others to enter.
            words = f"{ip} link set lo up && echo namespace of $$ && exec sleep infinity"
            found = stack.enter_context(running([unshare, "--net", "sh", "-c", words], r"namespace of (\d+)"))
        except CouldNotTell as fault:
            pytest.skip(f"no network namespace: {fault.found}; {fault.fix}")
        yield Namespace((str(enter), f"--net=/proc/{found[1]}/ns/net"), Path(folder), stack)
