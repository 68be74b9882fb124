"""Every channel but Telegram, through Apprise: in its own locked environment, which is built only when it is used.

The addresses hold passwords, so they reach the child on its standard input and nothing it prints is shown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from deploy_gate import bootstrap, process
from deploy_gate.result import CouldNotTell

LOCK = "apprise"
MAX_ADDRESSES = 20
_CODE = """
import json, logging, sys
logging.disable(logging.CRITICAL)
import apprise
asked = json.load(sys.stdin)
accepted = []
for url in asked["urls"]:
    one = apprise.Apprise()
    known = one.add(url)
    accepted.append(bool(known and one.notify(body=asked["body"], title=asked["title"], body_format="text")))
print(json.dumps(accepted))
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many addresses took the message, of how many."""

    accepted: int
    asked: int


def addresses(text: str) -> list[str]:
    """One address a line; blanks and lines that begin with # say nothing."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def send(urls: list[str], title: str, body: str, seconds: float) -> Outcome:
    """Send to each; CouldNotTell when it cannot be tried, or does not end in time."""
    if len(urls) > MAX_ADDRESSES:
        raise CouldNotTell(f"{len(urls)} addresses for Apprise, the limit is {MAX_ADDRESSES}", "name fewer")
    try:
        python = bootstrap.python(bootstrap.ensure(LOCK))
    except bootstrap.SetupError as fault:
        raise CouldNotTell(f"Apprise could not be installed: {fault.found}", fault.fix) from None
    asked = json.dumps({"urls": urls, "title": title, "body": body}).encode()
    done = process.run([python, "-I", "-c", _CODE], timeout=seconds, stdin=asked, limit=1024 * 1024)
    try:
        accepted = json.loads(done.out)
    except ValueError:
        accepted = None
    if done.code or not isinstance(accepted, list) or len(accepted) != len(urls):
        # Its words may hold an address with a password.
        found = f"Apprise ended with exit code {done.code} and told nothing of {len(urls)} addresses"
        raise CouldNotTell(found, "check the addresses with Apprise's own command line")
    return Outcome(sum(one is True for one in accepted), len(urls))
