"""The forked child of one check: its own session and environment, silent, answering by its Result alone."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from deploy_gate import descendants
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, error, one_line

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(call: Callable[[], Result], environment: Mapping[str, str], writer: int) -> NoReturn:
    """Call a check in the forked child and write its answer; never returns."""
    code = 1
    try:
        os.setsid()
        descendants.die_with_parent()
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        _silence()
        os.environ.clear()
        os.environ.update(environment)
        raw = json.dumps(guarded(call).as_json()).encode()
        with os.fdopen(writer, "wb") as stream:
            stream.write(raw)
        code = 0
    finally:
        os._exit(code)


def _silence() -> None:
    # A check answers by its Result; what its libraries print would tear the live table apart.
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    sys.stdout = sys.stderr = os.fdopen(null, "w")


def guarded(call: Callable[[], Result]) -> Result:
    """Call a check; whatever it raises becomes its *error*."""
    try:
        return call()
    except CouldNotTell as fault:
        return fault.result()
    except Misconfigured as fault:
        return error(str(fault), "correct the input")
    except Exception as fault:  # noqa: BLE001 - a fault in one check must never be the gate's
        frame = traceback.extract_tb(fault.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        text = one_line(f"{type(fault).__name__}: {fault}", 300)
        return error(
            f"the check itself broke at {place}: {text}", "report this; the checked thing may be fine, nobody knows"
        )
