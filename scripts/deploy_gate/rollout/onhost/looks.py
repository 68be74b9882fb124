"""Asks the idle slot for some paths on its own port: `- PORT PATH…`. Prints a JSON list; 2xx and 3xx are good."""

from __future__ import annotations

import http.client
import json
import sys
import time

_SECONDS = 10


def look(port: int, path: str) -> dict[str, object]:
    """One answer; `trouble` is empty when it is good."""
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", path, headers={"Connection": "close", "User-Agent": "deploy-gate"})
        status = connection.getresponse().status
        trouble = "" if 200 <= status < 400 else f"HTTP {status}"
    except (OSError, http.client.HTTPException, ValueError) as fault:
        trouble = str(fault) or type(fault).__name__
    finally:
        connection.close()
    return {"path": path, "trouble": trouble[:200], "seconds": round(time.monotonic() - begun, 3)}


if __name__ == "__main__":
    print(json.dumps([look(int(sys.argv[1]), path) for path in sys.argv[2:]]))
