"""Definitions of database objects as a report may show them: short, without passwords, where they differ."""

from __future__ import annotations

import re

from deploy_gate.result import brief

_SECRET = re.compile(
    r"""((?:password|passwd|passphrase|pwd|secret|token|api[_-]?key)["']?\s*(?:=>|[=:]|\s)\s*["']?|bearer\s+)"""
    r"""([^\s"',;)]{3,})""",
    re.IGNORECASE,
)
_BEFORE = 60


def excerpts(left: str, right: str, limit: int) -> tuple[str, str]:
    """Both texts in at most `limit` characters, beginning shortly before the first difference where they are longer."""
    if left and right and max(len(left), len(right)) > limit:
        same = next((n for n, (one, other) in enumerate(zip(left, right, strict=False)) if one != other), 0)
        start = max(same - _BEFORE, 0)
        left, right = (("…" if start else "") + text[start:] for text in (left, right))
    return brief(without_secrets(left), limit), brief(without_secrets(right), limit)


def without_secrets(text: str) -> str:
    """The text with `***` for what stands behind a word such as password, token or bearer."""
    return _SECRET.sub(r"\1***", text)
