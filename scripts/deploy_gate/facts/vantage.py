"""An address as the server itself sees it, and what two views of one thing say together."""

from __future__ import annotations

import base64
import json
from importlib import resources

from deploy_gate.facts import http, marker, onhost
from deploy_gate.facts.http import Address, Answer
from deploy_gate.facts.onhost import Place
from deploy_gate.result import CouldNotTell, Result, Status, brief, error

_BAD = (Status.FAILED, Status.ERROR)


def ask(place: Place, address: Address, *, timeout: float, follow: bool) -> tuple[Answer, int]:
    """One GET from there, and how many redirects led to the answer; CouldNotTell when there is none."""
    order = {"url": address.full, "headers": marker.headers(), "seconds": timeout, "follow": follow}
    source = resources.files("deploy_gate.rollout.onhost").joinpath("address.py").read_bytes()
    call = f"\nrun({json.dumps(json.dumps(order))})\n".encode()
    with onhost.connected(place) as connection:
        out = connection.ask(["python3", "-I", "-"], timeout=timeout + 30, stdin=source + call)
    return _read(out, address)


def _read(out: str, address: Address) -> tuple[Answer, int]:
    try:
        told = json.loads(out.splitlines()[-1])
        if "trouble" in told:
            found = f"GET {address.shown} from the server: {brief(str(told['trouble']), 300)}"
            raise CouldNotTell(found, "see on the server whether it reaches its own address (`curl`)")
        headers = tuple((str(key), str(value)) for key, value in told["headers"])
        where = http.parse(str(told["url"]))
        body = base64.b64decode(told["body"])
        return Answer(where, int(told["status"]), headers, body, bool(told["whole"]), float(told["seconds"])), int(
            told["hops"]
        )
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        found = f"the server's answer does not say what {address.shown} answered"
        raise CouldNotTell(found, "see whether python3 runs there, and prints nothing of its own") from None


def together(runner: Result, host: Result) -> Result:
    """Both must see it: what only one of them sees may be its own way there, and is not known."""
    views = {"the runner": runner, "the server": host}
    bad = {name: one for name, one in views.items() if one.status in _BAD}
    if len(bad) == 1:
        [(name, one)] = bad.items()
        other = next(two for key, two in views.items() if key != name)
        evidence = [*one.evidence, *other.evidence]
        return error(
            f"only {name} sees it: {one.found}", f"see the way there from {name}; {one.fix}", evidence=evidence
        )
    order = (Status.FAILED, Status.ERROR, Status.WARNED, Status.PASSED)
    name, worst = min(views.items(), key=lambda pair: order.index(pair[1].status))
    return Result.of(
        worst.status,
        f"from both sides: {worst.found}",
        worst.fix,
        target=worst.target,
        measured=worst.measured,
        evidence=[*runner.evidence, *host.evidence],
    )
