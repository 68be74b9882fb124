"""The private key of `SSH_PRIVATE_KEY`: looked at before ssh is, so that a mistake has its own message."""

from __future__ import annotations

import base64
import binascii
import os

from deploy_gate.result import CouldNotTell

VARIABLE = "SSH_PRIVATE_KEY"
_MAGIC = b"openssh-key-v1\0"


def private_key(variable: str = VARIABLE) -> bytes:
    """The key of that variable as ssh-add wants it; CouldNotTell for what cannot be one."""
    text = os.environ.get(variable, "").replace("\r\n", "\n").strip()
    if not text:
        raise CouldNotTell(
            f"{variable} is not set, so there is no key to log in with",
            f"store the private key as the secret {variable} and hand it over by `env:` on the step or job",
        )
    if text.startswith(("ssh-", "ecdsa-")):
        raise CouldNotTell(f"{variable} holds the public key", "store the other file, the one without .pub")
    if not (text.startswith("-----BEGIN ") and text.endswith("-----") and "PRIVATE KEY-----" in text):
        raise CouldNotTell(
            f"{variable} holds no private key (it begins with no BEGIN line, or its END line is missing)",
            "store the whole file, from -----BEGIN to END-----, with its line breaks",
        )
    if _has_passphrase(text):
        raise CouldNotTell(
            f"the key in {variable} is protected by a passphrase, which nobody can type here",
            "make a key of its own for deployments (`ssh-keygen -t ed25519 -N '' -f deploy`), and let GitHub keep it",
        )
    return text.encode() + b"\n"


def _has_passphrase(text: str) -> bool:
    """As the file says: `ENCRYPTED` in the older formats, the name of a cipher in OpenSSH's own."""
    if "BEGIN ENCRYPTED PRIVATE KEY" in text or "Proc-Type: 4,ENCRYPTED" in text:
        return True
    if "BEGIN OPENSSH PRIVATE KEY" not in text:
        return False
    try:
        raw = base64.b64decode("".join(text.splitlines()[1:-1]))
    except (binascii.Error, ValueError):
        return False
    length = int.from_bytes(raw[len(_MAGIC) : len(_MAGIC) + 4], "big")
    return raw.startswith(_MAGIC) and raw[len(_MAGIC) + 4 : len(_MAGIC) + 4 + length] != b"none"
