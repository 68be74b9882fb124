"""fail2ban or CrowdSec answers on the server, with the jails or scenarios that are wanted."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from deploy_gate.catalog import About
from deploy_gate.facts import onhost
from deploy_gate.facts.onhost import Place
from deploy_gate.problems import Misconfigured
from deploy_gate.process import Finished
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.ssh.client import Connection

ABOUT = About(secrets=onhost.SECRETS, reads=onhost.READS, timeout=90)
Tool = Literal["fail2ban", "crowdsec", "any"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,99}")
_ABSENT = 127
_ASK = (
    'command -v "$1" >/dev/null 2>&1 || PATH="$PATH:/usr/sbin:/sbin"; command -v "$1" >/dev/null || exit 127; exec "$@"'
)


@dataclass(frozen=True, slots=True)
class Jail:
    """One thing that is watched, and by what; empty where it reads nothing."""

    name: str
    reads: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """A tool on the server: whether it is installed, answers, why not, and what it watches."""

    tool: str
    installed: bool
    trouble: str = ""
    active: tuple[Jail, ...] = ()


def check(*, host: str, host_keys: str, tool: Tool, jails: list[str], scenarios: list[str], sudo: bool) -> Result:
    """Ask the tools there; the first that is installed counts."""
    validate(host=host, tool=tool, jails=jails, scenarios=scenarios)
    with onhost.connected(Place(host, host_keys)) as connection:
        asked = _Asker(connection, sudo=sudo)
        found = [asked.fail2ban(jails)] if tool != "crowdsec" else []
        if tool != "fail2ban" and not any(one.installed for one in found):
            found.append(asked.crowdsec())
    return judge(found, {"fail2ban": tuple(jails), "crowdsec": tuple(scenarios)})


def validate(*, host: str, tool: Tool, jails: list[str], scenarios: list[str], **_: Any) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    onhost.validate(host)
    wrong = [f"{brief(one)!r} is no jail or scenario" for one in (*jails, *scenarios) if not _NAME.fullmatch(one)]
    wrong += ["input 'jails' is empty, expected such as sshd"] if not jails and tool != "crowdsec" else []
    wrong += ["input 'scenarios' is empty"] if not scenarios and tool != "fail2ban" else []
    if wrong:
        raise Misconfigured(wrong)


class _Asker:
    def __init__(self, connection: Connection, *, sudo: bool) -> None:
        self.connection, self.become = connection, ("sudo", "-n", "--") if sudo else ()

    def run(self, *words: str) -> Finished:
        """A program of the server's; those of administrators are often not on the path of others."""
        return self.connection.run([*self.become, "sh", "-c", _ASK, "ask", *words], timeout=20)

    def fail2ban(self, jails: list[str]) -> Facts:
        told = self.run("fail2ban-client", "status")
        if told.code:
            return _silent("fail2ban", told)
        line = re.search(r"Jail list:[ \t]*(.*)", told.out)
        names = [one.strip() for one in line[1].split(",") if one.strip()] if line else []
        wanted = [one for one in names if one in jails]
        return Facts("fail2ban", True, "", tuple(self.jail(one) if one in wanted else Jail(one, "?") for one in names))

    def jail(self, name: str) -> Jail:
        told = self.run("fail2ban-client", "status", name)
        reads = re.search(r"(?:File list|Journal matches):[ \t]*(\S.*)", told.out) if not told.code else None
        return Jail(name, brief(reads[1], 200) if reads else "")

    def crowdsec(self) -> Facts:
        alive = self.run("cscli", "lapi", "status")
        if alive.code:
            return _silent("crowdsec", alive)
        told = self.run("cscli", "scenarios", "list", "-o", "json")
        try:
            listed = json.loads(told.out)["scenarios"]
            enabled = [one["name"] for one in listed if str(one["status"]).startswith("enabled")]
        except (ValueError, KeyError, TypeError, RecursionError):
            found = f"CrowdSec's scenarios cannot be read: {brief(told.last_words(), 200)}"
            raise CouldNotTell(found, "run `cscli scenarios list -o json` on the server") from None
        return Facts("crowdsec", True, "", tuple(Jail(str(one), "its log sources") for one in enabled))


def _silent(tool: str, told: Finished) -> Facts:
    return Facts(tool, told.code != _ABSENT, brief(told.last_words(), 200))


def judge(found: list[Facts], wanted: dict[str, tuple[str, ...]]) -> Result:
    """Failed when nothing is installed, nothing answers, or a wanted jail is not active; only then passed."""
    present = next((one for one in found if one.installed), None)
    if present is None:
        tools = " and ".join(one.tool for one in found)
        return failed(
            f"nobody watches for break-ins: {tools} not installed", "install fail2ban (`apt install fail2ban`)"
        )
    if present.trouble:
        return _unanswered(present)
    names = {one.name: one for one in present.active}
    evidence: list[Evidence] = [
        {"message": f"{brief(one.name)}: {one.reads or 'reads nothing'}"} for one in present.active
    ]
    lacking = [one for one in wanted[present.tool] if one not in names]
    kind = "jail" if present.tool == "fail2ban" else "scenario"
    active = ", ".join(brief(one, 40) for one in list(names)[:10]) or "none"
    if lacking:
        found_ = f"{present.tool} answers, without the {kind} {brief(', '.join(lacking))}; active: {active}"
        fix = (
            "enable it (/etc/fail2ban/jail.local: `enabled = true`)" if kind == "jail" else "`cscli scenarios install`"
        )
        return failed(found_, fix, evidence=evidence)
    if blind := [one for one in wanted[present.tool] if not names[one].reads]:
        found_ = f"{present.tool}: the jail {brief(blind[0])} is active and reads no log, so it bans nobody"
        return failed(found_, "give it a `logpath` that is there, or `backend = systemd`", evidence=evidence)
    return passed(f"{present.tool} answers; active: {active}", measured=len(names), evidence=evidence)


def _unanswered(present: Facts) -> Result:
    if re.search(r"(?i)permission denied|must be root|a password is required|not allowed", present.trouble):
        fix = "say `sudo: true`, and let this user run it without a password (sudoers: NOPASSWD)"
        raise CouldNotTell(f"{present.tool} is installed, and this user may not ask it: {present.trouble}", fix)
    found = f"{present.tool} is installed and does not answer: {present.trouble}"
    return failed(found, f"start it (`systemctl enable --now {present.tool}`), and see its journal")
