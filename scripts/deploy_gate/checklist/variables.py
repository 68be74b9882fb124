"""`${name}` in titles and inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SLOT_URL = "DEPLOY_GATE_SLOT_URL"
"""The variable with the address of the slot that is not live, where a deployment leads to it."""
SERVER = "DEPLOY_GATE_SERVER"
"""The variable with the server whose slot that is."""
OWN_SLOT = "slot_url"
"""The key of an environment for the same, where no deployment leads to it."""
SIGNED = ("plan", "digests", "live")
"""What a signature goes by: the run finds it, and no environment's block has a say."""
MAY_BE_EMPTY = ("live", "digests")
"""Before the first deployment nothing is live, and a release without images has no digests: no line waits for these."""
_NAME = re.compile(r"\$\{([A-Za-z][A-Za-z0-9_.-]{0,80})\}")


def of_idle_slot(own: Mapping[str, str], led: str) -> dict[str, str]:
    """An environment's variables before the switch: its front door is the release before, so `url` is the idle slot's.

    That is where a deployment leads to (`led`), else the block's own `slot_url`; else it has none.
    """
    rest = {name: value for name, value in own.items() if name != "url"}
    here = led or own.get(OWN_SLOT, "")
    return {**rest, "url": here} if here else rest


def names(value: Any) -> list[str]:
    """The names a value refers to, in order, each once."""
    if isinstance(value, list):
        return list(dict.fromkeys(name for one in value for name in names(one)))
    return list(dict.fromkeys(_NAME.findall(value))) if isinstance(value, str) else []


def fill(value: Any, known: Mapping[str, str]) -> Any:
    """The value with every known name filled in, once: what a variable brings in is not looked at again."""
    if isinstance(value, list):
        return [fill(one, known) for one in value]
    if not isinstance(value, str):
        return value
    return _NAME.sub(lambda match: known.get(match[1], match[0]), value)
