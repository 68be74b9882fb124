"""nginx on the server is tested, reads the flag, and everything of ours in it is as we left it."""

from __future__ import annotations

from collections.abc import Mapping

from deploy_gate.catalog import About
from deploy_gate.facts import onhost, slotfacts
from deploy_gate.facts.onhost import Place
from deploy_gate.facts.slotfacts import Line
from deploy_gate.result import Evidence, Result, brief, failed, passed

ABOUT = About(secrets=onhost.SECRETS, reads=onhost.READS, timeout=90)
# As the preflight names them. Only root can tell of the folder for another user; the proof after each switch does.
_LINES = ("nginx", "snippets", "flag", "flag-folder")
_SKIPPABLE = ("flag-folder",)


def check(*, host: str, host_keys: str, config: str) -> Result:
    """Ask the host program, which runs `nginx -T` and reads what it prints."""
    validate(host=host, config=config)
    with onhost.opened(Place(host, host_keys, config)) as there:
        lines = slotfacts.lines(onhost.preflight(there))
    return judge(lines)


def validate(*, host: str, config: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    onhost.validate(host, config)


def judge(lines: Mapping[str, Line]) -> Result:
    """Failed when one of the lines did; CouldNotTell when one is missing or was not looked at."""
    ours = [lines[name] for name in _LINES if name in lines]
    evidence: list[Evidence] = [{"message": slotfacts.shown(one), "rule": one.name} for one in ours]
    if wrong := slotfacts.settled(lines, list(_LINES), _SKIPPABLE):
        fix = brief(wrong[0].fix, 300) or "see `slots preflight` on the server"
        return failed("; ".join(map(slotfacts.shown, wrong)), fix, evidence=evidence)
    return passed("; ".join(map(slotfacts.shown, ours)), evidence=evidence)
