"""What the OpenSSH client says when there is no connection, as what happened, what it means, and what to do."""

from __future__ import annotations

import re

from deploy_gate.result import CouldNotTell, one_line
from deploy_gate.ssh import pins
from deploy_gate.ssh.address import Address
from deploy_gate.ssh.key import VARIABLE

BUSY = re.compile(
    r"kex_exchange_identification|banner exchange.*(closed|reset)|Connection (closed|reset) by|Not allowed at this time"
)
_KNOWN = [
    (
        r"Connection refused",
        "{0} refuses connections: no ssh server listens on that port",
        "correct the port in `host`, or start ssh on the server (`systemctl status ssh`)",
    ),
    (
        r"Could not resolve hostname",
        "the name {0.name} is not known here",
        "correct `host`, or see whether the name is public: a name of /etc/hosts or of a VPN is not known to a runner",
    ),
    (
        r"Permission denied",
        f"{{0}} does not let the key in {VARIABLE} log in as {{0.user}}",
        "add its public half (`ssh-keygen -y -f KEY`) to ~/.ssh/authorized_keys of {0.user}, writable by nobody else",
    ),
    (
        r"[Tt]imed out|timeout|No route to host|Network is unreachable",
        "{0} did not answer in time: it is down, or a firewall lets this machine's address not through",
        "see whether port {0.port} is open to the runner's addresses (GitHub's are many; or use a runner of your own)",
    ),
    (
        r"no matching|Unable to negotiate",
        "{0} and this ssh client have no algorithm in common",
        "update the ssh server",
    ),
]


def explain(address: Address, said: str) -> CouldNotTell:
    """The error for a connection that did not come up."""
    if "IDENTIFICATION HAS CHANGED" in said:
        return pins.changed(address, said)
    if kind := re.search(r"No ([\w@.-]+) host key is known", said):
        return pins.missing(address, kind[1])
    if "Host key verification failed" in said:
        return pins.missing(address)
    for pattern, found, fix in _KNOWN:
        if re.search(pattern, said):
            return CouldNotTell(found.format(address), fix.format(address))
    if BUSY.search(said):
        return CouldNotTell(
            f"{address} closed the connection before anybody could log in, three times in a row: it has too many open "
            "connections (MaxStartups), or it bans this machine's address (fail2ban)",
            "on the server see `journalctl -u ssh` and `fail2ban-client status sshd`; wait, or raise MaxStartups",
        )
    words = one_line(" | ".join(said.strip().splitlines()[-3:]), 300) or "it said nothing"
    return CouldNotTell(f"no connection to {address}: {words}", f"try `ssh -v -p {address.port} {address.user}@…`")
