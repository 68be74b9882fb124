"""Looks at everything on the servers, changes nothing, and says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, brief, failed, passed
from deploy_gate.rollout import diagnosis
from deploy_gate.rollout.diagnosis import Diagnosis
from deploy_gate.rollout.servers import READS, SECRETS, Login, servers
from deploy_gate.units import counted

ABOUT = About(secrets=SECRETS, reads=READS, timeout=600)
MOST = 500


def operate(
    *,
    host: list[str],
    host_keys: str,
    config: str,
    python: str,
    sudo: bool,
    lines: int,
    report: str,
) -> Result:
    """Diagnose each server; a red finding is this operation's success, so its exit code is 1 only to be seen."""
    check_lines(lines)
    with servers(Login(host, host_keys, config, python, sudo)) as where:
        found = [diagnosis.of(server, lines) for server in where]
    if report:
        write(Path(report), found)
    return judge(found)


def validate(*, host: list[str], host_keys: str, config: str, python: str, sudo: bool, lines: int, **_: Any) -> None:
    """What no type can tell."""
    check_lines(lines)
    Login(host, host_keys, config, python, sudo).check()


def check_lines(lines: int) -> None:
    """A number that fits into a report."""
    if not 0 < lines <= MOST:
        raise Misconfigured([f"input 'lines' is {lines}, expected 1 to {MOST}"])


def judge(found: list[Diagnosis]) -> Result:
    """What is wrong in a line, everything else as evidence."""
    faults = [f"{one.server}: {fault}" for one in found for fault in one.faults]
    evidence = [{"message": fault} for fault in faults]
    evidence += [
        {"server": one.server, "section": title, "text": text} for one in found for title, text in one.sections.items()
    ]
    if faults:
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        fix = "begin with the first of these; `slots rollback` is right whenever the release before was well"
        return failed("; ".join(faults[:3]) + more, fix, evidence=evidence)
    return passed(f"nothing wrong was seen on {counted(len(found), 'server')}", evidence=evidence)


def write(path: Path, found: list[Diagnosis]) -> None:
    """The whole as text for people, masked."""
    parts = [f"=== {one.server}: {title}\n{text}\n" for one in found for title, text in one.sections.items()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(parts), encoding="utf-8")
    except OSError as fault:
        raise CouldNotTell(f"{brief(str(path))} cannot be written: {fault.strerror}", "name another file") from None
