"""Our own rules for secrets, beside those that the scanner brings: what a shop with a bot and a database leaks.

One list for every check that looks for secrets: as a rules file for the scanner, and as expressions for text in hand.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

PREFIX = "deploygate."


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret. The pattern's first group is the secret; it must be understood by Hyperscan too."""

    id: str
    title: str
    pattern: str
    entropy: float
    digits: int = 0
    """How many digits it must hold: prose and names of variables hold none."""


RULES = (
    Rule(
        "deploygate.telegram-bot-token",
        "Telegram bot token",
        r"\b([0-9]{8,10}:AA[A-Za-z0-9_-]{33})(?:[^A-Za-z0-9_-]|$)",
        3.0,
    ),
    Rule(
        "deploygate.database-url-password",
        "address of a database or broker with a password",
        r"(?i)\b(?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?)(?:\+[a-z0-9]{1,20})?://"
        r"[^\s:/@\"'<>]{0,64}:([^\s/@\"'<>${}]{6,128})@[a-z0-9]",
        3.0,
    ),
    Rule(
        "deploygate.jwt-secret",
        "key that signs tokens or sessions",
        r"(?i)(?:jwt|secret|signing|session|token)[_-]?(?:signing[_-]?|secret[_-]?)?(?:secret|key)[\"']?[ \t]{0,5}[:=]"
        r"[ \t]{0,5}[\"']?([A-Za-z0-9+/=_~-]{24,256})(?:[^A-Za-z0-9+/=_~.(\[-]|$)",
        3.5,
        digits=3,
    ),
)
_COMPILED = tuple((one, re.compile(one.pattern, re.MULTILINE)) for one in RULES)


def as_file() -> str:
    """The rules as the scanner reads them (JSON is YAML)."""
    rules = [
        {
            "name": one.title,
            "id": one.id,
            "pattern": one.pattern,
            "min_entropy": one.entropy,
            "confidence": "high",
            **({"pattern_requirements": {"min_digits": one.digits}} if one.digits else {}),
        }
        for one in RULES
    ]
    return json.dumps({"rules": rules}, indent=1) + "\n"


def find(text: str) -> Iterator[tuple[Rule, int]]:
    """Rule and offset of each secret in a text; the secret itself is not handed on."""
    for rule, pattern in _COMPILED:
        for match in pattern.finditer(text):
            if entropy(match[1]) >= rule.entropy and sum(one.isdigit() for one in match[1]) >= rule.digits:
                yield rule, match.start(1)


def entropy(text: str) -> float:
    """Bits for each character (Shannon)."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values()) if text else 0.0
