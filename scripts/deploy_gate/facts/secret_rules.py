"""What the scanner of the history is told beside its own rules: what a shop with a bot and a database leaks.

Named like the rules for images (facts/secret_patterns.py), and made of the same patterns where the scanner can take
them. A history is full of tests, so that a password must be as mixed as one that nobody could guess.
"""

from __future__ import annotations

import json

from deploy_gate.facts.secret_patterns import TELEGRAM, URL

# Broader than for images, whose files of settings have a rule of their own.
_SIGNING = (
    r"(?i)(?:jwt|secret|signing|session|token)[_-]?(?:signing[_-]?|secret[_-]?)?(?:secret|key)[\"']?[ \t]{0,5}[:=]"
    r"[ \t]{0,5}[\"']?([A-Za-z0-9+/=_~-]{24,256})(?:[^A-Za-z0-9+/=_~.(\[-]|$)"
)
# Name, title, pattern with the secret as its group, and how mixed that is (bits for each sign).
_RULES = (
    ("telegram-token", "Telegram bot token", TELEGRAM.decode(), 3.0),
    ("database-url", "address of a database or broker with a password", URL.decode(), 3.0),
    ("signing-key", "key that signs tokens or sessions", _SIGNING, 3.5),
)
NAMES = frozenset(name for name, *_ in _RULES)


def as_file() -> str:
    """The rules as the scanner reads them (JSON is YAML)."""
    rules: list[dict[str, object]] = [
        {"name": title, "id": name, "pattern": pattern, "min_entropy": entropy, "confidence": "high"}
        for name, title, pattern, entropy in _RULES
    ]
    # Names of variables and prose hold no digits.
    rules[-1]["pattern_requirements"] = {"min_digits": 3}
    return json.dumps({"rules": rules}, indent=1) + "\n"
