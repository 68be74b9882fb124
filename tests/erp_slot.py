"""``erp_slot.py WORK SLOT PORT RELEASE``: the start command of a slot that is the ERP; goes into the background.

Its environment stands in WORK/erp.json, its log is WORK/SLOT.log. It ends by itself when
WORK/owner names a process that is gone.
"""

import json
import os
import socket
import sys
import threading
import time
from pathlib import Path


def main() -> int:
    """Listen, fork, serve."""
    work, slot, port, release = Path(sys.argv[1]), *sys.argv[2:]
    # Here, so that whoever started it may connect as soon as it returns.
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=512)
    if child := os.fork():
        (work / f"{slot}.pid").write_text(str(child))
        return 0
    os.setsid()
    log = os.open(work / f"{slot}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    settings = json.loads((work / "erp.json").read_text())
    os.environ.update(settings, RELEASE=release)
    sys.path[:0] = settings["PYTHONPATH"].split(os.pathsep)
    threading.Thread(target=end_with, args=(int((work / "owner").read_text()),), daemon=True).start()
    serve(listener)
    return 0


def end_with(owner: int) -> None:
    """Nothing of a test stays when it was killed."""
    while True:
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            os._exit(0)
        time.sleep(1)


def serve(listener: socket.socket) -> None:
    """Until SIGTERM."""
    import uvicorn  # type: ignore[import-not-found] # in the ERP's own environment

    config = uvicorn.Config("cheap:create_app", factory=True, timeout_graceful_shutdown=20)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
