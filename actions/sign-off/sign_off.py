"""A role's people have signed off exactly this release and plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from deploy_gate.catalog import About
from deploy_gate.facts import conventional, git
from deploy_gate.github import client as github
from deploy_gate.github.client import Client
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, Status, brief, failed, passed, pending
from deploy_gate.signoff import commands, gathering, persons, pushes, rules
from deploy_gate.signoff.gathering import Authors, Place
from deploy_gate.signoff.roles import Holders, everybody, of, parse
from deploy_gate.signoff.rules import Decision, Wanted, Word, told
from deploy_gate.units import Duration, Variable, counted

ABOUT = About(
    reads=(*github.READS, "GITHUB_EVENT_PATH", "GITHUB_RUN_ATTEMPT"),
    github=("actions: read", "issues: read", "pull-requests: read"),
    timeout=180,
)
MOST = 20


@dataclass(frozen=True, slots=True)
class Terms:
    """Who is asked, how many, and where: all that the answer tells people."""

    role: str
    holders: Holders
    quorum: int
    code: str
    number: int
    item: str = ""
    named: bool = False

    @property
    def approval(self) -> str:
        """What people write to say yes."""
        return f"/approve {self.role} {self.code}" if self.named else f"/approve {self.code}"


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    role: str,
    roles: str,
    repository: str,
    environment: str,
    issue: int,
    release: str,
    digests: str,
    plan: str,
    since: str,
    quorum: int,
    one_role: bool,
    max_age: Duration,
    item: str,
    only: Literal["all", "major"],
    unknown_authors: Literal["refuse", "accept"],
    environment_approvals: Literal["read", "ignore"],
    token_variable: Variable,
) -> Result:
    """Read the comments, ask who wrote them, and count."""
    validate(role=role, roles=roles, quorum=quorum, issue=issue)
    everyone = parse(roles)
    commit, tree = git.head(), release or git.tree()
    if not commit or not tree:
        raise CouldNotTell(
            "no commit is checked out here, so there is nothing to sign", "check the repository out first"
        )
    if only == "major" and (reason := conventional.minor(since)):
        return passed(f"not asked for: {reason}, and {brief(role)} signs only major releases")
    code = commands.binding(environment, tree, digests, plan)
    here, where = github.opened(token_variable), github.repository(repository)
    place = gathering.place(here, where, commit, issue)
    terms = Terms(role, of(role, everyone), quorum, code, place.number, item, one_role)
    if not terms.holders:
        fix = f"name at least one login for {brief(role)} under `roles:` in the checklist"
        return pending(f"nobody holds the role '{brief(role)}', so nobody can sign", fix)
    said = gathering.comments(here, where, place.number)
    who = gathering.authors(here, where, commit, place, since)
    if who.unknown and unknown_authors == "refuse":
        found = f"GitHub knows no account of {brief(', '.join(who.unknown), 160)}, who wrote part of this change"
        fix = "link their e-mail address to their account, so that nobody signs his own work"
        raise CouldNotTell(found, fix)
    wanted = Wanted(code, max_age, here.now, who.known, item, role, one_role)
    words = rules.words(said, wanted)
    if environment_approvals == "read" and not item:
        words = rules.joined(words, gathering.approvals(here, where, environment, wanted))
    known = _known(here, where, words, terms.holders, everyone)
    if unknown_authors == "refuse" and not who.proven:
        asked = [one.author for one in words if one.kind == "yes" and one.author in known]
        known |= {name: _brought(here, where, name, known[name], who, place) for name in asked}
    return judge(rules.decide(words, known), terms)


def validate(*, role: str, roles: str, quorum: int, issue: int, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    of(role, parse(roles))
    if quorum < 1 or issue < 0:
        raise Misconfigured(["input 'quorum' is at least 1, and 'issue' is a number"])


def _known(
    here: Client, where: str, words: Sequence[Word], holders: Holders, everyone: dict[str, Holders]
) -> dict[str, rules.Standing]:
    """What GitHub says of those whose word could matter; a crowd cannot make us ask without end."""
    anybody = everybody(everyone)
    # Without teams only those who are named can matter, and nobody else is asked about.
    open_ = [one for one in words if not one.void and _matters(one, holders if one.kind == "yes" else anybody)]
    if len(open_) > MOST:
        fix = "start a new issue for this deployment, and lock it to collaborators"
        raise CouldNotTell(f"{len(open_)} people gave their word, more than {MOST} are not looked up", fix)
    return {one.author: persons.standing(here, where, one, holders, anybody) for one in open_}


def _brought(here: Client, where: str, login: str, known: rules.Standing, who: Authors, place: Place) -> rules.Standing:
    """Also who pushed a part of the change in another's name does not count; asked only where it still matters."""
    if known.refusal or not pushes.pushed(here, where, login, who.unsigned, place.pulls):
        return known
    return rules.Standing("that person pushed a part of the change, and no signature proves who wrote it")


def _matters(word: Word, role: Holders) -> bool:
    return bool(role.teams) or word.author in role.people


def judge(found: Decision, terms: Terms) -> Result:
    """A no first; then the count."""
    command = f"/attest {terms.item} {terms.code} EVIDENCE" if terms.item else terms.approval
    ask = f"have {terms.holders} comment `{command}` on #{terms.number}"
    evidence: list[Evidence] = [_evidence(one) for one in (*found.no, *found.yes)]
    evidence += [_evidence(one, reason) for one, reason in found.void]
    more: dict[str, Any] = {"target": terms.quorum, "measured": len(found.yes), "evidence": evidence}
    if found.no:
        first = found.no[0]
        fix = (
            f"settle it with {brief(first.author, 60)}, who can then comment `/approve {terms.code}` on #{terms.number}"
        )
        answer = failed if first.kind == "reject" else pending
        return answer(f"{told(first)}; it blocks this deployment until that person approves", fix, **more)
    signed = ", ".join(brief(one.author, 60) for one in found.yes)
    need = f"{len(found.yes)} of {terms.quorum} needed from {brief(terms.role)}"
    if len(found.yes) >= terms.quorum:
        said = f": {brief(found.yes[0].text, 200)}" if found.yes[0].text else ""
        line = f"signed off by {signed} on #{terms.number} for {terms.code}, {need}{said}"
        return Result.of(Status.ATTESTED, line, **more)
    misses = f"; {told(*found.void[-1])}" if found.void else ""
    others = f" (and {counted(len(found.void) - 1, 'other')})" if len(found.void) > 1 else ""
    return pending(f"{need}{f' ({signed})' if signed else ''}{misses}{others}", ask, **more)


def _evidence(word: Word, reason: str = "") -> Evidence:
    who = {"by": word.author, "at": word.at.isoformat(), "url": brief(word.url, 300)}
    yes = word.kind == "yes"
    return {"message": told(word, reason), **who, "counts": yes and not reason, "stops": not yes and not reason}
