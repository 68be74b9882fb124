"""Two servers are configured alike: versions, services, limits, timers, names of settings; values equal or not."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.facts import onhost, parity
from deploy_gate.facts.onhost import Place
from deploy_gate.facts.parity import FAMILIES, Allowed, Difference, Side
from deploy_gate.problems import Misconfigured, nearest
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Variable, counted

ABOUT = About(secrets=onhost.SECRETS, reads=onhost.READS, timeout=300)
_PARTS = ("production", "staging")


@dataclass(frozen=True, slots=True)
class Facts:
    """Both servers, what of them differs, and what may."""

    left: Side
    right: Side
    allowed: Sequence[Allowed] = field(default_factory=tuple)


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    host: str,
    staging_host: str,
    host_keys: str,
    key_variable: Variable,
    staging_key_variable: Variable,
    env_files: list[str],
    staging_env_files: list[str],
    compose_projects: list[str],
    families: list[str],
    allow: str,
) -> Result:
    """Ask both servers, one connection each, and compare; CouldNotTell when one does not answer."""
    validate(**locals())
    allowed = parity.allow_list(allow)
    given = {"key": parity.new_key(), "families": families, "projects": compose_projects}
    wanted = [{**given, "files": files} for files in (env_files, staging_env_files or env_files)]
    places = [Place(host, host_keys, key=key_variable), Place(staging_host, host_keys, key=staging_key_variable)]
    # The connections are closed first, so that nobody waits for an answer when one of them has failed.
    with ThreadPoolExecutor(len(places)) as pool, ExitStack() as stack:
        connections = [stack.enter_context(onhost.connected(place)) for place in places]
        left, right = pool.map(parity.gather, connections, _PARTS, wanted)
    return judge(Facts(left, right, allowed))


def validate(*, host: str, staging_host: str, families: list[str], allow: str, **more: Any) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    wrong = []
    for one in (host, staging_host):
        try:
            onhost.validate(one)
        except Misconfigured as fault:
            wrong += [problem.message for problem in fault.problems]
    wrong += [f"input 'families' has '{brief(one)}'{nearest(one, FAMILIES)}" for one in families if one not in FAMILIES]
    if not families:
        wrong.append("input 'families' is empty, so nothing would be compared")
    if host == staging_host:
        wrong.append("inputs 'host' and 'staging-host' are the same server")
    files = [*more["env_files"], *more["staging_env_files"]]
    if "settings" in families and not more["env_files"]:
        wrong.append("input 'env-files' is empty, and 'families' has settings")
    wrong += [f"'{brief(one)}' is no whole path on the server, from / on" for one in files if not one.startswith("/")]
    try:
        parity.allow_list(allow)
    except Misconfigured as fault:
        wrong += [problem.message for problem in fault.problems]
    if wrong:
        raise Misconfigured(wrong)


def judge(facts: Facts) -> Result:
    """A difference that nobody allowed fails; what could not be read on a side is never equal."""
    found = parity.differences(facts.left, facts.right)
    bad, used = parity.sorted_out(found, facts.allowed)
    unread = [(side.name, family, why) for side in (facts.left, facts.right) for family, why in side.unread.items()]
    total = parity.compared(facts.left, facts.right)
    evidence = [*_bad(bad), *_unread(unread), *_listed(used)]
    allowed = len({one.name for ones in used.values() for one in ones})
    also = f"; {counted(allowed, 'difference')} allowed by {counted(len(facts.allowed), 'line')}" if used else ""
    dark = f"; not read: {', '.join(f'{family} on {name}' for name, family, _ in unread[:3])}" if unread else ""
    if bad:
        shown = "; ".join(one.told for one in bad[:4]) + ("; …" if len(bad) > 4 else "")
        what = f"{len(bad)} of {counted(total, 'fact')} differ, the limit is 0: {shown}{also}{dark}"
        fix = "make staging like production, or name the fact in `allow` with the reason why it may differ"
        return failed(what, fix, target=0, measured=len(bad), evidence=evidence)
    if unread:
        name, family, why = unread[0]
        what = f"{brief(family)} of {name} could not be read: {brief(why, 200)}"
        raise CouldNotTell(what, "let the user that logs in read it, or leave that family out of `families`", evidence)
    if not total:
        raise CouldNotTell("neither server told a fact", "see `families`")
    return passed(f"{counted(total, 'fact')} compared, 0 differ{also}", target=0, measured=0, evidence=evidence)


def _bad(bad: Sequence[Difference]) -> list[Evidence]:
    return [{"message": one.told, "rule": "differs", "fact": brief(one.name, 120)} for one in bad]


def _unread(unread: Sequence[tuple[str, str, str]]) -> list[Evidence]:
    return [
        {"message": f"{brief(family)} of {name} was not read: {brief(why, 200)}", "rule": "unread"}
        for name, family, why in unread
    ]


def _listed(used: dict[Allowed, list[Difference]]) -> list[Evidence]:
    """The whole list with its reasons, also what nothing needed any more."""
    shown: list[Evidence] = []
    for line, ones in used.items():
        good = "; ".join(one.told for one in ones[:5]) if ones else "nothing differs there"
        told = f"allowed: {brief(line.pattern)} ({brief(line.reason, 200)}): {good}"
        shown.append({"message": told, "rule": "allowed", "fact": line.pattern})
    return shown
