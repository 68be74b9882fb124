"""The branch rule that makes the checklist binding: what it says, and setting it through GitHub's REST API."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote

from deploy_gate.facts import repository_facts, restapi
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief

NAME = "deploy-gate"
CHECK = "checklist / gate"
_RIGHTS = "a token with the right *Administration: write* for this repository; the one of a workflow never has it"


def rule(branch: str) -> dict[str, Any]:
    """The ruleset, as the API takes it: on that branch nothing lands without the check."""
    checks = {"strict_required_status_checks_policy": False, "required_status_checks": [{"context": CHECK}]}
    return {
        "name": NAME,
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": [f"refs/heads/{branch}"], "exclude": []}},
        "rules": [{"type": "required_status_checks", "parameters": checks}],
    }


def told(branch: str) -> str:
    """The same for a person: where to click, or what to run."""
    text = json.dumps(rule(branch))
    return (
        f'Require the check "{CHECK}" on {branch}: `init --apply` sets the rule with GITHUB_TOKEN '
        f"({_RIGHTS}), or by hand:\n"
        f"  gh api --method POST repos/{{owner}}/{{repo}}/rulesets --input - <<'END'\n  {text}\nEND"
    )


def apply(branch: str) -> str:
    """Set the rule, once however often it is asked for; what was done, in one line."""
    token = os.environ.get("GITHUB_TOKEN", "")
    if not token:
        raise CouldNotTell("GITHUB_TOKEN is not set, so the branch rule cannot be", f"hand over {_RIGHTS}")
    place = f"/repos/{_place()}/rulesets"
    # A second page means a hundred rulesets; ours may then be made twice, which does no harm.
    known = _ask("GET", f"{place}?per_page=100&includes_parents=false", token)
    rules = [one for one in known if isinstance(one, dict)] if isinstance(known, list) else []
    ours = next((one.get("id") for one in rules if one.get("name") == NAME), None)
    done = "changed" if isinstance(ours, int) else "made"
    found = _ask(*(("PUT", f"{place}/{ours}") if isinstance(ours, int) else ("POST", place)), token, rule(branch))
    if not isinstance(found, dict) or found.get("enforcement") != "active":
        raise CouldNotTell("GitHub did not say that the rule is active", "see Settings ▸ Rules of the repository")
    return f'the rule {NAME} was {done}: {branch} requires the check "{CHECK}"'


def _ask(method: str, path: str, token: str, body: dict[str, Any] | None = None) -> Any:
    base = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
    answer = restapi.ask(method, base, path, token, body)
    if answer.status in (401, 403, 404):
        found = f"GitHub refused {method} {path.partition('?')[0]} with {answer.status}: {answer.message}"
        raise CouldNotTell(found, f"hand over {_RIGHTS}; on a private repository rules need a paid plan")
    if not 200 <= answer.status < 300:
        raise CouldNotTell(f"GitHub answered {method} with {answer.status}: {answer.message}", "try again later")
    return answer.data


def _place() -> str:
    """Owner and name, for a path."""
    if name := repository_facts.github_name():
        return quote(name)
    url = os.environ.get("GITHUB_REPOSITORY") or repository_facts.origin()
    raise Misconfigured([f"the remote 'origin' ({brief(url) or 'none'}) names no repository on GitHub"])
