"""What a JSON answer says, and whether the release it names is the intended one."""

from __future__ import annotations

import json
import re
from typing import Any


def field(data: Any, path: str) -> str | None:
    """The value at a dotted path (`components.0.status`) as JSON writes it, texts without quotes; None if absent."""
    for step in path.split("."):
        if isinstance(data, dict) and step in data:
            data = data[step]
        elif isinstance(data, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(data):
            data = data[int(step[:9])]
        else:
            return None
    return data if isinstance(data, str) else json.dumps(data)


def same_release(served: str, intended: str) -> bool:
    """Equal, or two hashes of which one is a shortened form (7 hex digits or more) of the other."""
    short, long = sorted((served.lower(), intended.lower()), key=len)
    return served == intended or (re.fullmatch(r"[0-9a-f]{7,}", short) is not None and long.startswith(short))
