"""The mark on our own requests, so that traffic figures can leave them out.

Its value is a random token made for one deployment: with any other value a line of the log counts as traffic, so
nobody who merely knows the header's name can hide his requests.
"""

from __future__ import annotations

import os
import re
import secrets
from functools import cache

HEADER = "X-Deploy-Gate-Probe"
VARIABLE = "DEPLOY_GATE_PROBE"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}")


def headers() -> dict[str, str]:
    """The header to send; its token is the deployment's, else one of this process, which no figure leaves out."""
    return {HEADER: token()}


def token() -> str:
    """The deployment's token from the environment, unless it is not fit for a header."""
    given = os.environ.get(VARIABLE, "").strip()
    return given if _TOKEN.fullmatch(given) else _own()


@cache
def _own() -> str:
    return secrets.token_hex(16)
