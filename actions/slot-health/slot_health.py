"""Each slot answers well on its own port, asked on the server itself: alive, ready, quick, and of its release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deploy_gate.catalog import About
from deploy_gate.facts import onhost, slotfacts
from deploy_gate.facts.onhost import Place
from deploy_gate.facts.served import same_release
from deploy_gate.facts.slotfacts import Slot
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Evidence, Result, brief, failed, passed, warned
from deploy_gate.units import Duration, show_duration

ABOUT = About(secrets=onhost.SECRETS, reads=onhost.READS, timeout=90)
Wanted = Literal["running", "both", "live", "idle"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, None where not asked for; which slots must answer; the release of the idle one."""

    target: float | None = None
    warning: float | None = None
    critical: float | None = None
    wanted: Wanted = "running"
    release: str = ""


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    host: str,
    host_keys: str,
    config: str,
    target: Duration | None,
    warning: Duration | None,
    critical: Duration | None,
    slots: Wanted,
    release: str,
) -> Result:
    """Ask the host program, which asks both slots."""
    validate(host=host, config=config, target=target, warning=warning, critical=critical)
    with onhost.opened(Place(host, host_keys, config)) as there:
        found = slotfacts.slots(there.good("status"))
    return judge(found, Limits(target, warning, critical, slots, release))


def validate(*, host: str, config: str, **limits: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    onhost.validate(host, config)
    given = [one for name in ("target", "warning", "critical") if isinstance(one := limits.get(name), int | float)]
    if given != sorted(given):
        raise Misconfigured(["latencies must rise: target, warning, critical"])


def judge(slots: list[Slot], limits: Limits) -> Result:
    """A slot that does not answer well fails; then latencies of the slowest."""
    evidence = [_evidence(one) for one in slots]
    for slot in slots:
        if trouble := _trouble(slot, limits):
            fix = f"see `slots logs {slot.name}` on the server" if slot.running else "deploy, or start it there"
            return failed(f"{slot.name}: {trouble}", fix, evidence=evidence)
    looked = [one for one in slots if one.running and _asked(one, limits)]
    told = "; ".join([*map(_told, looked), *(f"{one.name} is stopped" for one in slots if not one.running)])
    slowest = max(looked, key=lambda one: one.seconds)
    more = {"measured": slowest.seconds, "evidence": evidence}
    start = f"{slowest.name} was ready only after {show_duration(slowest.seconds)}"
    fix = "see what the slot waits for (database, cache, CPU), then run again"
    high, middle = limits.critical, limits.warning
    if high is not None and slowest.seconds > high:
        return failed(f"{start}, the limit is {show_duration(high)}", fix, target=high, **more)
    if middle is not None and slowest.seconds > middle:
        return warned(f"{start}, the warning is at {show_duration(middle)}", fix, target=middle, **more)
    aim = next((one for one in (limits.target, middle, high) if one is not None), None)
    limit = f", aimed at {show_duration(aim)}" if aim is not None else ""
    return passed(f"{told}{limit}", target=aim, **more)


def _asked(slot: Slot, limits: Limits) -> bool:
    return limits.wanted in ("running", "both") or limits.wanted == ("live" if slot.live else "idle")


def _trouble(slot: Slot, limits: Limits) -> str:
    if not _asked(slot, limits):
        return ""
    if not slot.running:
        return "" if limits.wanted == "running" and not slot.live else "is stopped, and must run"
    for word, said in (("alive", slot.alive), ("ready", slot.ready)):
        if said != "yes":
            return f"not {word} on port {slot.port}: {brief(said, 200)}"
    intended = limits.release if limits.release and not slot.live else slot.release
    # A document that names nothing would leave two slots that nobody can tell apart.
    if not slot.names or not same_release(slot.names, intended):
        return f"names {brief(slot.names) or 'no release'}, intended {brief(intended)}"
    return ""


def _told(slot: Slot) -> str:
    place = "live" if slot.live else "idle"
    return f"{slot.name} ({place}) is ready after {show_duration(slot.seconds)} with {brief(slot.names[:12])}"


def _evidence(slot: Slot) -> Evidence:
    message = f"{slot.name} on port {slot.port}: alive {brief(slot.alive, 200)}, ready {brief(slot.ready, 200)}"
    return {"message": message, "release": brief(slot.names), "seconds": slot.seconds, "running": slot.running}
