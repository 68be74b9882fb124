"""The reviews as issues: one a week and one a deployment, found again, and never over what a person wrote."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deployments import MOMENT
from github_server import GitHub
from support import Repository

from deploy_gate.catalog import Catalog
from deploy_gate.github import kept
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger import chain
from deploy_gate.ledger.entry import Entry, Kind, Outcome, Times
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status

MONDAY = datetime(2024, 11, 18, tzinfo=UTC)
WEEK = "2024-W47"
Record = Callable[..., None]
Review = Callable[..., Result]
begins = Catalog().get("review").module.begins


def deployed(days: float, release: str, outcome: Outcome = Outcome.DEPLOYED, **more: Any) -> Entry:
    """A line that ended so many days into the week."""
    ended = MONDAY + timedelta(days=days)
    began = ended - timedelta(minutes=5)
    made = Entry("production", release * 40, Kind.DEPLOY, outcome, began.strftime(MOMENT), ended.strftime(MOMENT))
    return replace(made, **{"times": Times(300), "actor": "ada", **more})


FELL = deployed(
    2.5,
    "b",
    Outcome.FELL_BACK,
    subject="feat: prices @acme/all closes #7 <!-- x -->",
    author="Grace",
    decided_by="errors",
    why="6 % of 2,000 failed",
    times=Times(300, 20, 1, 0.5),
    counts={"passed": 90, "failed": 1},
    interventions=[{"found": "line 3: stop by grace: disk was full"}],
    run_url="https://github.example/shop/actions/runs/1",
)


@pytest.fixture
def ledger(repository: Repository, github: GitHub) -> Record:
    """A ledger with a deployment that went in and one that fell back; the function records more."""
    origin = repository.path.parent / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", str(origin)], check=True)
    repository.git("remote", "add", "origin", str(origin))
    repository.write("app.py", "x = 1\n")
    repository.commit("feat: one")
    github.list("/issues")

    known: list[Entry] = []

    def record(*more: Entry) -> None:
        known.extend(more)
        head, raw = chain.Head(), b""
        for one in known:
            line, head = chain.line(one.as_json(), head)
            raw += line
        push(raw)

    record(deployed(1, "a"), FELL)
    return record


def push(raw: bytes) -> None:
    """Have the ledger's branch hold these lines."""
    with branches.opened() as branch:
        assert branch.push(branch.read(), {branches.LEDGER: raw}, "as recorded")


@pytest.fixture
def review(ask: Callable[..., Result], ledger: Record) -> Review:
    return lambda **more: ask("review", **{"environment": "production", "week": WEEK, **more})


def issues(github: GitHub) -> list[dict[str, Any]]:
    """Oldest first."""
    return sorted(github.list("/issues"), key=lambda one: int(one["number"]))


def comments(github: GitHub, number: int) -> list[str]:
    return [str(one["body"]) for one in github.list(f"/issues/{number}/comments")]


def test_the_week_and_each_deployment_have_an_issue(github: GitHub, review: Review) -> None:
    result = review(labels="review,ops")
    assert (result.status, result.measured) == (Status.PASSED, 3)
    assert result.found == "Deployments to production in 2024-W47: issue 1 opened; 3 of 3 issues written"
    week, first, second = issues(github)
    assert [one["name"] for one in week["labels"]] == ["review", "ops"]
    for said in ("| Success rate | 50.0% | &gt; 95% | **no** |", "2024-11-18 to 2024-11-25", "bbbbbbbbbbbb fell back"):
        assert said in week["body"]
    assert "- [ ] errors decided 1 failure: let it be seen before the switch" in week["body"]
    assert first["title"] == "Post-deployment review: production 2024-11-19 00:00, aaaaaaaaaaaa"
    assert second["body"].splitlines()[:9] == [
        r"**feat: prices &#64;acme/all closes \#7 &lt;!-- x --&gt;**, by Grace",
        "",
        "- Deployment date: 2024-11-20 12:00 UTC",
        "- Deployed by: ada",
        "- Deployment duration: 5 min",
        "- Rollback required: Yes (fell back; recovery: detect 20 s, decide 1 s, restore 500 ms)",
        "- Run: <https://github.example/shop/actions/runs/1>",
        "",
        "## Issues encountered",
    ]
    assert "- fell back; decided by: errors; 6 % of 2,000 failed" in second["body"]
    assert "- by hand: line 3: stop by grace: disk was full" in second["body"]
    assert "## Lessons learned\n\n- [ ] What would have shown the trouble earlier" in second["body"]
    assert "- Rollback required: No" in first["body"]


def test_what_is_there_is_left_alone(github: GitHub, review: Review) -> None:
    review()
    assert review().found.endswith("issue 1 unchanged; 0 of 3 issues written")
    assert len(github.written) == 3


def test_which_deployments(github: GitHub, review: Review) -> None:
    assert review(deployments="failed").measured == 2
    assert review(deployments="none").measured == 0
    assert review(deployments="all").measured == 1
    assert len(issues(github)) == 3


def test_what_has_changed_is_written_anew(github: GitHub, review: Review, ledger: Record) -> None:
    review()
    # Rolled back in the week after: it had gone in when the week was reviewed.
    ledger(deployed(6, "c"))
    review()
    back = replace(deployed(8, "a", Outcome.ROLLED_BACK, from_release="c" * 40, reason="slow"), kind=Kind.ROLLBACK)
    ledger(back)
    result = review()
    assert result.found.endswith("issue 1 written anew; 2 of 4 issues written")
    last = issues(github)[-1]
    assert (
        "- Rollback required: Yes (rolled back, mended by rollback of aaaaaaaaaaaa at 2024-11-26 00:00" in last["body"]
    )
    assert [method for method, *_ in github.written] == [*["POST"] * 3, "PATCH", "PATCH", "POST", "PATCH", "PATCH"]


@pytest.mark.parametrize("how", ["ticked", "closed", "in a browser"])
def test_a_person_is_not_overwritten(github: GitHub, review: Review, ledger: Record, how: str) -> None:
    review(deployments="none")
    [week] = issues(github)
    if how == "closed":
        week["state"] = "closed"
    else:
        week["body"] = week["body"].replace("- [ ]", "- [x]", 1)
    if how == "in a browser":
        week["body"] = week["body"].replace("\n", "\r\n")
    github.list("/issues/1/comments")
    before = week["body"]
    assert review(deployments="none").measured == 0, "nothing is new"
    ledger(deployed(6, "c"))
    result = review(deployments="none")
    assert result.found.endswith("issue 1 commented; 1 of 1 issue written")
    assert week["body"] == before
    [comment] = comments(github, 1)
    assert "| Success rate | 66.7% |" in comment
    assert review(deployments="none").measured == 0, "it was said already"
    assert len(comments(github, 1)) == 1


def test_lines_that_a_browser_ended_are_the_same(github: GitHub, review: Review) -> None:
    review(deployments="none")
    [week] = issues(github)
    week["body"] = week["body"].replace("\n", "\r\n")
    assert review(deployments="none").measured == 0
    assert len(github.written) == 1


@pytest.mark.parametrize("forged", [{"user": {"type": "User"}, "author_association": "NONE"}, {"pull_request": {}}])
def test_an_outsider_cannot_own_the_review(github: GitHub, review: Review, forged: dict[str, Any]) -> None:
    review(deployments="none")
    [week] = issues(github)
    if "pull_request" in forged:
        forged = {"pull_request": github.law.example("issue-items")[0]["pull_request"]}
    week |= {**forged, "user": {**week["user"], **forged.get("user", {})}}
    assert review(deployments="none").found.endswith("issue 2 opened; 1 of 1 issue written")


def test_of_two_the_first_is_kept(github: GitHub, review: Review) -> None:
    review(deployments="none")
    first = issues(github)[0]
    github.list("/issues").insert(0, {**first, "number": 9, "id": 9999})
    assert "issue 1 unchanged" in review(deployments="none").found


def test_github_takes_no_more_than_it_takes(github: GitHub, review: Review, ledger: Record) -> None:
    long = "é" * 500
    bad: dict[str, Any] = {"outcome": Outcome.FELL_BACK, "subject": long, "why": long, "decided_by": long}
    ledger(*(deployed(3 + number / 100, "cd"[number % 2], **bad) for number in range(45)))
    review(deployments="none")
    [week] = issues(github)
    assert len(week["body"].encode()) <= 65_536
    assert "more lines not shown, since GitHub takes no more" in week["body"]
    assert "## To improve" in week["body"]
    assert review(deployments="none").measured == 0


def test_a_week_without_deployments_is_no_issue(github: GitHub, review: Review) -> None:
    result = review(week="2024-W46")
    assert result.found == "nothing was deployed to production in 2024-W46, so there is nothing to review"
    assert github.asked == []


def test_what_cannot_be_told(github: GitHub, review: Review) -> None:
    ways: tuple[tuple[dict[str, str], str], ...] = (
        ({"environment": "prodution"}, "no deployment to prodution; did you mean 'production'?"),
        ({"branch": "other"}, "there is no ledger on branch other"),
    )
    for more, said in ways:
        assert (review(**more).status, said in review(**more).found) == (Status.ERROR, True)
    github.fail("/issues", 403, {"message": "Resource not accessible by integration"}, method="POST")
    assert "`permissions: {issues: write}`" in review().fix
    with branches.opened() as branch:
        raw = branch.read().raw
    push(raw.replace(b"aaaa", b"cccc", 1))
    assert "does not hold together, so it is not reviewed: line 2" in review().found
    assert github.written == []


WEDNESDAY = datetime(2024, 11, 27, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("week", "now", "start"),
    [
        ("", WEDNESDAY, MONDAY),
        ("", datetime(2024, 11, 25, tzinfo=UTC), MONDAY),
        ("", datetime(2024, 11, 24, 23, 59, tzinfo=UTC), MONDAY - timedelta(days=7)),
        ("2024-W47", WEDNESDAY, MONDAY),
        ("2020-W53", WEDNESDAY, datetime(2020, 12, 28, tzinfo=UTC)),
    ],
)
def test_which_week_is_over(week: str, now: datetime, start: datetime) -> None:
    assert begins(week, now) == start


@pytest.mark.parametrize("week", ["2024-W48", "2021-W53", "2024-W00", "2024-47", "last", "0000-W01"])
def test_which_is_not(week: str) -> None:
    with pytest.raises(Misconfigured, match="an ISO week that is over, such as 2024-W47"):
        begins(week, WEDNESDAY)


def test_an_environment_that_is_no_name() -> None:
    (told,) = Catalog().get("review").faults({"environment": "a -->", "week": "", "known": [], "signers": ""})
    assert "expected a name such as production" in told


def test_a_cut_text_is_whole_lines() -> None:
    page = kept.Page("k", "t", "\n".join(f"line {number} " + "x" * 100 for number in range(1000)))
    assert len(page.body.encode()) <= 65_536
    *shown, blank, note = page.sent.splitlines()
    assert (shown[-1].partition(" x")[0], blank) == (f"line {len(shown) - 1}", "")
    assert note.startswith(f"*{1000 - len(shown)} more lines not shown")
