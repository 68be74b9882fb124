"""Who holds which role: logins, and teams as `ORGANISATION/TEAM`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deploy_gate.problems import Misconfigured, similar
from deploy_gate.result import brief

MOST = 200
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_TEAM = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]{0,99})/([A-Za-z0-9._-]{1,100})")


@dataclass(frozen=True, slots=True)
class Holders:
    """Logins in lower case, and teams as (organisation, slug)."""

    people: frozenset[str] = frozenset()
    teams: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        """Whether anybody can hold it."""
        return bool(self.people or self.teams)

    def __str__(self) -> str:
        names = [*sorted(self.people), *(f"{organisation}/{slug}" for organisation, slug in self.teams)]
        return brief(" or ".join(names), 160)


def parse(text: str) -> dict[str, Holders]:
    """From lines `role: login organisation/team`; Misconfigured for anything else, each fault named."""
    found: dict[str, Holders] = {}
    wrong: list[str] = []
    for line in list(filter(None, map(str.strip, text.splitlines())))[:MOST]:
        role, colon, names = line.partition(":")
        if not colon or not role.strip() or role.strip() in found:
            wrong.append(
                f"`roles` has the line {brief(line)!r}, expected `role: login organisation/team`, each role once"
            )
            continue
        found[role.strip()], faults = _holders(names.replace(",", " ").split())
        wrong += faults
    if wrong:
        raise Misconfigured(wrong)
    return found


def _holders(names: list[str]) -> tuple[Holders, list[str]]:
    words = [one.removeprefix("@") for one in names]
    teams = tuple((match[1], match[2]) for one in words if (match := _TEAM.fullmatch(one)))
    people = frozenset(one.lower() for one in words if _LOGIN.fullmatch(one))
    wrong = [one for one in words if not _TEAM.fullmatch(one) and not _LOGIN.fullmatch(one)]
    return Holders(people, teams), [f"`roles` names {brief(one)!r}, which is no login and no team" for one in wrong]


def of(role: str, known: Mapping[str, Holders]) -> Holders:
    """Who holds a role; Misconfigured for one that nobody declared."""
    if role not in known:
        raise Misconfigured([f"there is no role {brief(role)!r}{similar(role, known)}; name it under `roles:`"])
    return known[role]


def everybody(known: Mapping[str, Holders]) -> Holders:
    """All who hold any role: they may say stop."""
    people = frozenset(name for one in known.values() for name in one.people)
    return Holders(people, tuple(dict.fromkeys(team for one in known.values() for team in one.teams)))
