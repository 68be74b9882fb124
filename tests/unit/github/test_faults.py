"""A shop that is ready to be deployed, and what turns which of its lines red: every fault, and no other line with it."""

from __future__ import annotations

import copy
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import declared
import github_server
import github_shop
import pytest
from github_server import GitHub, ago
from support import Repository

from deploy_gate.checklist.model import Phase
from deploy_gate.commands import gate_command
from deploy_gate.engine.child import guarded
from deploy_gate.engine.entry import Entry
from deploy_gate.github import transport
from deploy_gate.result import Result, Status

FAULTS = declared.faults("github")
LINES = set(github_shop.ITEMS)
# The others in the long run.
ALWAYS = ("a comment that was edited after the approval", "GitHub answers 403")


@dataclass
class Shop:
    """GitHub, the clone, the commit that is to be deployed, and its lines bound to their checks."""

    github: GitHub
    repository: Repository
    commit: str
    entries: list[Entry]

    def looked(self) -> dict[str, Result]:
        """Each line's result."""
        return {one.id: guarded(partial(self._call, one)) for one in self.entries}

    @staticmethod
    def _call(entry: Entry) -> Result:
        assert entry.capability is not None
        return entry.capability.function(**entry.values)

    def one(self, path: str, number: int = 0) -> dict[str, Any]:
        """An entry of a list of GitHub's."""
        return self.github.list(path)[number]

    def check(self, conclusion: str | None, **more: Any) -> None:
        one = copy.deepcopy(self.one(f"/commits/{self.commit}/check-runs"))
        status = "completed" if conclusion else "in_progress"
        one |= {"id": 9, "name": "scan", "status": status, "conclusion": conclusion, "check_suite": {"id": 9}}
        self.github.list(f"/commits/{self.commit}/check-runs").append(one | more)

    def said(self, login: str) -> dict[str, Any]:
        """That person's comment."""
        return next(one for one in self.github.list("/issues/7/comments") if one["user"]["login"] == login)

    def say(self, login: str, body: str, **more: Any) -> None:
        one = copy.deepcopy(self.said("ada"))
        one |= {"id": 77, "body": body, "user": one["user"] | {"login": login}}
        moments = {"created_at": ago(minutes=1), "updated_at": ago(minutes=1)}
        self.github.list("/issues/7/comments").append(one | moments | more)

    def pushed(self, message: str) -> None:
        """Another commit, to the same pull request; nothing ran on it, and nothing is known of it."""
        self.repository.write("app.py", "print(2)\n")
        new = self.repository.commit(message)
        self.github.list(f"/commits/{new}/pulls", entries=self.github.list(f"/commits/{self.commit}/pulls"))
        self.github.list(f"/commits/{new}/check-runs", "check_runs")
        self.github.list(f"/commits/{new}/status", "statuses")

    def staged(self) -> dict[str, Any]:
        """The status of the deployment to staging."""
        return self.one(f"/deployments/{self.one('/deployments')['id']}/statuses")

    def answers(self, status: int, message: str = "no", **headers: str) -> None:
        """To whatever is asked."""
        self.github.fail("/", status, {"message": message}, headers=headers)


def change(one: dict[str, Any], **more: Any) -> None:
    one |= more


def secrets(shop: Shop, days: float) -> None:
    change(shop.one("/environments/production/secrets"), updated_at=ago(days=days))


def written_by(shop: Shop, login: str | None) -> None:
    one = shop.one("/pulls/7/commits")
    change(one, author=one["author"] | {"login": login} if login else None)


def unreachable(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{port}")


def other(shop: Shop) -> str:
    return shop.repository.git("rev-parse", "HEAD~1")


CAUSES: dict[str, Callable[[Shop], Any]] = {
    "a check that was skipped": lambda shop: shop.check("skipped"),
    "a secret that is 89 days old": lambda shop: secrets(shop, 89),
    "a no of somebody without a role": lambda shop: shop.say("mallory", "/reject ha"),
    "an edited comment that is no command": lambda shop: shop.say("ada", "well done", updated_at=ago(minutes=0)),
    "a second yes of the author": lambda shop: shop.say("eve", shop.said("ada")["body"]),
    "a check that failed": lambda shop: shop.check("failure"),
    "a check that still runs": lambda shop: shop.check(None),
    "a count that is not that of the list": lambda shop: shop.github.fail(
        "check-runs", 200, {"total_count": 2, "check_runs": []}
    ),
    "a run of another commit": lambda shop: shop.check("success", head_sha="c" * 40),
    "another release on staging": lambda shop: change(shop.one("/deployments"), sha=other(shop)),
    "a newest deployment to staging that failed": lambda shop: change(shop.staged(), state="failure"),
    "a secret that is 91 days old": lambda shop: secrets(shop, 91),
    "a token that may not list secrets": lambda shop: shop.github.fail("/secrets", 403, {}),
    "a commit that says that it breaks": lambda shop: shop.pushed("feat!: other prices"),
    "a commit that was pushed after the approval": lambda shop: shop.pushed("feat: more"),
    "a comment that was edited after the approval": lambda shop: change(shop.said("ada"), updated_at=ago(minutes=1)),
    "a comment that was deleted": lambda shop: shop.github.list("/issues/7/comments").remove(shop.said("ada")),
    "a comment that a program wrote in a person's name": lambda shop: change(
        shop.said("ada"), performed_via_github_app=shop.github.example("check-run-paginated", "check_runs")["app"]
    ),
    "a comment of somebody without the role": lambda shop: change(shop.said("ada")["user"], login="mallory"),
    "an approval of another release": lambda shop: change(shop.said("ada"), body="/approve 0123456789ab"),
    "an approval that is eight days old": lambda shop: change(
        shop.said("ada"), created_at=ago(days=8), updated_at=ago(days=8)
    ),
    "an author who approves himself": lambda shop: written_by(shop, "ada"),
    "an author whom nobody knows": lambda shop: written_by(shop, None),
    "a person who may not write any more": lambda shop: change(
        shop.github.objects[f"{github_server.BASE}/collaborators/ada/permission"], permission="read"
    ),
    "a no of somebody with a role": lambda shop: shop.say("joan", "/reject orders are slow"),
    "comments that cannot be read": lambda shop: shop.github.fail("/comments", 500, {}),
    "GitHub answers 403": lambda shop: shop.answers(403),
    "GitHub answers 404": lambda shop: shop.answers(404),
    "GitHub answers 422": lambda shop: shop.answers(422),
    "GitHub answers 503": lambda shop: shop.answers(503),
    "the rate limit is used up for an hour": lambda shop: shop.answers(
        403, "API rate limit exceeded", **{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795611600"}
    ),
    "a secondary rate limit": lambda shop: shop.answers(403, "You have exceeded a secondary rate limit"),
    "a proxy answers in GitHub's place": lambda shop: shop.github.fail("/", 200, b"<html>log in</html>"),
}


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Built once; every test leaves it as it was."""
    repository = Repository(tmp_path_factory.mktemp("shop"))
    with github_server.running() as github, pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository.path)
        commit = github_shop.build(github, repository)
        plan = gate_command.planned(Phase.PRE_DEPLOY, "production", None, list(github_shop.ITEMS), "with")
        yield Shop(github, repository, commit, plan.entries)


@pytest.fixture
def shop(standing: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    github = standing.github
    kept = copy.deepcopy((github.objects, github.lists))
    monkeypatch.chdir(standing.repository.path)
    given = {"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": github_server.NAME, "no_proxy": "127.0.0.1"}
    for name, value in {**given, "GITHUB_TOKEN": github_server.TOKEN, "GITHUB_RUN_ID": str(github_shop.RUN)}.items():
        monkeypatch.setenv(name, value)
    # That a server in trouble is asked again is the client's test.
    monkeypatch.setattr(transport, "TRIES", 0)
    yield standing
    github.objects, github.lists = kept
    github.faults.clear()
    standing.repository.git("reset", "-q", "--hard", standing.commit)


def test_every_fault_is_caused() -> None:
    assert {*CAUSES, "GitHub cannot be reached"} == set(FAULTS)


@pytest.mark.parametrize(
    "fault", [pytest.param(one, marks=[] if one in ALWAYS else pytest.mark.long) for one in FAULTS]
)
def test_a_fault_turns_its_lines_red_and_no_other(shop: Shop, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    unreachable(shop, monkeypatch) if fault == "GitHub cannot be reached" else CAUSES[fault](shop)
    found = shop.looked()
    assert set(found) == LINES
    red = {name: one for name, one in found.items() if one.status not in (Status.PASSED, Status.ATTESTED)}
    assert set(red) == set(FAULTS[fault]), red
    assert [name for name, one in red.items() if not one.fix] == [], "each says what to do"
    assert not [one for one in found.values() if "the check itself broke" in one.found]
    assert github_server.TOKEN not in str([one.as_json() for one in found.values()])


def test_without_a_fault_every_line_is_green(shop: Shop) -> None:
    assert {name: one.status for name, one in shop.looked().items()} == {
        name: Status.ATTESTED if name.startswith("signoff") else Status.PASSED for name in LINES
    }
