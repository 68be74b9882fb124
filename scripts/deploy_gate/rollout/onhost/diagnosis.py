"""Looks at a server when something is red, and changes nothing: `- CONFIG LINES`. Prints one JSON list of sections.

Every look is bounded in time and size; values that look like secrets are masked before they leave the server.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

_SECONDS = 10
_MOST = 16_000
_SECRET = re.compile(
    r"((?:[\w.-]*(?:password|passwd|secret|token|api[_-]?key|credential|authorization)[\w.-]*)[\"']?\s*[=:]\s*(?:bearer\s+|basic\s+)?)"
    r"([\"']?)[^\s\"',;&}]{3,}",
    re.IGNORECASE,
)
_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@]*:)[^\s\"'<>]+@")
_READ_ONLY = "-c default_transaction_read_only=on -c statement_timeout=5s -c lock_timeout=1s"
_SESSIONS = (
    "SELECT coalesce(state, backend_type) AS state, count(*), max(now() - xact_start) AS oldest, "
    "current_setting('max_connections') AS most FROM pg_stat_activity GROUP BY 1 ORDER BY 2 DESC"
)


def masked(text: str) -> str:
    """The text without what looks like a secret."""
    return _URL.sub(r"\1***@", _SECRET.sub(r"\1\2***", text))


def look(title: str, argv: list[str], **more: str) -> dict[str, object]:
    """What a program prints, its last part; a program that is not there is said so."""
    if not shutil.which(argv[0]):
        return {"title": title, "code": None, "text": f"{argv[0]} is not on this server"}
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            env={**os.environ, "LC_ALL": "C.UTF-8", **more},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"title": title, "code": None, "text": f"no answer within {_SECONDS} s"}
    except OSError as fault:
        return {"title": title, "code": None, "text": str(fault)}
    return {"title": title, "code": done.returncode, "text": masked(done.stdout[-_MOST:].decode(errors="replace"))}


def looks(config: Path, lines: str) -> list[dict[str, object]]:
    """Everything of the machine that the host program does not tell itself."""
    try:
        settings = json.loads(config.read_text())
        commands, nginx = settings.get("commands", {}), settings.get("nginx", {})
    except (OSError, ValueError, AttributeError) as fault:
        return [{"title": "configuration", "code": None, "text": str(fault)}]
    found = [
        look("machine", ["sh", "-c", "uptime; free -m; df -h / " + "/var 2>/dev/null; date -u"]),
        look("containers", ["docker", "ps", "-a", "--format", "{{.Names}} {{.Status}} {{.Image}}"]),
        look("processes", ["ps", "-eo", "pid,ppid,stat,pcpu,pmem,etime,args", "--sort=-pcpu", "--cols", "160"]),
        look("nginx", [*nginx.get("command", ["nginx"]), "-t"]),
        look("redis", ["redis-cli", "-e", "ping"]),
    ]
    if commands.get("psql"):
        argv = [*commands["psql"], "-X", "-P", "pager=off", "-c", _SESSIONS]
        found.append(look("database", argv, PGOPTIONS=_READ_ONLY))
    if shutil.which("journalctl"):
        found.append(look("system log", ["journalctl", "-p", "warning", "-n", lines, "--no-pager", "-o", "short-iso"]))
    return found


if __name__ == "__main__":
    print(json.dumps(looks(Path(sys.argv[1]), sys.argv[2])))
