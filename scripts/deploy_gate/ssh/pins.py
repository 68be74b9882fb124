"""Pinned host keys: which lines of a known_hosts file speak of a server, and what to do when none does."""

from __future__ import annotations

from pathlib import Path

from deploy_gate import process
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.ssh.address import Address

MAX_BYTES = 256 * 1024


class HostKeyChanged(CouldNotTell):
    """The server shows another key than the pinned one: known to be wrong, where a check asks who answers."""


def write(pins: str, address: Address, folder: Path) -> Path:
    """The pins as a file of `folder`; CouldNotTell, with the command that gets one, when there is none for the server.

    `pins` holds the lines of a known_hosts file.
    """
    text = "\n".join(line.strip() for line in pins.splitlines()) + "\n"
    if len(text) > MAX_BYTES or "\0" in text:
        raise CouldNotTell("the pinned host keys are no known_hosts lines", "give the lines that ssh-keyscan prints")
    path = folder / "known_hosts"
    path.write_text(text, encoding="utf-8")
    # By ssh's own program, since a line may be hashed, a pattern, or signed by an authority.
    found = process.run(["ssh-keygen", "-F", address.pin, "-f", path], timeout=10)
    if found.code or not found.out.strip():
        raise missing(address)
    return path


def missing(address: Address, kind: str = "") -> CouldNotTell:
    """There is no pin, or none of the kind that the server shows."""
    what = f"no {kind} host key" if kind else "no host key"
    return CouldNotTell(
        f"{what} of {address.pin} is pinned, so it could be any server",
        f"run `{address.keyscan}` and put its line into `host-keys`, after comparing the fingerprint "
        "(`ssh-keygen -lf -` of that line) with the one on the server itself "
        "(`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`): who sits between would otherwise be pinned",
    )


def changed(address: Address, said: str) -> HostKeyChanged:
    """The server shows another key than the pinned one."""
    shown = next((word for word in said.split() if word.startswith("SHA256:")), "")
    return HostKeyChanged(
        f"{address.pin} shows another host key than the pinned one"
        + (f" ({brief(shown.rstrip('.'), 60)})" if shown else "")
        + ": it was installed anew, or somebody sits between; nothing was sent",
        "ask who runs the server. Only if its key was changed on purpose: compare that fingerprint with "
        f"`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on its console, then pin what `{address.keyscan}` prints",
    )
