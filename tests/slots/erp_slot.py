"""Starts the example ERP as a release in a slot: ``erp_slot.py WORK SLOT PORT RELEASE``; stopped as any slot here is.

``WORK/erp.json`` holds its interpreter and environment, ``WORK/SLOT.log`` what it says. What the release does wrong
stands in ``WORK/faults``: the ERP's own switches in ``RELEASE.txt``, and in ``RELEASE.json`` what `erp_release.py` does
around it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def main(work: Path, slot: str, port: str, release: str) -> int:
    """Start it in the background."""
    told = json.loads((work / "erp.json").read_text())
    faults = {"ERP_FAULTS_FILE": f"{work}/faults/{release}.txt", "RELEASE_FAULTS": f"{work}/faults/{release}.json"}
    environment = {**told["environment"], **faults, "RELEASE": release, "OWNER_FILE": str(work / "owner")}
    command = [told["python"], "-m", "uvicorn", "--factory", "erp_release:create_app", "--port", port]
    log = work / f"{slot}.log"
    # Empty at first; then at its end, since a test empties it meanwhile.
    log.write_text("")
    with log.open("a") as stream:
        child = subprocess.Popen(
            [*command, "--timeout-graceful-shutdown", "20"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    (work / f"{slot}.pid").write_text(str(child.pid))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:5]))
