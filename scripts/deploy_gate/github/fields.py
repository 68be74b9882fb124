"""Fields of GitHub's answers, of the type they must have; CouldNotTell for any other, since nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from deploy_gate.result import CouldNotTell, brief

Object = Mapping[str, Any]
HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def text(one: Object, name: str) -> str:
    """A text that must be there."""
    found = one.get(name)
    if not isinstance(found, str):
        raise wrong(name)
    return found


def commit(one: Object, name: str) -> str:
    """A full hash of a commit or tree: any other name means what this clone makes of it."""
    found = text(one, name)
    if not HASH.fullmatch(found):
        raise wrong(name)
    return found


def number(one: Object, name: str) -> int:
    """A whole number that must be there."""
    found = one.get(name)
    if not isinstance(found, int) or isinstance(found, bool):
        raise wrong(name)
    return found


def moment(one: Object, name: str) -> datetime:
    """A moment that must be there."""
    try:
        found = datetime.fromisoformat(text(one, name))
    except ValueError:
        raise wrong(name) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def inner(one: Object, name: str) -> Object:
    """An object; empty where there is none, so that its fields are missing too."""
    found = one.get(name)
    return found if isinstance(found, Mapping) else {}


def login(one: Object, name: str) -> str:
    """The login of a person in lower case; empty where GitHub knows none. Never anything beyond ASCII."""
    found = inner(one, name).get("login")
    return found.lower() if isinstance(found, str) and found.isascii() else ""


def wrong(name: str) -> CouldNotTell:
    """A field that is missing or of another type."""
    return CouldNotTell(f"GitHub's answer has no usable '{brief(name, 40)}'", "run again, and report this if it stays")
