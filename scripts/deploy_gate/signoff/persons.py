"""What GitHub says of a person: the right to write, and membership in teams. Anything but a clear yes is a no."""

from __future__ import annotations

from deploy_gate.github import fields
from deploy_gate.github.client import Client, Question, path
from deploy_gate.github.trouble import Missing
from deploy_gate.result import brief
from deploy_gate.signoff.roles import Holders
from deploy_gate.signoff.rules import Standing, Word

_WRITES = ("admin", "write")


def standing(client: Client, repository: str, word: Word, role: Holders, everybody: Holders) -> Standing:
    """Of one who spoke; asks GitHub only what can still matter. CouldNotTell when it does not answer."""
    if word.kind != "yes":
        return Standing(may_stop=_holds(client, word.author, everybody))
    if word.void:
        return Standing()
    if not _holds(client, word.author, role):
        return Standing(f"{brief(word.author, 60)} does not hold the role")
    return Standing("" if _may_write(client, repository, word.author) else "no right to write to the repository")


def _holds(client: Client, login: str, role: Holders) -> bool:
    return login in role.people or any(_is_member(client, team, login) for team in role.teams)


def _is_member(client: Client, team: tuple[str, str], login: str) -> bool:
    organisation, slug = team
    where = path("orgs", organisation, "teams", slug, "memberships", login)
    what = f"membership of {brief(login, 60)} in {organisation}/{slug}"
    try:
        found = client.get(Question(where, what, "members=read"))
    except Missing:
        return False
    return isinstance(found, dict) and found.get("state") == "active"


def _may_write(client: Client, repository: str, login: str) -> bool:
    where = repository + path("collaborators", login, "permission")
    try:
        found = client.get(Question(where, f"permission of {brief(login, 60)}", "metadata=read"))
    except Missing:
        return False
    # An answer about somebody else is no answer.
    same = isinstance(found, dict) and fields.login(found, "user") == login
    return same and found.get("permission") in _WRITES
