"""Where a server is, as `user@name[:port]`, and what its pinned keys are called."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy_gate.problems import Misconfigured
from deploy_gate.result import brief

# Neither may begin with a hyphen: ssh would take it for an option.
_FORM = re.compile(
    r"(?P<user>[A-Za-z_][A-Za-z0-9_.-]{0,63})@"
    r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,60})\]|(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,252}))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
MAX_HOSTS = 50


@dataclass(frozen=True, slots=True)
class Address:
    """A user on a server."""

    user: str
    name: str
    port: int = 22

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{self.user}@{name}" + ("" if self.port == 22 else f":{self.port}")

    @property
    def pin(self) -> str:
        """What stands at the beginning of its line in a known_hosts file."""
        return self.name if self.port == 22 else f"[{self.name}]:{self.port}"

    @property
    def keyscan(self) -> str:
        """The command that fetches its host key."""
        return "ssh-keyscan -t ed25519 " + ("" if self.port == 22 else f"-p {self.port} ") + self.name


def parse(text: str) -> Address:
    """The address in a text; ValueError says what would be legal."""
    match = _FORM.fullmatch(text.strip())
    port = int(match["port"] or 22) if match else 0
    if not match or not 0 < port < 65536:
        raise ValueError("user@name or user@name:port, such as deploy@erp.example:22")
    return Address(match["user"], match["six"] or match["name"], port)


def parse_all(texts: list[str]) -> list[Address]:
    """The addresses of an input; Misconfigured with every mistake."""
    found, wrong = [], []
    for text in texts:
        try:
            found.append(parse(text))
        except ValueError as fault:
            wrong.append(f"input 'host' is '{brief(text)}', expected {fault}")
    if not texts or len(texts) > MAX_HOSTS:
        wrong.append(f"input 'host' names {len(texts)} servers, expected 1 to {MAX_HOSTS}")
    if len({(one.name, one.port) for one in found}) < len(found):
        wrong.append("input 'host' names a server twice")
    if wrong:
        raise Misconfigured(wrong)
    return found
