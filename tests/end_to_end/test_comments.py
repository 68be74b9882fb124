"""Comments as commands, the whole way: the consumer's workflow as `init` writes it, under a real runner, beside GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import github_server
import pytest
from comment_talk import RUN, Talk
from fleet import NEW, OLD, Fleet, fleet
from github_server import NAME, TOKEN, GitHub, ago
from support import snapshot

from deploy_gate.commands import init_command
from deploy_gate.facts.repository_facts import Facts
from deploy_gate.workbench import act, stage
from host.state import HOLD

ASKING = ("actions/command/action.yml", "actions/proceed/action.yml", "action.yml")


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    with github_server.running() as found:
        yield found


@pytest.fixture(scope="module")
def staged(github: GitHub, tmp_path_factory: pytest.TempPathFactory) -> stage.Staged:
    """The product, its one change: GitHub of these tests, which act cannot be told."""
    folder = tmp_path_factory.mktemp("redirected")
    found = stage.export(snapshot(folder / "tree"), folder / "staged")
    for name in ASKING:
        path = found.path / name
        text = path.read_text()
        assert text.count("run: exec python3") == 1
        path.write_text(text.replace("run: exec python3", f"run: GITHUB_API_URL={github.url} exec python3"))
    return found


@pytest.fixture(scope="module")
def standing() -> Iterator[Fleet]:
    """One server."""
    with fleet(1) as found:
        yield found


@dataclass
class Place:
    """A consumer with a pull request that people talk about, and the workflows that answer and that wait."""

    consumer: Any
    talk: Talk
    scratch: Path
    secrets: dict[str, str]
    variables: dict[str, str]
    count: int = 0

    def answered(self) -> act.Run:
        """Run the workflow for the event that came last; what came of it is in the talk. No secret is in its log."""
        payload = json.loads(self.talk.event.read_text())
        return self.run("comments.yml", event="issue_comment", payload=payload)

    def gate(self) -> str:
        """What the gate itself says now."""
        return self.run("gate.yml").jobs["gate"].outputs["gate.verdict"]

    def run(self, workflow: str, **more: Any) -> act.Run:
        self.count += 1
        scratch = self.scratch / str(self.count)
        scratch.mkdir(parents=True)
        more |= {"environment": {"GITHUB_REPOSITORY": NAME, "GITHUB_TRIGGERING_ACTOR": "grace"}, "lock": "dev"}
        where = act.Stage(scratch, self.consumer.staged.references, self.secrets, self.variables, **more)
        found = act.run(self.consumer.path, workflow, where, timeout=600)
        assert not [name for name, value in self.secrets.items() if value in said(found)], "a secret is in the log"
        return found


def said(found: act.Run) -> str:
    """Everything the run said."""
    return "\n".join(f"{name}: {line}" for name, job in found.jobs.items() for line in job.log) + found.said


def results(found: act.Run) -> dict[str, str]:
    """How its jobs ended; one that did not run is not there."""
    return {name: job.result for name, job in found.jobs.items() if job.result}


@pytest.fixture
def place(consumer: Any, github: GitHub, tmp_path: Path) -> Place:
    """One signature is wanted, and nobody has signed."""
    for state in (github.lists, github.objects, github.written, github.faults):
        state.clear()
    # The ledger's branch is asked for at, and pushed to, a repository beside it.
    remote = consumer.scratch.parent / "remote.git"
    consumer.git("init", "-q", "--bare", str(remote))
    consumer.git("config", f"url.{remote}.insteadOf", "https://github.com/acme/shop.git")
    text = init_command.workflow(Facts("main", ["true"]), "comments")
    consumer.write(
        ".github/workflows/comments.yml", text.replace('"/srv/app/scripts/deployment/slots.json"', "slots.json")
    )
    step = {"id": "gate", "uses": "tsh/deploy-gate@v1", "env": {"GITHUB_TOKEN": "${{ github.token }}"}}
    consumer.workflow({**step, "with": {"phase": "pre-deploy", "environment": "production", "code": "without"}})
    talk = Talk(github, consumer, tmp_path / "event.json")
    talk.law("qa")
    talk.merged()
    variables = {"PRODUCTION_HOST": "deploy@127.0.0.1:9", "PRODUCTION_HOST_KEYS": ""}
    return Place(consumer, talk, tmp_path / "runs", {"GITHUB_TOKEN": TOKEN, "SSH_PRIVATE_KEY": "none here"}, variables)


def commits(place: Place) -> None:
    """GitHub knows the tree of the commit, as a command asks for it."""
    head = place.consumer.git("rev-parse", "HEAD")
    one = place.talk.github.example("git-commit") | {"sha": head}
    one["tree"] |= {"sha": place.consumer.git("rev-parse", "HEAD^{tree}")}
    place.talk.github.object(f"/git/commits/{head}", one)


def test_the_last_signature_lets_the_run_go_on(place: Place) -> None:
    commits(place)
    place.talk.say("ada", f"/approve {place.talk.code} $(touch pwned) `id` \"'; ${{{{ github.token }}}}")
    found = place.answered()
    assert results(found) == {"read": "success", "answer": "success"}, said(found)
    assert place.talk.reruns == [str(RUN)], said(found)
    assert place.talk.reactions == ["rocket"]
    [reply] = place.talk.replies
    assert reply.startswith(f"Everything is signed: the failed jobs of run {RUN} run again"), reply
    assert "$(touch pwned) `id` \"'; ${{ github.token }}" in reply, "words stay words"
    assert not list(place.consumer.path.rglob("pwned"))


@pytest.mark.long
def test_the_gate_reads_the_comments_itself(place: Place) -> None:
    assert place.gate() == "could-not-tell"
    commits(place)
    place.talk.say("ada", f"/approve {place.talk.code}")
    place.answered()
    assert place.talk.reruns == [str(RUN)]
    assert place.gate() == "go"
    # Whatever the workflow did before: what is taken back is taken back.
    place.talk.comments.clear()
    assert place.gate() == "could-not-tell"


@pytest.mark.long
@pytest.mark.parametrize(
    ("login", "body", "more", "read"),
    [
        ("mallory", "/approve CODE", {"inside": False}, "failure"),
        ("kay", "/approve CODE", {}, "failure"),
        ("ada", "/approve CODE", {"updated_at": ago(minutes=0)}, "failure"),
        ("ada", "/approve 0123456789ab", {}, "success"),
        ("ada", "/approve", {}, "success"),
        ("grace", "/approve CODE", {}, "success"),
    ],
    ids=["stranger", "no-role", "edited", "other-code", "no-code", "other-role"],
)
def test_what_does_not_count_changes_nothing(
    place: Place, login: str, body: str, more: dict[str, Any], read: str
) -> None:
    commits(place)
    place.talk.say(login, body.replace("CODE", place.talk.code), **more)
    found = place.answered()
    assert results(found) == {"read": read, "answer": "success"}, said(found)
    assert (place.talk.reruns, place.talk.reactions) == ([], ["-1"])
    assert len(place.talk.replies) == (0 if login == "mallory" else 1)
    assert place.gate() == "could-not-tell"


@pytest.mark.long
def test_the_author_signs_nothing(place: Place) -> None:
    place.talk.law("qa", roles={"qa": ["eve"]})
    place.talk.merged()
    commits(place)
    place.talk.say("eve", f"/approve {place.talk.code}")
    found = place.answered()
    assert (place.talk.reruns, place.talk.reactions) == ([], ["-1"]), said(found)
    assert "its author wrote the change" in place.talk.replies[0]
    assert place.gate() == "could-not-tell"


@pytest.mark.long
@pytest.mark.parametrize("way", ["pushed", "revoked", "edited", "deleted"])
def test_a_signature_is_void_when_what_it_stands_on_moves(place: Place, way: str) -> None:
    place.talk.law("qa", "devops", roles={"qa": ["acme/testers"], "devops": ["grace"]})
    place.talk.merged()
    commits(place)
    place.talk.member("ada", active=True)
    one = place.talk.say("ada", f"/approve {place.talk.code}")
    place.answered()
    assert (place.talk.reruns, place.talk.reactions) == ([], ["+1"])
    if way == "pushed":
        place.consumer.write("more.txt", "more\n")
        place.talk.merged("feat: pushed afterwards")
        commits(place)
    elif way == "revoked":
        place.talk.member("ada", active=False)
    elif way == "edited":
        one["updated_at"] = ago(minutes=1)
    else:
        place.talk.comments.remove(one)
    place.talk.say("grace", f"/approve {place.talk.code}")
    found = place.answered()
    assert (place.talk.reruns, place.talk.reactions[1:]) == ([], ["+1"]), said(found)
    assert "pending · Signed by qa: 0 of 1 needed from qa" in place.talk.replies[-1]
    assert place.gate() == "could-not-tell"


@pytest.mark.long
def test_words_that_are_no_command_cost_no_runner(place: Place) -> None:
    place.talk.say("ada", "looks good")
    payload = json.loads(place.talk.event.read_text())
    payload["comment"]["body"] = "looks good"
    found = place.run("comments.yml", event="issue_comment", payload=payload)
    assert (results(found), place.talk.github.written) == ({}, [])


@pytest.fixture
def server(place: Place, standing: Fleet) -> Fleet:
    """The server, the consumer's release live on it."""
    standing.reset()
    place.secrets["SSH_PRIVATE_KEY"] = standing.key
    door = standing.doors[0]
    place.variables |= {"PRODUCTION_HOST": door.host, "PRODUCTION_HOST_KEYS": door.pins}
    commits(place)
    return standing


def put_live(server: Fleet, release: str) -> None:
    """Live there, and nobody has confirmed it."""
    told = server.deploy(release, confirm="false")
    assert (told.code, told.data["measured"]) == (0, "switched"), told


def written(place: Place) -> list[dict[str, Any]]:
    """The lines of the ledger at the remote."""
    remote = place.consumer.scratch.parent / "remote.git"
    text = place.consumer.git("-C", str(remote), "show", "deploy-ledger:ledger.jsonl")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.long
def test_a_person_takes_it_back_in_a_comment(place: Place, server: Fleet) -> None:
    release = place.consumer.git("rev-parse", "HEAD^{tree}")
    put_live(server, release)
    place.talk.say("mallory", "/rollback now", inside=False)
    found = place.answered()
    assert results(found) == {"read": "failure", "answer": "success"}, said(found)
    assert (place.talk.reactions, place.talk.replies) == (["-1"], [])
    server.live((release, "green"))

    place.talk.say("grace", "/rollback orders fail; \"$(id)\" `id` ${{ github.token }} 'x'")
    found = place.answered()
    assert results(found) == dict.fromkeys(("read", "servers", "answer", "close"), "success"), said(found)
    server.live((OLD, "blue"))
    left = server.hosts[0].good("status")["left"][-1]
    assert (left["release"], left["reason"]) == (release, "orders fail; \"$(id)\" `id` ${{ github.token }} 'x'")
    assert place.talk.reactions[1:] == ["+1"]
    assert place.talk.replies[0].startswith("The rollback came to its end."), place.talk.replies
    [line] = written(place)
    assert (line["kind"], line["outcome"], line["environment"]) == ("rollback", "rolled-back", "production")
    assert (line["from_release"], line["release"], line["reason"]) == (release, OLD, left["reason"])
    assert line["actor"] == "grace"
    assert server.hosts[0].good("ledger")["ledger"].startswith("1:"), "the server remembers the line"

    # It was about that release: another one that is live by now stays.
    put_live(server, NEW)
    place.talk.say("grace", "/rollback again")
    assert place.answered().code == 0
    server.live((NEW, "green"))


@pytest.mark.long
def test_a_person_holds_it_in_a_comment(place: Place, server: Fleet) -> None:
    place.talk.say("grace", "/hold before it is live")
    found = place.answered()
    assert results(found) == dict.fromkeys(("read", "servers", "answer"), "success"), said(found)
    assert "there is nothing to hold" in place.talk.replies[0]
    assert "pending · Signed by qa: grace holds: before it is live" in place.talk.replies[0]

    release = place.consumer.git("rev-parse", "HEAD^{tree}")
    put_live(server, release)
    place.talk.say("grace", "/hold p95 is odd")
    assert place.answered().code == 0
    watch = server.hosts[0].good("status")["watch"]
    assert (watch["phase"], watch["release"]) == (HOLD, release)
    assert f"{release[:12]} is held on 1 server for 30 min" in place.talk.replies[1]
