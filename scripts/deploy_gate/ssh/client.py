"""One multiplexed connection to a server. A command's failure there is a failure here, or it is not known."""

from __future__ import annotations

import re
import secrets
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

from deploy_gate import leftovers, process
from deploy_gate.process import Finished
from deploy_gate.result import CouldNotTell
from deploy_gate.ssh import address, agent, fault, key, pins, wait
from deploy_gate.ssh.address import Address

MAX_OUTPUT = 4 * 1024 * 1024
# Linux takes no longer single argument, and the remote shell gets the whole command as one.
MAX_COMMAND = 120_000
_ATTEMPTS = 3
_PUT = """
set -eu; cd; umask 077; mkdir -p -- "$(dirname -- "$1")"; new=$(mktemp -- "$1.XXXXXXXX"); trap 'rm -f -- "$new"' EXIT
cat > "$new"; set -- "$1" "$2" "$3" "$(sha256sum < "$new")"
[ "${4%% *}" = "$2" ] || { echo "the file arrived changed or cut" >&2; exit 1; }
chmod -- "$3" "$new"; mv -f -- "$new" "$1"
"""


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection; every command goes through it."""

    address: Address
    options: tuple[str, ...]

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        stdin: bytes | IO[bytes] = b"",
        hidden: Mapping[str, str] | None = None,
        limit: int = MAX_OUTPUT,
    ) -> Finished:
        """Run a program there. No word is split or expanded by the remote shell.

        `hidden` are environment variables that must not stand in a list of processes: they go first through standard
        input. CouldNotTell when it is not known how it ended: then the state there has to be read back.
        """
        mark = secrets.token_hex(8)
        command = remote_command(argv, mark, hidden or {})
        if hidden and not isinstance(stdin, bytes):
            raise TypeError("hidden values and a file cannot share standard input")
        if isinstance(stdin, bytes):
            stdin = b"".join(value.encode() + b"\n" for value in (hidden or {}).values()) + stdin
        try:
            done = process.run(
                ["ssh", *self.options, "-T", "--", self.address.name, command],
                timeout=timeout,
                env={**agent.SILENT, "LC_ALL": "C"},
                stdin=stdin,
                limit=limit,
            )
        except CouldNotTell as trouble:
            raise self._unknown(argv, trouble.found) from None
        found = re.search(rf"\n?{mark} (\d{{1,3}})\n", done.err)
        if not found:
            raise self._unknown(argv, f"the connection ended first ({done.last_words()})")
        return Finished(int(found[1]), done.out, done.err[: found.start()] + done.err[found.end() :], done.seconds)

    def ask(self, argv: Sequence[str], *, timeout: float, stdin: bytes = b"") -> str:
        """What a program there prints; CouldNotTell when it fails."""
        done = self.run(argv, timeout=timeout, stdin=stdin)
        if done.code:
            raise CouldNotTell(
                f"{_name(argv)} failed on {self.address} with exit code {done.code}: {done.last_words()}",
                f"run it by hand on {self.address.name}",
            )
        return done.out

    def put(self, data: bytes, path: str, mode: int = 0o600, *, timeout: float = 120) -> None:
        """Write a file there, whole or not at all; its hash is compared there. A relative path begins at the home."""
        script = ["sh", "-c", _PUT, "put", path, sha256(data).hexdigest(), f"{mode:o}"]
        done = self.run(script, timeout=timeout, stdin=data)
        if done.code:
            found = f"{path} could not be written on {self.address}: {done.last_words()}"
            raise CouldNotTell(found, "see the room on its disk (`df -h`) and the rights of that folder")

    def _unknown(self, argv: Sequence[str], why: str) -> CouldNotTell:
        return CouldNotTell(
            f"it is not known how {_name(argv)} ended on {self.address}: {why}",
            "read the state back before anything else (`do diagnose`, or `slots status` on the server); what was "
            "under way there may still be, and an unconfirmed switch goes back by itself",
        )


def remote_command(argv: Sequence[str], mark: str, hidden: Mapping[str, str]) -> str:
    """The one text for the remote login shell: every word quoted, and at the end a line with the exit code.

    That line is what tells the exit code 255 of ssh itself from one of the program's.
    """
    words = " ".join(shlex.quote(word) for word in argv)
    read = "".join(f"IFS= read -r {name}; export {name}; " for name in hidden)
    script = f'{read}{words}; printf "\\n%s %d\\n" {mark} "$?" >&2'
    command = f"exec sh -c {shlex.quote(script)}"
    if len(command.encode()) > MAX_COMMAND or "\0" in command or any("\n" in value for value in hidden.values()):
        raise CouldNotTell("a command is too long for one line to the server", "make the inputs shorter")
    return command


@contextmanager
def connection(
    host: str | Address, host_keys: str, *, lifetime: int = 3600, patience: float = 15, variable: str = key.VARIABLE
) -> Iterator[Connection]:
    """Open a connection with the key in `variable`; nothing of it is left afterwards, also when we are killed.

    `host_keys` are known_hosts lines, `lifetime` the seconds after which the key is forgotten in any case, `patience`
    the seconds until the server must have answered. Open it in the main thread: what it starts dies with the thread.
    """
    where = address.parse(host) if isinstance(host, str) else host
    secret = key.private_key(variable)
    folder, lock = leftovers.make()
    try:
        known = pins.write(host_keys, where, folder)
        with agent.holding(secret, folder, lifetime=lifetime, lock=lock) as socket:
            options = _options(where, folder, known, socket, patience)
            with _master(where, options, lock, patience):
                yield Connection(where, ("-F", "none", "-o", "ControlMaster=no", *options))
    finally:
        leftovers.remove(folder, lock)


def _options(where: Address, folder: Path, known: Path, socket: Path, patience: float) -> tuple[str, ...]:
    given = {
        "User": where.user,
        "Port": str(where.port),
        "ControlPath": str(folder / "c"),
        "UserKnownHostsFile": str(known),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "VerifyHostKeyDNS": "no",
        "IdentityAgent": str(socket),
        "IdentityFile": "none",
        "PreferredAuthentications": "publickey",
        "BatchMode": "yes",
        "ConnectTimeout": f"{max(1, round(patience))}",
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "3",
        "ClearAllForwardings": "yes",
        "ForwardAgent": "no",
        "LogLevel": "ERROR",
    }
    return tuple(word for name, value in given.items() for word in ("-o", f"{name}={value}"))


@contextmanager
def _master(where: Address, options: tuple[str, ...], lock: int, patience: float) -> Iterator[None]:
    # It says a word once it is logged in and listens for the others.
    told = ("-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo connected")
    argv = ["ssh", "-F", "none", *options, *told, "-o", "ControlMaster=yes", "-N", "-T", "--", where.name]
    for attempt in range(1, _ATTEMPTS + 1):
        child = agent.start(argv, lock)
        try:
            if wait.first_line(child, patience + 5).strip() == "connected":
                yield
                return
            process.kill_group(child.pid)
            said = wait.rest_of_errors(child, 1)
        finally:
            agent.end(child)
        if attempt == _ATTEMPTS or not fault.BUSY.search(said):
            raise fault.explain(where, said or "timed out")
        # Nothing was run yet, so trying again is harmless; a server that is busy lets one of a few in.
        pause(attempt)


def pause(seconds: float) -> None:
    """Between two attempts."""
    time.sleep(seconds)


def _name(argv: Sequence[str]) -> str:
    """`slots switch` for a long command line."""
    return "the command" if argv[0] in ("sh", "env", "sudo") else Path(argv[0]).name
