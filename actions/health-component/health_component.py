"""A component is up: the health document says so, and the database itself where we may ask it."""

from __future__ import annotations

from dataclasses import dataclass

from deploy_gate.catalog import About
from deploy_gate.facts import accounts, http, site
from deploy_gate.facts.served import field as value_at
from deploy_gate.postgres import address, link
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, Variable, show_duration

ABOUT = About(reads=site.READS, locks=("database",), timeout=90)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the document says (None: it has no such field), its status, and what our own question met."""

    where: str
    status: int
    value: str | None
    seconds: float
    own: str = ""


def check(
    *,
    url: str,
    component: str,
    field: str,
    expected: list[str],
    url_variable: Variable,
    timeout: Duration,
) -> Result:
    """Ask the document, then the database; CouldNotTell when nobody answers."""
    validate(url=url, component=component, field=field, expected=expected)
    path = field.replace("{component}", component)
    answer = site.of(url, timeout=timeout, budget=1).ask(url)
    data = accounts.data(answer)
    if not isinstance(data, dict):
        found = f"{answer.address.shown} answered {answer.status}, and no JSON document"
        raise CouldNotTell(found, "correct the address of the health document, or see what answers here")
    value = value_at(data, path)
    own = _asked(url_variable) if url_variable and value in expected else ""
    return judge(Facts(answer.address.shown, answer.status, value, answer.seconds, own), component, path, expected)


def validate(*, url: str, component: str, field: str, expected: list[str], **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    try:
        http.parse(url)
    except ValueError as fault:
        raise Misconfigured([f"input 'url': expected {fault}"]) from None
    if not expected:
        raise Misconfigured(["input 'expected' names no value"])
    if not component or not field:
        raise Misconfigured(["inputs 'component' and 'field' are needed"])


def _asked(variable: Variable) -> str:
    """Empty when the database answered a query; what it said otherwise. Not being let in is no answer."""
    try:
        with link.connected(address.of(variable)) as connection, link.snapshot(connection, statement_seconds=5):
            connection.execute("SELECT 1")
    except CouldNotTell as fault:
        if "did not answer" in fault.found or "shutting down" in fault.found:
            return fault.found
        raise
    return ""


def judge(facts: Facts, component: str, path: str, expected: list[str]) -> Result:
    """Up by its own word, and not found down by ours."""
    name, wanted = brief(component), " or ".join(map(brief, expected))
    took = show_duration(facts.seconds)
    evidence: list[Evidence] = [{"message": f"{facts.where} answered {facts.status} in {took}", "status": facts.status}]
    more = {"target": expected[0], "measured": facts.value, "evidence": evidence}
    if facts.value is None:
        found = f"{facts.where} has no field {brief(path)}, so nothing is known of {name}"
        raise CouldNotTell(found, "give the `field` of this component in the health document", evidence)
    if facts.value not in expected:
        found = f"{name} is {brief(facts.value)}, expected {wanted} ({facts.where} answered {facts.status})"
        return failed(found, f"see whether {name} is up and the application can reach it", **more)
    if facts.own:
        found = f"{name} is {brief(facts.value)} by the health document, but {facts.own}"
        return failed(found, f"start {name}, and let the health document ask it instead of only saying so", **more)
    return passed(f"{name} is {brief(facts.value)}, expected {wanted} ({facts.where} answered {facts.status})", **more)
