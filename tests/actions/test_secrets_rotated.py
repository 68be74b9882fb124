"""secrets-rotated: there, missing, old, and a token that may not look."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from github_server import GitHub, ago

from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
REPOSITORY, ORGANISATION = "/actions/secrets", "/actions/organization-secrets"
ENVIRONMENT = "/environments/production/secrets"


def put(github: GitHub, place: str, **days: float) -> None:
    github.list(place, "secrets").extend(
        {"name": name, "created_at": ago(days=400), "updated_at": ago(days=old)} for name, old in days.items()
    )


@pytest.fixture
def places(github: GitHub) -> GitHub:
    for place in (REPOSITORY, ENVIRONMENT, ORGANISATION):
        put(github, place)
    return github


def test_all_young(ask: Ask, places: GitHub) -> None:
    put(places, REPOSITORY, DATABASE_URL=10, REDIS_URL=89.9)
    result = ask("secrets-rotated")
    assert result.status is Status.PASSED
    assert result.found == "2 secrets, the oldest changed 89 d ago, the limit is 90 d"


def test_an_old_one(ask: Ask, places: GitHub) -> None:
    put(places, REPOSITORY, DATABASE_URL=10, REDIS_URL=91)
    result = ask("secrets-rotated")
    assert (result.status, result.found) == (Status.FAILED, "1 of 2 secrets older than 90 d: REDIS_URL (91 d)")
    assert ask("secrets-rotated", max_age="92d").status is Status.PASSED
    assert ask("secrets-rotated", names="DATABASE_URL").status is Status.PASSED


def test_a_missing_one(ask: Ask, places: GitHub) -> None:
    put(places, REPOSITORY, DATABASE_URL=10)
    result = ask("secrets-rotated", names="database_url, S3_KEY")
    assert (result.status, result.found) == (Status.FAILED, "1 of 2 secrets missing: S3_KEY")


def test_none_at_all(ask: Ask, places: GitHub) -> None:
    assert ask("secrets-rotated").found == "there is no secret to look at"


def test_the_environments_own_wins(ask: Ask, places: GitHub) -> None:
    put(places, REPOSITORY, DATABASE_URL=200)
    put(places, ENVIRONMENT, DATABASE_URL=1)
    assert ask("secrets-rotated", environment="production").status is Status.PASSED
    assert ask("secrets-rotated").status is Status.FAILED
    places.asked.clear()
    assert ask("secrets-rotated", environment="production", names="DATABASE_URL").status is Status.PASSED
    assert len(places.asked) == 1, "what was found is not looked for further away"


def test_the_organisations(ask: Ask, places: GitHub) -> None:
    put(places, ORGANISATION, SHARED=100)
    assert "missing: SHARED" in ask("secrets-rotated", names="SHARED").found
    assert "1 of 1 secret older" in ask("secrets-rotated", names="SHARED", organization="true").found


def test_a_workflows_own_token_may_not_look(ask: Ask, places: GitHub) -> None:
    places.fail("secrets", 403, {"message": "Resource not accessible by integration"})
    result = ask("secrets-rotated")
    assert result.status is Status.ERROR
    assert result.fix.startswith("no workflow's own token can have `secrets: read`: use a GitHub App's token")
    assert "environments: read" in ask("secrets-rotated", environment="production").fix


@pytest.mark.parametrize("code", [404, 422, 500])
def test_no_answer_is_no_proof(ask: Ask, places: GitHub, code: int) -> None:
    places.fail("secrets", code, {})
    assert ask("secrets-rotated").status is Status.ERROR


def test_another_token(ask: Ask, places: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    put(places, REPOSITORY, A=1)
    monkeypatch.setenv("APP_TOKEN", "")
    result = ask("secrets-rotated", token_variable="APP_TOKEN")
    assert (result.status, result.found) == (Status.ERROR, "APP_TOKEN is not set, so GitHub cannot be asked")
