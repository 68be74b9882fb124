"""What an answer that is no success means for a person, and the one line of YAML that mends a missing permission."""

from __future__ import annotations

import json
from typing import Any

from deploy_gate.github.transport import Answer
from deploy_gate.result import CouldNotTell, brief

# What `permissions:` of a workflow can grant; everything else needs an App's or a person's token.
_SCOPES = (
    *("actions", "attestations", "checks", "contents", "deployments", "discussions", "issues", "packages", "pages"),
    *("pull-requests", "security-events", "statuses", "vulnerability-alerts"),
)
_NAMES = {"repository-projects": "projects", "dependabot-alerts": "vulnerability-alerts"}

_UNSURE, _LOOK = ", so whether it was done is not known", "and look whether it was done before you repeat it"


class Missing(CouldNotTell):
    """404: it is not there, or the token may not see it."""


def refusal(answer: Answer, what: str, token: str, needs: str = "", *, writing: bool = False) -> CouldNotTell:
    """The error for an answer; `needs` is the permission where GitHub does not name it (`checks=read`)."""
    said = message(answer.body)
    words = f" ({said})" if said else ""
    if answer.status == 401:
        fix = f"hand over a token that is valid now: `{token}: ${{{{ github.token }}}}`"
        return CouldNotTell(f"GitHub does not accept {token}: 401{words}", fix)
    verb, denied = ("write", "may not write") if writing else ("read", "may not read")
    grant = permission(answer.headers.get("x-accepted-github-permissions", "") or needs, token, verb)
    if answer.status == 403:
        return CouldNotTell(f"{token} {denied} {what}: GitHub answered 403{words}", grant)
    if answer.status in (404, 410):
        shows = f"GitHub does not take {what}" if writing else f"GitHub shows no {what}"
        found = f"{shows}: {answer.status}, it is not there, or {token} may not see it"
        return Missing(found, f"see that the name is right; {grant}")
    if answer.status == 422:
        asked = what if writing else f"the question for {what}"
        return CouldNotTell(f"GitHub refused {asked}: 422{words}", "correct the inputs of this check")
    if answer.status >= 500:
        end, more = (_UNSURE, _LOOK) if writing else (", three times", "and run again when it is well")
        found = f"GitHub is in trouble: it answered {answer.status} for {what}{end}"
        return CouldNotTell(found, f"see GitHub's status page, {more}")
    return CouldNotTell(f"GitHub answered {answer.status} for {what}{words}", "run again, and report this if it stays")


def permission(accepted: str, token: str, verb: str = "read") -> str:
    """How to grant what GitHub says it accepts, such as `checks=read` or `issues=read; pull_requests=read`."""
    first = accepted.split(";", maxsplit=1)[0]
    pairs = [one.strip().partition("=") for one in first.split(",") if "=" in one]
    wanted = {_NAMES.get(name := key.replace("_", "-"), name): value for key, _, value in pairs}
    wanted = {brief(name, 40): brief(level, 10) for name, level in wanted.items() if name != "metadata"}
    if not wanted:
        return f"give {token} the right to {verb} it"
    text = ", ".join(f"{name}: {level}" for name, level in wanted.items())
    if all(name in _SCOPES for name in wanted):
        return f"grant it in the job: `permissions: {{{text}}}`"
    return f"no workflow's own token can have `{text}`: use a GitHub App's token (or a person's) with that right"


def message(body: bytes) -> str:
    """GitHub's own words."""
    try:
        data: Any = json.loads(body[:65536])
    except (ValueError, RecursionError):
        return ""
    text = data.get("message") if isinstance(data, dict) else None
    return brief(text, 160) if isinstance(text, str) else ""
