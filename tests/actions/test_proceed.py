"""proceed: what is answered to a comment, and when a run that stopped at the gate goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comment_talk import NUMBER, RUN, Talk
from github_server import GitHub, ago
from ledgers import key_pair
from policies import People, entry, recorded
from support import Repository

from deploy_gate import cli
from deploy_gate.result import Result, Status, failed, passed
from deploy_gate.signoff import commands
from deploy_gate.signoff.stopping import STOPPED

Ask = Callable[..., Result]
SERVERS: dict[str, Any] = passed("it is held").as_json()


@pytest.fixture
def talk(github: GitHub, repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> Talk:
    event: Path = tmp_path_factory.mktemp("event") / "event.json"
    monkeypatch.setenv("GITHUB_EVENT_NAME", "issue_comment")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    found = Talk(github, repository, event)
    found.law("qa")
    found.merged()
    return found


def answered(ask: Ask, **given: Any) -> Result:
    """What the workflow does with the comment that came last."""
    command = ask("command")
    return ask("proceed", command=json.dumps(command.as_json()), environment="production", **given)


def test_the_last_signature_lets_the_run_go_on(ask: Ask, talk: Talk) -> None:
    talk.say("Ada", f"/approve {talk.code} looked at everything")
    result = answered(ask)
    assert (result.status, result.measured) == (Status.PASSED, "proceed")
    assert (talk.reruns, talk.reactions) == ([str(RUN)], ["rocket"])
    assert (talk.run["status"], talk.run["run_attempt"]) == ("queued", 2)
    [said] = talk.replies
    assert said.startswith(f"Everything is signed: the failed jobs of run {RUN} run again")
    assert f"attested · Signed by qa: signed off by ada on #{NUMBER} for {talk.code}" in said


def test_what_is_missing_is_told_with_the_words_to_write(ask: Ask, talk: Talk) -> None:
    talk.law("qa", "devops")
    talk.merged()
    talk.say("ada", f"/approve {talk.code}")
    assert answered(ask).measured == "waiting"
    assert (talk.reruns, talk.reactions) == ([], ["+1"])
    [said] = talk.replies
    assert said.startswith("That counts; more is wanted.")
    assert "pending · Signed by devops: 0 of 1 needed from devops" in said
    assert f"→ have grace comment `/approve {talk.code}`" in said
    talk.say("grace", f"/approve {talk.code}")
    assert answered(ask).measured == "proceed"


@pytest.mark.long
@pytest.mark.parametrize(
    ("login", "body", "more", "reason"),
    [
        ("ada", "/approve", {}, "it does not name the release"),
        ("ada", "/approve 0123456789ab", {}, "it is for another release or plan"),
        ("ada", "/approve CODE", {"updated_at": ago(minutes=0)}, "/approve by ada does not count: it was edited"),
        ("ada", "/approve CODE", {"user": "bot"}, "/approve by ada does not count: a program wrote it"),
        ("grace", "/approve CODE", {}, "grace approved (does not count: that person holds no role)"),
        ("kay", "/approve CODE", {}, "kay does not hold the role"),
        ("eve", "/approve CODE", {}, "eve does not hold the role"),
    ],
)
def test_what_does_not_count_changes_nothing(
    ask: Ask, talk: Talk, login: str, body: str, more: dict[str, Any], reason: str
) -> None:
    more = {"user": talk.user("ada", "Bot")} if "user" in more else more
    talk.say(login, body.replace("CODE", talk.code), **more)
    assert answered(ask).measured == "waiting"
    assert (talk.reruns, talk.reactions, talk.run["status"]) == ([], ["-1"], "completed")
    [said] = talk.replies
    assert reason in said


def test_the_author_signs_nothing(ask: Ask, talk: Talk) -> None:
    talk.law("qa", roles={"qa": ["eve"]})
    talk.merged()
    talk.say("eve", f"/approve {talk.code}")
    answered(ask)
    assert (talk.reruns, talk.reactions) == ([], ["-1"])
    assert "eve approved (does not count: its author wrote the change)" in talk.replies[0]


def test_a_commit_after_the_approval_voids_it(ask: Ask, talk: Talk) -> None:
    code = talk.code
    talk.repository.write("app.py", "print(2)\n")
    talk.merged("feat: two")
    talk.say("ada", f"/approve {code}")
    answered(ask)
    assert talk.reruns == []
    assert "ada approved (does not count: it is for another release or plan)" in talk.replies[0]


def test_a_ledger_that_nobody_signed_counts_no_signature(ask: Ask, talk: Talk, tmp_path: Path) -> None:
    """It says which release is live, and so who wrote something since."""
    recorded(talk.repository, entry(talk.repository.git("rev-parse", "HEAD"), "b" * 40))
    talk.say("ada", f"/approve {talk.code}")
    assert answered(ask, ledger_signers=key_pair(tmp_path, "own")[1]).measured == "waiting"
    assert talk.reruns == []
    assert "the ledger cannot be believed: line 1, the newest, has no signed statement" in talk.replies[-1]


def test_it_speaks_of_the_same_code_as_the_gate(
    ask: Ask, talk: Talk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a release that changes the live checklist and brings images."""
    live = talk.repository.git("rev-parse", "HEAD")
    recorded(talk.repository, entry(live, "b" * 40))
    talk.law("qa", title="Another")
    People(talk.github).compared(live, talk.merged("feat: two"), "eve")
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"images": {"web": f"sha256:{'a' * 64}"}}))
    where = ("--environment", "production", "--report", str(tmp_path / "report"), "--manifest", str(manifest))
    assert cli.main(["gate", "--phase", "pre-deploy", *where]) == 3
    [line] = json.loads((tmp_path / "report" / "report.json").read_text())["items"]
    talk.say("ada", line["fix"].split("`")[1])
    assert answered(ask).measured == "waiting", "the images are not known there"
    assert "does not count: it is for another release or plan" in talk.replies[-1]
    assert answered(ask, manifest=manifest).measured == "proceed"
    manifest.unlink()
    assert answered(ask, manifest=manifest).status is Status.ERROR
    assert "manifest.json is not there" in talk.replies[-1]


def test_a_stranger_gets_a_sign_and_no_reply(ask: Ask, talk: Talk) -> None:
    talk.say("mallory", f"/approve {talk.code}", inside=False)
    assert answered(ask).measured == "waiting"
    assert (talk.reruns, talk.reactions, talk.replies) == ([], ["-1"], [])


def test_an_ordinary_comment_is_left_alone(ask: Ask, talk: Talk) -> None:
    talk.say("ada", "looks good to me")
    assert answered(ask).measured == ""
    assert talk.github.written == []


@pytest.mark.long
@pytest.mark.parametrize("word", ["reject", "hold"])
def test_a_no_stops_it_until_it_is_taken_back(ask: Ask, talk: Talk, word: str) -> None:
    talk.say("ada", f"/approve {talk.code}")
    talk.say("grace", f"/{word} p95 is <b>odd</b> @acme/all")
    assert answered(ask, servers=json.dumps(SERVERS)).measured == "waiting"
    assert (talk.reruns, talk.reactions) == ([], ["+1"])
    state = {"reject": "failed", "hold": "pending"}[word]
    assert f"\n{state} · Signed by qa: grace {word}" in talk.replies[0]
    assert "p95 is <b>odd</b> @acme/all" in talk.replies[0].partition("```text\n")[2]
    talk.say("grace", f"/approve {talk.code}")
    assert answered(ask).measured == "proceed", "who holds any role may take his own no back"


WAITS = "deploy to production"
STAGING = {"staging / rest": "success", "staging / deploy to staging": "success"}
ON = "is past the gate, has come to the servers and goes on: /rollback with a reason takes it out."
UNDER_WAY = [
    # It waits for a review, read and allowed by the gate: nothing was done yet.
    ({"rest": "success", WAITS: "waiting"}, True, STOPPED),
    ({"rest": "success", WAITS: "in_progress"}, False, ON),
]
MORE = [
    # Nothing has read the comments yet.
    ({"code": "success", "rest": "queued"}, False, STOPPED),
    ({"code": "in_progress"}, False, STOPPED),
    ({**STAGING, "rest": "waiting"}, False, STOPPED),
    ({"rest": "success", "code": "in_progress"}, True, STOPPED),
    ({"code": "in_progress", "rest": "in_progress"}, True, STOPPED),
    ({**STAGING, "rest": "success", WAITS: "pending"}, True, STOPPED),
    ({"rest": "success", WAITS: "success", "verify": "in_progress"}, False, ON),
    # A workflow of the user's own, of which nobody knows what its jobs do.
    ({"rest": "success", "ship": "in_progress"}, False, ON),
]


def under_way(talk: Talk, jobs: dict[str, str], commit: str = "", number: int = RUN + 1) -> None:
    """A run that has not ended, by default of the commit that is checked out."""
    commit = commit or talk.repository.git("rev-parse", "HEAD")
    talk.stopped(commit, number=number, jobs=jobs, status="in_progress", conclusion=None)


@pytest.mark.parametrize(
    ("jobs", "cancelled", "headline"), [*UNDER_WAY, *(pytest.param(*one, marks=pytest.mark.long) for one in MORE)]
)
def test_a_no_stops_what_is_past_the_gate_or_says_that_it_goes_on(
    ask: Ask, talk: Talk, jobs: dict[str, str], cancelled: bool, headline: str
) -> None:
    under_way(talk, {"rest": "success", WAITS: "queued"}, "c" * 40, RUN + 2)
    under_way(talk, jobs)
    talk.say("grace", "/reject orders are slow")
    answered(ask)
    assert talk.cancelled == ([str(RUN + 1)] if cancelled else []), "another commit's run is another matter"
    [said] = talk.replies
    assert headline in said.partition("\n")[0]
    assert (STOPPED in said) == (headline is STOPPED), "what goes on is never told as stopped"
    assert (f"Run {RUN + 1} was past the gate and is cancelled." in said) == cancelled
    assert talk.reactions == ["+1" if headline is STOPPED else "confused"]


@pytest.mark.parametrize("word", ["reject", pytest.param("hold", marks=pytest.mark.long)])
def test_a_no_that_the_gate_does_not_read(ask: Ask, talk: Talk, word: str) -> None:
    """It was written on another issue; what waits is cancelled all the same, and the next is not said to be."""
    under_way(talk, {"rest": "success", WAITS: "waiting"})
    talk.say("grace", f"/{word} orders are slow")
    talk.comments.clear()
    answered(ask, servers=json.dumps(SERVERS))
    [said] = talk.replies
    assert said.startswith(f"Run {RUN + 1} was past the gate and is cancelled. The gate does not see this no")
    assert (talk.reactions, talk.cancelled) == (["confused"], [str(RUN + 1)])


@pytest.mark.long
def test_a_no_where_nobody_is_asked(ask: Ask, talk: Talk) -> None:
    talk.law(items={"plain": {"section": "approval", "title": "Plain", "phases": ["pre-deploy"], "check": "changelog"}})
    talk.merged()
    talk.say("grace", "/reject orders are slow")
    answered(ask)
    assert talk.reactions == ["confused"]
    assert talk.replies == ["The checklist asks for no signature here, so this stops no run."]


def test_a_run_that_comes_to_the_servers_while_it_is_cancelled(ask: Ask, talk: Talk) -> None:
    under_way(talk, {"rest": "success", WAITS: "waiting"})
    jobs = talk.github.list(f"/actions/runs/{RUN + 1}/jobs")

    def begins(handler: Any) -> None:
        jobs[1].update({"status": "in_progress", "steps": jobs[0]["steps"]})
        handler.reply(202, {}, {})

    talk.github.fail("/cancel", 0, act=begins, method="POST")
    talk.say("grace", "/reject orders are slow")
    answered(ask)
    assert ON in talk.replies[0]
    assert STOPPED not in talk.replies[0]


@pytest.mark.long
def test_a_no_that_cannot_cancel(ask: Ask, talk: Talk) -> None:
    under_way(talk, {"rest": "success", WAITS: "waiting"})
    talk.github.fail("/cancel", 403, {"message": "Resource not accessible by integration"}, method="POST")
    talk.say("grace", "/reject orders are slow")
    result = answered(ask)
    assert result.status is Status.ERROR
    assert "`permissions: {actions: write}`" in result.fix
    assert STOPPED not in talk.replies[0]


@pytest.mark.long
@pytest.mark.parametrize("servers", ["", json.dumps(failed("refused", "look").as_json())])
def test_servers_that_do_not_wait_are_told(ask: Ask, talk: Talk, servers: str) -> None:
    talk.say("grace", "/hold p95 is odd")
    answered(ask, servers=servers)
    assert talk.reactions == ["confused"]
    [said] = talk.replies
    assert "The servers do not wait: look at them now." in said
    assert ("refused → look" if servers else "no answer came from them") in said
    assert "pending · Signed by qa: grace holds: p95 is odd" in said


@pytest.mark.long
def test_two_commands_are_none(ask: Ask, talk: Talk) -> None:
    talk.say("ada", f"/approve {talk.code}\n/hold")
    answered(ask)
    assert (talk.reruns, talk.reactions) == ([], ["-1"])
    assert "the comment holds 2 commands, expected one → write one comment for each" in talk.replies[0]


@pytest.mark.long
@pytest.mark.parametrize("action", ["edited", "deleted"])
def test_edited_and_deleted_comments(ask: Ask, talk: Talk, action: str) -> None:
    one = talk.say("ada", f"/approve {talk.code}")
    if action == "deleted":
        talk.comments.remove(one)
        del talk.github.objects[f"/repos/acme/shop/issues/comments/{one['id']}"]
    one |= {"updated_at": ago(minutes=1)}
    change: dict[str, Any] = {"changes": {"body": {"from": one["body"]}}} if action == "edited" else {}
    talk.tell(action, {"id": one["id"], "body": one["body"], "author_association": "MEMBER"}, **change)
    assert answered(ask).measured == "waiting"
    assert (talk.reruns, talk.reactions) == ([], ["confused"] if action == "edited" else [])
    [said] = talk.replies
    assert said.startswith("Edited and deleted comments do not count; write a new one.")
    assert "pending · Signed by qa: 0 of 1 needed from qa" in said


@pytest.mark.long
@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ({"conclusion": "success"}, "ended with success"),
        ({"status": "in_progress", "conclusion": None}, "is in_progress; if it stops at the gate"),
        ({"conclusion": "cancelled"}, "ended with cancelled"),
        ({"commit": "c" * 40}, "is of cccccccccccc, and this is signed for"),
        ({"jobs": {"rest": "success", "deploy": "success", "verify": "failure"}}, "did not stop at the job rest; failed: verify"),
        ({"jobs": {"rest": "success", "deploy": "failure"}}, "did not stop at the job rest; failed: deploy"),
    ],
)  # fmt: skip
def test_a_run_that_did_not_stop_at_the_gate_is_left_alone(
    ask: Ask, talk: Talk, run: dict[str, Any], reason: str
) -> None:
    run = dict(run)
    talk.stopped(run.pop("commit", talk.repository.git("rev-parse", "HEAD")), number=RUN + 1, **run)
    talk.say("ada", f"/approve {talk.code}")
    assert answered(ask).measured == "waiting"
    assert (talk.reruns, talk.reactions) == ([], ["+1"])
    [said] = talk.replies
    assert said.startswith("Everything that was asked for is signed; no run goes on from here.")
    assert reason in said


@pytest.mark.long
def test_the_run_of_a_fork_is_nobodys(ask: Ask, talk: Talk) -> None:
    talk.stopped("c" * 40, number=RUN + 1, home="mallory/shop")
    talk.say("ada", f"/approve {talk.code}")
    assert answered(ask).measured == "proceed"
    assert talk.reruns == [str(RUN)]


@pytest.mark.long
def test_no_run_yet(ask: Ask, talk: Talk) -> None:
    talk.github.list("/actions/workflows/deploy.yml/runs", "workflow_runs", [])
    talk.say("ada", f"/approve {talk.code}")
    answered(ask)
    assert "deploy.yml did not run on main yet" in talk.replies[0]


def test_two_people_at_once_start_it_once(ask: Ask, talk: Talk) -> None:
    def other(handler: Any) -> None:
        talk.run.update({"status": "queued", "run_attempt": 2})
        handler.reply(403, {"message": "This workflow is already running"}, {})

    talk.say("ada", f"/approve {talk.code}")
    talk.github.fail("rerun-failed-jobs", 0, act=other, method="POST")
    assert answered(ask).measured == "proceed"


@pytest.mark.long
@pytest.mark.parametrize("where", ["rerun-failed-jobs", "reactions", f"issues/{NUMBER}/comments"])
def test_a_permission_that_is_missing_is_named(ask: Ask, talk: Talk, where: str) -> None:
    talk.say("ada", f"/approve {talk.code}")
    talk.github.fail(where, 403, {"message": "Resource not accessible by integration"}, method="POST")
    result = answered(ask)
    assert result.status is Status.ERROR
    needed = "actions" if where.startswith("rerun") else "issues"
    assert f"`permissions: {{{needed}: write}}`" in result.fix


@pytest.mark.long
@pytest.mark.parametrize("code", [403, 404, 500])
@pytest.mark.parametrize("where", ["/comments\\?", "/permission", "/workflows/", "/jobs", "/pulls"])
def test_no_answer_is_no_signature(ask: Ask, talk: Talk, where: str, code: int) -> None:
    talk.say("ada", f"/approve {talk.code}")
    command = json.dumps(ask("command").as_json())
    talk.github.fail(where, code, {})
    result = ask("proceed", command=command, environment="production")
    assert result.measured != "proceed"
    assert (talk.reruns, talk.reactions[0] in ("-1", "confused")) == ([], True)


@pytest.mark.long
@pytest.mark.parametrize(
    ("servers", "sign", "headline"),
    [
        ({"status": "passed", "found": "back on blue"}, "+1", "The rollback came to its end."),
        ({"status": "failed", "found": "refused", "fix": "look"}, "-1", "The rollback did not come to its end"),
        (None, "confused", "Nobody can tell what became of the rollback"),
    ],
)
def test_a_rollback_is_told(ask: Ask, talk: Talk, servers: dict[str, str] | None, sign: str, headline: str) -> None:
    talk.say("grace", "/rollback orders fail")
    given = {"servers": json.dumps(SERVERS | servers)} if servers else {}
    answered(ask, **given)
    assert (talk.reruns, talk.reactions) == ([], [sign])
    assert talk.replies[0].startswith(headline)
    assert servers is None or servers["found"] in talk.replies[0]


HOSTILE = "``` @acme/all <img src=x> ![x](http://evil.example) ${{ github.token }} $(id) `id` \x1b[31m\u202eabc"


@pytest.mark.long
@pytest.mark.parametrize("text", [HOSTILE, "`" * 300, "x" * 60_000, "/approve\n/rollback now"])
def test_hostile_words_stay_words(ask: Ask, talk: Talk, text: str) -> None:
    talk.say("grace", f"/reject {text}")
    answered(ask)
    for said in talk.replies:
        assert len(said) < 20_000
        assert said.isprintable() or set(said) - {"\n"} == {one for one in said if one.isprintable()}
        head, _, block = said.partition("\n\n")
        assert not set("@<[$`\\") & set(head)
        opened, *inside, closed = block.split("\n")
        assert opened == f"{closed}text"
        assert not [line for line in inside if closed in line]
        assert commands.parse(said) == []


def test_what_is_no_result_is_refused(ask: Ask, talk: Talk) -> None:
    talk.say("ada", "/hold")
    for given in ({"command": "{"}, {"command": "[]"}, {"command": "{}", "workflow": "../x.yml"}):
        with pytest.raises(Exception, match="input '"):
            ask("proceed", environment="production", **given)
    assert talk.github.written == []
