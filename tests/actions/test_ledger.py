"""The ledger is looked at: an entry of this release, an intact chain, and explained interventions."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fleet import Fleet, fleet
from github_server import GitHub, ago
from support import Repository

from deploy_gate import cli
from deploy_gate.catalog import Catalog
from deploy_gate.facts import interventions
from deploy_gate.facts.attestations import Attestation
from deploy_gate.facts.onhost import Place
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger import chain
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.entry import Entry, Kind, Outcome
from deploy_gate.result import Result, Status

RELEASE, OTHER = "a" * 40, "b" * 40
NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)
MODULE = vars(__import__("sys").modules[Catalog().get("ledger").function.__module__])


def ledger(*releases: str) -> bytes:
    raw, head = b"", Head()
    for release in releases:
        moment = "2026-11-25T02:00:00Z"
        entry = Entry("production", release, Kind.DEPLOY, Outcome.DEPLOYED, moment, moment)
        line, head = chain.line(entry.as_json(), head)
        raw += line
    return raw


def judged(raw: bytes, known: tuple[Head, ...] = (), environment: str = "production") -> Result:
    wanted = MODULE["Wanted"](environment, RELEASE, 86400.0)
    result: Result = MODULE["judge"](raw, wanted, chain.faults(raw, known), NOW)
    return result


def test_it_is_written_down() -> None:
    raw = ledger(OTHER, RELEASE)
    result = judged(raw, (chain.head(raw),))
    assert result.status is Status.PASSED
    assert result.found.startswith("aaaaaaaaaaaa on production is written down as deployed, ended 2026-11-25T02:00:00Z")


@pytest.mark.parametrize(
    ("raw", "environment", "said"),
    [
        (b"", "production", "the ledger is empty, or there is none"),
        (ledger(OTHER), "production", "is not in the ledger, among 1 deployment"),
        (ledger(RELEASE), "staging", "release aaaaaaaaaaaa on staging is not in the ledger"),
        (ledger(OTHER, RELEASE).replace(b"bbb", b"ccc", 1), "production", "does not hold together: line 2"),
        (ledger(OTHER, RELEASE)[:-1], "production", "does not hold together: the last line has no end"),
    ],
)
def test_it_is_not(raw: bytes, environment: str, said: str) -> None:
    result = judged(raw, environment=environment)
    assert result.status is Status.FAILED
    assert said in result.found
    assert result.fix


def test_an_earlier_deployment_of_the_same_release_is_not_this_one() -> None:
    wanted = MODULE["Wanted"]("production", RELEASE, 3599.0)
    result = MODULE["judge"](ledger(RELEASE), wanted, (), NOW)
    assert (result.status, result.measured) == (Status.FAILED, 3600)
    assert result.found == "the newest entry of release aaaaaaaaaaaa on production is 1 h old, the limit is 59 min"


def test_an_entry_from_the_future_proves_nothing() -> None:
    """Whoever recorded it had a clock that is fast: it would count for every deployment to come."""
    early = NOW - timedelta(hours=1, minutes=6)
    result = MODULE["judge"](ledger(RELEASE), MODULE["Wanted"]("production", RELEASE, 86400.0), (), early)
    assert (result.status, result.measured) == (Status.ERROR, -360)
    assert result.found == "the newest entry of release aaaaaaaaaaaa on production is dated 6 min in the future"
    a_little = MODULE["judge"](
        ledger(RELEASE), MODULE["Wanted"]("production", RELEASE, 86400.0), (), early + timedelta(minutes=2)
    )
    assert a_little.status is Status.PASSED


def test_lines_of_another_shape_are_counted_and_told() -> None:
    line, head = chain.line({"schema": 1, "environment": 5}, Head())
    odd, _ = chain.line({"schema": 1, "times": {"total": "abc"}, "environment": "production"}, head)
    result = judged(line + odd)
    assert result.found.endswith(
        "among 0 deployments; 2 lines could not be read as a deployment, and count for nothing"
    )


def test_a_ledger_written_anew() -> None:
    known = chain.head(ledger(OTHER))
    assert judged(ledger(RELEASE), (known,)).found.endswith("is another one: the ledger was written anew")


def test_a_line_that_others_signed_proves_nothing() -> None:
    wanted = MODULE["Wanted"]("production", RELEASE, 86400.0)
    result = MODULE["judge"](ledger(RELEASE), wanted, ["the statement of line 1 is not signed by a pinned key"], NOW)
    assert result.status is Status.FAILED
    assert result.found.endswith("the statement of line 1 is not signed by a pinned key")


# --- what people did by hand


def intent(number: int, step: str, by: str = "deploy", at: str = "2026-11-25T02:00:00Z", **data: Any) -> dict[str, Any]:
    return {"seq": number, "at": at, "event": "intent", "step": step, "by": by, "data": data}


LEASE = intent(1, "lease", holder="ada (run 7)", run="https://x/runs/7", reason="deploy")
BY_HAND = intent(1, "lease", holder="grace", run="", reason="disk was full, moved the logs")


@pytest.mark.parametrize(
    ("journal", "status", "measured"),
    [
        ([], Status.PASSED, 0),
        ([LEASE, intent(2, "switch"), intent(3, "confirm")], Status.PASSED, 0),
        ([intent(2, "rollback", by="guard", reason="not confirmed")], Status.PASSED, 0),
        ([intent(2, "rollback", by="deploy", data_by="x")], Status.FAILED, 1),
        ([BY_HAND, intent(2, "switch")], Status.PASSED, 0),
        # The run's lease ended before somebody went on by hand.
        ([LEASE, intent(2, "lease-release"), intent(3, "switch")], Status.FAILED, 1),
        ([LEASE, intent(2, "lease-break", reason="")], Status.FAILED, 1),
        ([intent(2, "stop"), intent(3, "switch")], Status.FAILED, 2),
        ([{"event": "done", "step": "switch"}, intent(4, "proven")], Status.PASSED, 0),
    ],
)
def test_changes_by_hand_want_a_reason(journal: list[dict[str, Any]], status: Status, measured: int) -> None:
    result = MODULE["judge_interventions"](interventions.changes(journal), [])
    assert (result.status, result.measured) == (status, measured)


RUN = Entry(
    *("production", RELEASE, Kind.DEPLOY, Outcome.DEPLOYED, "2026-11-25T01:50:00Z", "2026-11-25T02:10:00Z"),
    actor="ada",
    run_url="https://x/runs/7",
)
AS_RUN = "ada (run 7)"


@pytest.mark.parametrize(
    ("journal", "unexplained"),
    [
        ([LEASE, intent(2, "switch"), intent(3, "confirm")], 0),
        ([intent(2, "confirm", by=AS_RUN)], 0),
        ([{**intent(2, "rollback"), "data": {"by": AS_RUN}}], 0),
        # The name of a run that there never was, of another person, or long after that run.
        ([intent(2, "confirm", by="ada (run 8)")], 1),
        ([intent(2, "confirm", by="eve (run 7)")], 1),
        ([intent(2, "confirm", by=AS_RUN, at="2026-11-25T02:15:01Z")], 1),
        ([intent(2, "confirm", by=AS_RUN, at="2026-11-25T01:44:59Z")], 1),
        ([{**intent(2, "rollback"), "data": {"by": "ada (run 8)"}}], 1),
        ([{**intent(2, "rollback"), "data": {"by": "ada (run 8)", "reason": "the shop was down"}}], 0),
        ([{**LEASE, "data": {**LEASE["data"], "run": "https://x/runs/8", "reason": ""}}, intent(2, "switch")], 1),
    ],
)
def test_a_run_is_what_the_ledger_knows(journal: list[dict[str, Any]], unexplained: int) -> None:
    """Anybody at a prompt can type `--by "ada (run 7)"`."""
    found = interventions.explained(interventions.changes(journal), interventions.runs([RUN]))
    result = MODULE["judge_interventions"](found, [])
    assert (result.status is Status.FAILED, result.measured) == (bool(unexplained), unexplained)


def test_somebody_explained_it_afterwards() -> None:
    found = interventions.changes([intent(2, "switch", at="2026-11-25T02:00:00Z")])
    said = Attestation("interventions", RELEASE, "ada", datetime(2026, 11, 25, 3, tzinfo=UTC), "the flag hung")
    assert MODULE["judge_interventions"](found, [said]).status is Status.PASSED
    early = Attestation("interventions", RELEASE, "ada", datetime(2026, 11, 25, 1, tzinfo=UTC), "will do")
    assert MODULE["judge_interventions"](found, [early]).status is Status.FAILED


@pytest.fixture(scope="module")
def one_server() -> Iterator[Fleet]:
    """A server of these tests."""
    with fleet(1) as found:
        yield found


@pytest.fixture
def servers(one_server: Fleet, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """The server as it was, told of no ledger, and the key that opens it."""
    one_server.reset()
    monkeypatch.setenv("SSH_PRIVATE_KEY", one_server.key)
    monkeypatch.setenv("SSH_KNOWN_HOSTS", one_server.doors[0].pins)
    return one_server


def test_a_server_is_asked(servers: Fleet) -> None:
    before = len(seen(servers))
    servers.hosts[0].good("prepare", OTHER)
    servers.hosts[0].good("stop")
    by_hand = seen(servers)[before:]
    assert [one.step for one in by_hand] == ["start", "stop"]
    assert not any(one.reason for one in by_hand)


def test_a_ledger_written_anew_is_found_by_what_the_server_remembers(
    servers: Fleet, repository: Repository, ask: Callable[..., Result]
) -> None:
    """Of the same length, and whole: the chain alone would hold. Nothing is written on it, and it is told."""
    origin = repository.path.parent / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", str(origin)], check=True)
    repository.git("remote", "add", "origin", str(origin))
    repository.write("app.py", "x = 1\n")
    repository.commit("feat: one")
    repository.write("deploy.json", '{"status": "passed", "found": "deployed", "measured": "deployed"}')
    there = {"environment": "production", "host": servers.doors[0].host, "config": str(servers.hosts[0].config)}
    first = ask("record", deploy="deploy.json", **there)
    assert first.status is Status.PASSED
    assert first.found.endswith("; written down as line 1")
    assert servers.hosts[0].good("ledger")["ledger"] == f"1:{first.evidence[0]['hash']}"
    assert ask("ledger", proves="entry", **there).status is Status.PASSED
    subprocess.run(["git", "update-ref", "-d", "refs/heads/deploy-ledger"], cwd=origin, check=True)
    tree, moment = repository.git("rev-parse", "HEAD^{tree}"), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with branches.opened() as branch:
        branches.append(branch, Entry("production", tree, Kind.DEPLOY, Outcome.DEPLOYED, moment, moment), {})
    told = "line 1, which is known from elsewhere, is another one: the ledger was written anew"
    assert ask("ledger", proves="entry", environment="production").status is Status.PASSED
    for proves in ("entry", "interventions"):
        result = ask("ledger", proves=proves, **there)
        assert (result.status, result.found) == (Status.FAILED, f"the ledger does not hold together: {told}")
    again = ask("record", deploy="deploy.json", **there)
    assert (again.status, again.found) == (Status.ERROR, f"the ledger is broken, and is not written on: {told}")
    with branches.opened() as branch:
        assert chain.head(branch.read().raw).number == 1


def test_a_server_that_does_not_answer_keeps_nothing_from_being_written_down(
    repository: Repository, ask: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, servers: Fleet
) -> None:
    origin = repository.path.parent / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", str(origin)], check=True)
    repository.git("remote", "add", "origin", str(origin))
    repository.commit("feat: one")
    repository.write("deploy.json", '{"status": "passed", "found": "deployed", "measured": "deployed"}')
    there = {"environment": "production", "host": servers.doors[0].host, "config": "nowhere.json"}
    result = ask("record", deploy="deploy.json", **there)
    assert (result.status, result.measured) == (Status.WARNED, 1)
    assert "could not be asked what it knows of the ledger" in result.found
    monkeypatch.delenv("SSH_PRIVATE_KEY")
    result = ask("record", deploy="deploy.json", **there)
    assert (result.status, result.measured) == (Status.WARNED, 2)
    assert "written down as line 2, but the servers could not be asked: SSH_PRIVATE_KEY" in result.found


def test_verify_asks_the_servers(
    repository: Repository, ask: Callable[..., Result], capsys: pytest.CaptureFixture[str], servers: Fleet
) -> None:
    """Behind what a server knows, or another than that, is refused; a server that does not say proves nothing."""
    origin = repository.path.parent / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", str(origin)], check=True)
    repository.git("remote", "add", "origin", str(origin))
    repository.commit("feat: one")
    repository.write("deploy.json", '{"status": "passed", "found": "deployed", "measured": "deployed"}')
    door = servers.doors[0]
    there = {"environment": "production", "host": door.host, "config": "slots.json"}
    words = ["ledger", "verify", "--host", door.host, "--host-keys", door.pins, "--config", "slots.json"]

    def verify(*more: str) -> tuple[int, str]:
        code = cli.main([*words, *more])
        told = capsys.readouterr()
        return code, told.out + told.err

    assert ask("record", deploy="deploy.json", **{**there, "host": ""}).status is Status.PASSED
    code, told = verify()
    assert (code, "no server was ever told a line of the ledger" in told) == (3, True), told
    repository.git("fetch", "-q", "origin", "deploy-ledger:behind")
    again = ask("record", deploy="deploy.json", verdict="go", **there)
    assert again.status is Status.PASSED, again
    code, told = verify()
    assert (code, f"2:{again.evidence[0]['hash']}" in told) == (0, True), told
    repository.git("push", "-q", "--force", "origin", "behind:deploy-ledger")
    code, told = verify()
    assert (code, told) == (
        1,
        "wrong: line 2, which is known from elsewhere, is not there: the ledger was written anew\n",
    )
    with branches.opened() as branch:
        moment = "2026-11-25T02:00:00Z"
        branches.append(branch, Entry("production", OTHER, Kind.DEPLOY, Outcome.DEPLOYED, moment, moment), {})
    code, told = verify()
    assert (code, "wrong: line 2, which is known from elsewhere, is another one" in told) == (1, True), told
    assert cli.main(words[:2]) == 0, "alone the branch holds together"
    capsys.readouterr()
    for more, said in (
        (["--config", "nowhere.json"], "could not be asked what it knows of the ledger"),
        (["--host-keys", "[127.0.0.1]:1 ssh-ed25519 AAAA"], "pinned"),
        (["--host", "deploy@127.0.0.1:1"], ""),
    ):
        code, told = verify(*more)
        assert (code, said in told) == (3, True), told
    subprocess.run(["git", "update-ref", "-d", "refs/heads/deploy-ledger"], cwd=origin, check=True)
    assert verify()[0] == 1, "a server knows that there was one"
    assert cli.main(words[:2]) == 3


def seen(servers: Fleet) -> list[interventions.Change]:
    place = Place(servers.doors[0].host, servers.doors[0].pins, "slots.json")
    return [one for one in interventions.read(place).changes if one.by_hand]


@pytest.mark.parametrize(
    ("more", "said"), [({"known": ["7:x"]}, "is not NUMBER:HASH"), ({"proves": "interventions"}, "needs the inputs")]
)
def test_mistakes_in_the_inputs(more: dict[str, Any], said: str) -> None:
    given = {"proves": "entry", "host": "", "config": "", "known": [], **more}
    (told,) = Catalog().get("ledger").faults(given)
    assert said in told


def test_github_is_asked(ask: Callable[..., Result], github: GitHub, repository: Repository) -> None:
    origin = repository.path.parent / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", str(origin)], check=True)
    repository.git("remote", "add", "origin", str(origin))
    repository.write("app.py", "x = 1\n")
    commit = repository.commit("feat: one")
    moment = "2026-11-25T02:00:00Z"
    tree = repository.git("rev-parse", "HEAD^{tree}")
    with branches.opened() as there:
        branches.append(there, Entry("production", tree, Kind.DEPLOY, Outcome.DEPLOYED, moment, moment), {})
    one = github.example("deployment-items")
    one |= {"sha": commit, "ref": "main", "environment": "production", "created_at": ago(hours=1)}
    github.list("/deployments").insert(0, one)
    statuses = github.list(f"/deployments/{one['id']}/statuses")
    statuses.insert(0, github.example("deployment-status-items") | {"state": "success", "created_at": ago(hours=1)})
    given = {"proves": "deployments", "environment": "production"}
    assert ask("ledger", **given).status is Status.PASSED
    statuses.insert(0, github.example("deployment-status-items") | {"state": "failure", "created_at": ago(minutes=1)})
    assert "it is deployed in the ledger, failure on GitHub" in ask("ledger", **given).found
