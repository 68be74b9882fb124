"""Fingerprints: of the host keys that are pinned, and of the key that logs in. No private key is read here."""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from hashlib import sha256
from pathlib import Path

from deploy_gate import process
from deploy_gate.result import CouldNotTell
from deploy_gate.ssh import pins
from deploy_gate.ssh.address import Address
from deploy_gate.ssh.client import Connection

FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def pinned(host_keys: str, where: Address) -> tuple[str, ...]:
    """The fingerprints of all keys that are pinned for a server: it showed one of them, or was not spoken to."""
    with tempfile.TemporaryDirectory(prefix="deploy-gate-") as folder:
        path = pins.write(host_keys, where, Path(folder))
        said = process.run(["ssh-keygen", "-F", where.pin, "-f", path], timeout=10).out
    found = [
        _fingerprint(line) for line in said.splitlines() if line.strip() and not line.startswith(("#", "@revoked"))
    ]
    return tuple(dict.fromkeys(found))


def _fingerprint(line: str) -> str:
    words = line.split()
    # An authority's line has a word more; its key vouches for those of the server.
    blob = words[3] if line.startswith("@") else words[2]
    try:
        raw = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        raise CouldNotTell("a pinned host key cannot be read", "pin the line that ssh-keyscan prints") from None
    return "SHA256:" + base64.b64encode(sha256(raw).digest()).decode().rstrip("=")


def held(connection: Connection) -> str:
    """The fingerprint of the key that the connection was opened with, as its own agent tells it."""
    socket = next(one for one in connection.options if one.startswith("IdentityAgent=")).partition("=")[2]
    told = process.run(["ssh-add", "-l", "-E", "sha256"], timeout=10, env={"SSH_AUTH_SOCK": socket})
    found: list[str] = FINGERPRINT.findall(told.out)
    if told.code or len(found) != 1:
        raise CouldNotTell(f"the agent does not tell its key: {told.last_words(1)}", "run it again")
    return found[0]
