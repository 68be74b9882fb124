"""Values that look like secrets do not leave the host: logs, errors and reasons are written by others.

The rules are those of `diagnose` (a test compares them).
"""

from __future__ import annotations

import re
from typing import Any

MASK = "***"
_NAME = (
    r"(?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key|credential|authorization)[\w.-]{0,30}"
    r"[\"']?\s{0,3}[=:]\s{0,3}(?:bearer\s{1,3}|basic\s{1,3})?"
)
# What is found, and what is put in its place. Every part is bounded: a long line must not take long.
RULES: tuple[tuple[str, str], ...] = (
    (r"(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,30}://[^\s/:@]{0,200}:)[^\s\"'<>]{1,500}@", r"\1***@"),
    (r"(?i)(" + _NAME + r")(?:\"[^\"]{0,500}\"?|'[^']{0,500}'?|[^\s\"',;&}]{3,})", r"\1***"),
    (r"(?i)\b((?:bearer|basic)\s{1,3})[a-z0-9._~+/=-]{8,}", r"\1***"),
    (r"(?<!\d)\d{8,10}:[A-Za-z0-9_-]{30,}", MASK),
    (r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-)[\w-]{16,}", MASK),
    (r"\beyJ[\w-]{8,2000}\.[\w-]{8,2000}\.[\w-]{0,2000}", MASK),
)


def masked(text: str) -> str:
    """The text without what looks like a secret."""
    for found, instead in RULES:
        text = re.sub(found, instead, text)
    return text


def all_masked(value: Any) -> Any:
    """The same for every text of an answer."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {key: all_masked(one) for key, one in value.items()}
    return [all_masked(one) for one in value] if isinstance(value, (list, tuple)) else value
