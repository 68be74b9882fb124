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
MASK = "***"
_NAME = (
    r"(?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key|credential|authorization)[\w.-]{0,30}"
    r"[\"']?\s{0,3}[=:]\s{0,3}(?:bearer\s{1,3}|basic\s{1,3})?"
)
# As the host program has them (a test compares them): what is found, and what is put in its place. Every part is
# bounded: a long line must not take long.
RULES: tuple[tuple[str, str], ...] = (
    (r"(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,30}://[^\s/:@]{0,200}:)[^\s\"'<>]{1,500}@", r"\1***@"),
    (r"(?i)(" + _NAME + r")(?:\"[^\"]{0,500}\"?|'[^']{0,500}'?|[^\s\"',;&}]{3,})", r"\1***"),
    (r"(?i)\b((?:bearer|basic)\s{1,3})[a-z0-9._~+/=-]{8,}", r"\1***"),
    (r"(?<!\d)\d{8,10}:[A-Za-z0-9_-]{30,}", MASK),
    (r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-)[\w-]{16,}", MASK),
    (r"\beyJ[\w-]{8,2000}\.[\w-]{8,2000}\.[\w-]{0,2000}", MASK),
)
_READ_ONLY = "-c default_transaction_read_only=on -c statement_timeout=5s -c lock_timeout=1s"
_SESSIONS = (
    "SELECT coalesce(state, backend_type) AS state, count(*), max(now() - xact_start) AS oldest, "
    "current_setting('max_connections') AS most FROM pg_stat_activity GROUP BY 1 ORDER BY 2 DESC"
)


def masked(text: str) -> str:
    """The text without what looks like a secret."""
    for found, instead in RULES:
        text = re.sub(found, instead, text)
    return text


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
        look("processes", ["ps", "-eo", "pid,ppid,stat,pcpu,pmem,etime,args", "--sort=-pcpu", "--cols", "160"]),
        look("nginx", [*nginx.get("command", ["nginx"]), "-t"]),
    ]
    if "docker" in commands.get("start", []):
        found.append(look("containers", ["docker", "ps", "-a", "--format", "{{.Names}} {{.Status}} {{.Image}}"]))
    if shutil.which("redis-cli"):
        # Shown, never a fault: the one that is used may be on another machine.
        found.append({**look("redis", ["redis-cli", "info"]), "code": None})
    if commands.get("psql"):
        argv = [*commands["psql"], "-X", "-P", "pager=off", "-c", _SESSIONS]
        found.append(look("database", argv, PGOPTIONS=_READ_ONLY))
    if shutil.which("journalctl"):
        found.append(look("system log", ["journalctl", "-p", "warning", "-n", lines, "--no-pager", "-o", "short-iso"]))
    return found


if __name__ == "__main__":
    print(json.dumps(looks(Path(sys.argv[1]), sys.argv[2])))
