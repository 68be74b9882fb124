"""A real ssh server, on loopback unless told otherwise: keys, port and home of its own, for a demo or a test."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy_gate import process
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import packages
from deploy_gate.workbench.server import free_port, running

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Sshd:
    """Where it listens, the key that may log in, and its own public key."""

    port: int
    user: str
    key: str
    public: str
    home: Path
    address: str = LOOPBACK

    @property
    def host(self) -> str:
        """As an input names it."""
        return f"{self.user}@{self.address}:{self.port}"

    @property
    def pins(self) -> str:
        """Its line of a known_hosts file."""
        return f"[{self.address}]:{self.port} {self.public}\n"


@contextmanager
def sshd(
    folder: Path, port: int = 0, *, address: str = LOOPBACK, within: Sequence[str] = (), **options: str
) -> Iterator[Sshd]:
    """Serve until the block is left; `options` are further lines of sshd_config, `folder` becomes home and keeps keys.

    The same folder has the same keys again. `address` is where others reach it, `within` what it is started by.
    """
    program = packages.ensure("sshd")
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        # Where it separates its privileges; the package makes it at boot.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    host_key, user_key = (keypair(folder / name) for name in ("host_key", "user_key"))
    (folder / "authorized").write_text(user_key.with_suffix(".pub").read_text())
    there = Sshd(
        port or free_port(),
        pwd.getpwuid(os.geteuid()).pw_name,
        user_key.read_text(),
        " ".join(host_key.with_suffix(".pub").read_text().split()[:2]),
        folder,
        address,
    )
    given = {
        "ListenAddress": address,
        "Port": str(there.port),
        "HostKey": str(host_key),
        "AuthorizedKeysFile": str(folder / "authorized"),
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        # What this user's own shell files do is no part of it.
        "SetEnv": f"HOME={folder}",
        **options,
    }
    config = folder / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in given.items()))
    with running(
        [*within, program, "-D", "-e", "-f", config], re.escape(f"Server listening on {given['ListenAddress']}")
    ):
        yield there


def keypair(path: Path) -> Path:
    """A key pair without a passphrase, made once; returns the private key's file."""
    if not path.exists():
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
        done = process.run(words, timeout=20)
        if done.code:
            raise CouldNotTell(f"ssh-keygen failed: {done.last_words()}", "install openssh-client")
    return path
