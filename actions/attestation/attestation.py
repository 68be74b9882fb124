"""Whether a person who may do so has attested an item for exactly this release, lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy_gate.catalog import About
from deploy_gate.facts import attestations, git, textfile
from deploy_gate.facts.attestations import Attestation, stamp
from deploy_gate.result import CouldNotTell, Evidence, Result, Status, brief, pending
from deploy_gate.signoff import commands
from deploy_gate.units import Duration, show_duration

ABOUT = About(timeout=30)
CLOCK_SKEW = 300.0
MAX_ROLES = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What would count: item, release, role, who holds it (lower-case logins), and how old it may be in seconds."""

    item: str
    release: str
    role: str
    people: tuple[str, ...]
    max_age: float
    file: str
    code: str = ""
    """What stands for release, images, plan and environment together; empty where it is bound to the release alone."""

    @property
    def fix(self) -> str:
        """What to do when nobody has attested yet."""
        who = " or ".join(self.people[:5])
        code = f", code `{self.code}`" if self.code else ""
        given = f"with item '{brief(self.item, 60)}'{code} and file {self.file}"
        return f"have {who} start the workflow that runs the attest operation {given}"


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    file: Path,
    item: str,
    release: str,
    role: str,
    roles: str,
    max_age: Duration,
    environment: str,
    digests: str,
    plan: str,
) -> Result:
    """Look for a valid attestation of `item` in `file`."""
    people = holders(roles)
    if refusal := role_refusal(role, people):
        return refusal
    identity = release or git.tree()
    if not identity:
        raise CouldNotTell(
            "there is no release to look for: this is not a git checkout",
            "check the repository out first, or give `release`",
        )
    name = brief(str(file), 200)
    code = commands.binding(environment, identity, digests, plan) if environment or digests.strip() or plan else ""
    wanted = Wanted(item, identity, role, people[role], max_age, name, code)
    raw = textfile.read(file, attestations.MAX_BYTES)
    if raw is None:
        found = f"nobody has attested '{brief(item, 60)}' for release {short(identity)}: there is no file {name}"
        return pending(found, wanted.fix)
    return judge(attestations.parse(raw, name), wanted, datetime.now(UTC))


def holders(roles: str) -> dict[str, tuple[str, ...]]:
    """Who holds which role, from lines `role: login login`; CouldNotTell for another shape or a role named twice."""
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(filter(None, map(str.strip, roles.splitlines())), 1):
        name, colon, logins = line.partition(":")
        name = name.strip()
        if not colon or not name or name in found or number > MAX_ROLES:
            why = f"roles, line {number}, is '{brief(line, 80)}', expected `role: login login`, each role once"
            raise CouldNotTell(why, "correct `roles`, or leave it to the checklist's `${roles}`")
        found[name] = tuple(login.removeprefix("@").lower() for login in logins.replace(",", " ").split())
    return found


def role_refusal(role: str, people: dict[str, tuple[str, ...]]) -> Result | None:
    """Pending when no person can hold the role; without a role nobody may attest."""
    if not role:
        return pending(
            "no role is named, and without one nobody may attest", "set `role` to the role that may attest this item"
        )
    shown = brief(role, 60)
    if role not in people:
        known = brief(", ".join(people), 200) or "none"
        return pending(
            f"there is no role '{shown}' (roles: {known})",
            f"name {shown} and its people under `roles:` in the checklist",
        )
    if not people[role]:
        return pending(
            f"nobody holds the role '{shown}'", f"name at least one login for {shown} under `roles:` in the checklist"
        )
    return None


def judge(records: list[Attestation], wanted: Wanted, now: datetime) -> Result:
    """Attested by the newest record that counts in every respect, else pending with what each near miss lacks."""
    about = [one for one in records if one.item == wanted.item]
    faults = {one.line: shortcoming(one, wanted, now) for one in about}
    counting = [one for one in about if not faults[one.line]]
    if counting:
        return attested(max(counting, key=lambda one: (one.at, one.line)), wanted, now)
    target = f"'{brief(wanted.item, 60)}' for release {short(wanted.release)}"
    if not about:
        return pending(f"nobody has attested {target} in {wanted.file} ({len(records)} of other items)", wanted.fix)
    misses = sorted(about, key=lambda one: (one.at, one.line), reverse=True)
    evidence: list[Evidence] = [
        {
            "path": wanted.file,
            "line": one.line,
            "rule": "attestation",
            "message": f"{faults[one.line]}: {brief(one.evidence, 200)}",
        }
        for one in misses
    ]
    more = f" (and {len(misses) - 1} more that do not count)" if len(misses) > 1 else ""
    return pending(f"no valid attestation of {target}: {faults[misses[0].line]}{more}", wanted.fix, evidence=evidence)


def shortcoming(record: Attestation, wanted: Wanted, now: datetime) -> str:
    """Why a record does not count; empty when it does."""
    who, age = brief(record.by, 60), (now - record.at).total_seconds()
    if record.release != wanted.release:
        return f"{who} attested it for another release, {short(record.release)}"
    if wanted.code and record.code != wanted.code:
        return f"{who} attested it {'for other images or another checklist' if record.code else 'without the code'}"
    # Without ASCII, some foreign letters would turn into plain ones in lower case.
    if not record.by.isascii() or record.by.lower() not in wanted.people:
        return f"{who} does not hold the role {brief(wanted.role, 60)}"
    if age < -CLOCK_SKEW:
        ahead = f"{show_duration(-age)} in the future, the limit is {show_duration(CLOCK_SKEW)}"
        return f"{who}'s attestation is dated {ahead}"
    if age > wanted.max_age:
        return f"{who}'s attestation is {show_duration(age)} old, the limit is {show_duration(wanted.max_age)}"
    return "" if brief(record.evidence, 200).strip(" �") else f"{who} attested it without any evidence"


def attested(record: Attestation, wanted: Wanted, now: datetime) -> Result:
    """The answer for a record that counts."""
    age = max((now - record.at) / timedelta(seconds=1), 0.0)
    terms = f"({show_duration(age)} ago, limit {show_duration(wanted.max_age)})"
    found = f"attested by {brief(record.by, 60)} at {stamp(record.at)} {terms}: {brief(record.evidence, 400)}"
    entry = {"path": wanted.file, "line": record.line, "rule": "attestation", "message": found}
    return Result.of(Status.ATTESTED, found, target=wanted.max_age, measured=round(age, 1), evidence=[entry])


def short(release: str) -> str:
    """A release as people name it: the first seven characters of a git tree."""
    return brief(release[:7] if len(release) in (40, 64) else release, 60)
