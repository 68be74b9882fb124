"""sign-off: who may say yes, what a yes is bound to, who may say no, and what GitHub must say of a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from github_server import NAME, GitHub, ago
from support import Repository

from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status
from deploy_gate.signoff.commands import binding

Ask = Callable[..., Result]
ROLES = "qa: ada joan\ndevops: grace\nops: acme/ops"


class Review:
    """A commit with its pull request, by eve, and what people say there."""

    def __init__(self, github: GitHub, repository: Repository) -> None:
        self.github, self.repository = github, repository
        repository.write("app.py", "print(1)\n")
        self.comments = github.list("/issues/7/comments")
        self.commits = github.list("/pulls/7/commits", entries=[github.example("commit-items") | {"sha": "1" * 40}])
        self.commits[0] |= {"author": self.user("eve"), "committer": self.user("web-flow")}
        self.activity = github.list("/activity")
        self.moved()
        for login in ("ada", "joan", "grace", "eve", "kay"):
            self.permission(login, "write")

    def moved(self, message: str = "feat: one") -> None:
        """Commit, and let the pull request follow."""
        self.commit = self.repository.commit(message)
        pull = self.github.example("pull-request-simple-items")
        pull |= {"number": 7, "state": "open", "user": self.user("eve"), "requested_teams": []}
        pull |= {"created_at": ago(days=1)}
        pull["head"] |= {"ref": "topic", "repo": pull["head"]["repo"] | {"full_name": NAME}}
        self.github.list(f"/commits/{self.commit}/pulls", entries=[pull])
        self.code = self.binding()

    def binding(self, **parts: str) -> str:
        tree = self.repository.git("rev-parse", "HEAD^{tree}")
        return binding(**{"environment": "", "release": tree, "digests": "", "plan": ""} | parts)

    def user(self, login: str, kind: str = "User") -> dict[str, Any]:
        user: dict[str, Any] = self.github.example("issue-comment-items")["user"]
        return user | {"login": login, "type": kind}

    def permission(self, login: str, level: str, answered: str = "") -> None:
        user = self.user(answered or login) | {"role_name": level}
        whole = {"permission": level, "role_name": level, "user": user}
        self.github.object(f"/collaborators/{login}/permission", whole)

    def member(self, login: str, state: str) -> None:
        one = self.github.law.example("team-membership-response-if-user-is-a-team-maintainer")
        self.github.object(f"//orgs/acme/teams/ops/memberships/{login}", one | {"state": state})

    def say(self, login: str, body: str, **more: Any) -> dict[str, Any]:
        one = self.github.example("issue-comment-items")
        when = ago(minutes=60 - len(self.comments))
        one |= {"user": self.user(login), "body": body, "created_at": when, "updated_at": when} | more
        self.comments.append(one)
        return one


@pytest.fixture
def review(github: GitHub, repository: Repository) -> Review:
    return Review(github, repository)


def signed(ask: Ask, role: str = "qa", **given: Any) -> Result:
    return ask("sign-off", role=role, **{"roles": ROLES} | given)


def test_nobody_yet(ask: Ask, review: Review) -> None:
    result = signed(ask)
    assert (result.status, result.found) == (Status.PENDING, "0 of 1 needed from qa")
    assert result.fix == f"have ada or joan comment `/approve {review.code}` on #7"


def test_a_yes(ask: Ask, review: Review) -> None:
    review.say("Ada", f"/approve {review.code} looked at everything")
    result = signed(ask)
    assert result.status is Status.ATTESTED
    assert result.found == f"signed off by ada on #7 for {review.code}, 1 of 1 needed from qa: looked at everything"
    assert len(review.github.asked) == 5


def test_a_quorum_of_different_people(ask: Ask, review: Review) -> None:
    for _ in range(2):
        review.say("ada", f"/approve {review.code}")
    result = signed(ask, quorum=2)
    assert (result.status, result.found) == (Status.PENDING, "1 of 2 needed from qa (ada)")
    review.say("joan", f"/approve {review.code}")
    assert signed(ask, quorum=2).status is Status.ATTESTED


def test_a_commit_after_the_approval(ask: Ask, review: Review) -> None:
    review.say("ada", f"/approve {review.code}")
    review.repository.write("app.py", "print(2)\n")
    review.moved()
    result = signed(ask)
    assert result.status is Status.PENDING
    assert result.found == "0 of 1 needed from qa; ada approved (does not count: it is for another release or plan)"


def test_the_same_tree_under_another_commit_stays_signed(ask: Ask, review: Review) -> None:
    review.say("ada", f"/approve {review.code}")
    review.moved("Merge pull request #7")
    assert signed(ask).status is Status.ATTESTED


@pytest.mark.parametrize("part", ["environment", "plan", "digests"])
def test_what_else_it_is_bound_to(ask: Ask, review: Review, part: str) -> None:
    review.say("ada", f"/approve {review.code}")
    assert signed(ask, **{part: "another"}).status is Status.PENDING
    review.say("ada", f"/approve {review.binding(**{part: 'another'})}")
    assert signed(ask, **{part: "another"}).status is Status.ATTESTED


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"updated_at": ago(minutes=1)}, "it was edited afterwards"),
        ({"user": "bot"}, "a program wrote it"),
        ({"performed_via_github_app": "app"}, "a program wrote it"),
        ({"created_at": ago(days=8), "updated_at": ago(days=8)}, "it is 8 d old, the limit is 7 d"),
        ({"created_at": ago(days=-1), "updated_at": ago(days=-1)}, "it is dated in the future"),
    ],
)
def test_a_comment_that_does_not_count(ask: Ask, review: Review, more: dict[str, Any], reason: str) -> None:
    if "user" in more:
        more = {"user": review.user("ada", "Bot")}
    if "performed_via_github_app" in more:
        more = {"performed_via_github_app": review.github.example("check-run-paginated", "check_runs")["app"]}
    review.say("ada", f"/approve {review.code}", **more)
    result = signed(ask)
    assert result.status is Status.PENDING
    assert result.found == f"0 of 1 needed from qa; ada approved (does not count: {reason})"


def test_a_deleted_comment_is_gone(ask: Ask, review: Review) -> None:
    review.say("ada", f"/approve {review.code}")
    assert signed(ask).status is Status.ATTESTED
    # A no as well: GitHub keeps nothing of it, so the yes before it stands again (docs/sign-off.md tells what to do).
    no = review.say("ada", "/reject orders are slow")
    assert signed(ask).status is Status.FAILED
    review.comments.remove(no)
    assert signed(ask).status is Status.ATTESTED
    review.comments.clear()
    assert signed(ask).status is Status.PENDING


@pytest.mark.parametrize("login", ["kay", "mallory", "grace", "аda"])
def test_who_does_not_hold_the_role(ask: Ask, review: Review, login: str) -> None:
    review.say(login, f"/approve {review.code}")
    assert signed(ask).status is Status.PENDING


def test_the_author_does_not_count(ask: Ask, review: Review) -> None:
    review.say("eve", f"/approve {review.code}")
    result = signed(ask, roles="qa: eve")
    assert result.found == "0 of 1 needed from qa; eve approved (does not count: its author wrote the change)"


def test_a_second_pull_request_takes_no_author_away(ask: Ask, review: Review) -> None:
    """Ada opened #7, with a commit of hers; a later one has the same commit, and less that is new."""
    pulls = review.github.list(f"/commits/{review.commit}/pulls")
    pulls.append(pulls[0] | {"number": 9, "id": 9})
    pulls[0]["user"] = review.user("ada")
    review.github.list("/pulls/9/commits", entries=list(review.commits))
    review.commits.append(review.github.example("commit-items") | {"sha": "2" * 40, "author": review.user("joan")})
    place = review.github.list("/issues/9/comments", entries=review.comments)
    for login in ("ada", "joan"):
        review.say(login, f"/approve {review.code}")
        place[:] = review.comments
        assert f"{login} approved (does not count: its author wrote the change)" in signed(ask).found
    pulls[1:] = [pulls[0] | {"number": number, "id": number} for number in range(10, 15)]
    assert "is in 6 pull requests" in signed(ask, issue=7).found
    assert signed(ask, issue=7).status is Status.ERROR


@pytest.mark.parametrize("part", ["author", "committer"])
def test_whoever_wrote_a_commit_of_it_does_not_count(ask: Ask, review: Review, part: str) -> None:
    review.commits.append(review.github.example("commit-items") | {"sha": "2" * 40, part: review.user("ada")})
    review.say("ada", f"/approve {review.code}")
    assert "its author wrote the change" in signed(ask).found


def test_whoever_wrote_a_commit_with_another_does_not_count(ask: Ask, review: Review) -> None:
    more = "Co-authored-by: Ada <7+Ada@users.noreply.github.com>"
    review.commits[0]["commit"] |= {"message": f"feat: one\n\nCo-authored-by: Joan <joan@shop.example>\n{more}"}
    review.say("ada", f"/approve {review.code}")
    assert "its author wrote the change" in signed(ask).found
    review.say("joan", f"/approve {review.code}")
    assert signed(ask).status is Status.ATTESTED, "whose address that is nobody knows"


def activity(review: Review, login: str, **more: Any) -> None:
    """Somebody pushed to eve's branch, the head of #7, after it was opened; newest first, as GitHub tells it."""
    one = {"id": len(review.activity) + 1, "node_id": "x", "before": "0" * 40, "after": "c" * 40}
    one |= {"ref": "refs/heads/topic", "timestamp": ago(hours=1), "activity_type": "push", "actor": review.user(login)}
    review.activity.insert(0, one | more)


ELSEWHERE = {"ref": "refs/heads/other"}


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, Status.PENDING),
        ({"activity_type": "force_push"}, Status.PENDING),
        ({"activity_type": "branch_creation"}, Status.PENDING),
        ({"after": "1" * 40, "timestamp": ago(days=3)}, Status.PENDING),
        ({"after": "1" * 40, "timestamp": ago(days=3), **ELSEWHERE}, Status.PENDING),
        # A branch of that name long before, another branch, and one that was begun where the change ended.
        ({"timestamp": ago(days=3)}, Status.ATTESTED),
        (ELSEWHERE, Status.ATTESTED),
        ({"after": "1" * 40, "activity_type": "branch_creation", **ELSEWHERE}, Status.ATTESTED),
        # Who merges it writes nothing of it.
        ({"activity_type": "pr_merge", "after": "1" * 40, "ref": "refs/heads/main"}, Status.ATTESTED),
    ],
)
def test_whoever_pushed_it_in_another_name_does_not_count(
    ask: Ask, review: Review, more: dict[str, Any], status: Status
) -> None:
    """Name and e-mail of a commit are what its writer typed: Ada's is said to be eve's."""
    review.say("ada", f"/approve {review.code}")
    activity(review, "joan")
    activity(review, "ada", **more)
    result = signed(ask)
    assert result.status is status
    assert ("that person pushed a part of the change" in result.found) == (status is Status.PENDING)


def test_only_where_no_signature_proves_the_author(ask: Ask, review: Review) -> None:
    review.say("ada", f"/approve {review.code}")
    activity(review, "ada")
    assert signed(ask, unknown_authors="accept").status is Status.ATTESTED
    review.commits[0]["commit"]["verification"] |= {"verified": True, "reason": "valid"}
    before = len(review.github.asked)
    # GitHub signs what it squashed itself, whatever that was made of.
    assert signed(ask).status is Status.PENDING
    review.commits[0]["committer"] = review.user("eve")
    assert [one for one in review.github.asked[before:] if "/activity" in one] != []
    before = len(review.github.asked)
    assert signed(ask).status is Status.ATTESTED
    assert [one for one in review.github.asked[before:] if "/activity" in one] == []


def test_a_fork_has_branches_of_its_own(ask: Ask, review: Review) -> None:
    review.say("ada", f"/approve {review.code}")
    activity(review, "ada")
    [pull] = review.github.list(f"/commits/{review.commit}/pulls")
    pull["head"]["repo"]["full_name"] = "eve/shop"
    assert signed(ask).status is Status.ATTESTED


def test_a_pull_request_that_github_shows_only_in_part(ask: Ask, review: Review) -> None:
    """The 251st commit is Ada's, and she could sign her own work."""
    one = review.commits[0]
    review.commits[:] = [one | {"sha": f"{number:040x}"} for number in range(250)]
    review.say("ada", f"/approve {review.code}")
    result = signed(ask)
    assert result.status is Status.ERROR
    assert "GitHub lists only the first 250 commits of #7" in result.found
    assert "`since`" in result.fix
    review.commits.pop()
    assert signed(ask).status is Status.ATTESTED


def test_a_commit_without_a_pull_request(ask: Ask, review: Review) -> None:
    review.github.list(f"/commits/{review.commit}/pulls", entries=[])
    assert "so there is no place to sign off" in signed(ask).found
    one = review.github.law.example("commit")
    one |= {"sha": review.commit, "author": review.user("ada"), "files": []}
    review.github.object(f"/commits/{review.commit}", one)
    review.say("ada", f"/approve {review.code}")
    assert "its author wrote the change" in signed(ask, issue=7).found
    review.say("joan", f"/approve {review.code}")
    assert signed(ask, issue=7).status is Status.ATTESTED


def test_all_authors_since_what_is_live(ask: Ask, review: Review) -> None:
    live = review.repository.git("rev-parse", "HEAD")
    one = review.github.law.example("commit-comparison")
    commits = [review.github.example("commit-items") | {"author": review.user(name)} for name in ("ada", "eve")]
    place = f"/compare/{live}...{review.commit}"
    review.github.object(place, one | {"commits": commits, "total_commits": 2, "files": []})
    review.say("ada", f"/approve {review.code}")
    assert "its author wrote the change" in signed(ask, since=live).found
    review.github.object(place, one | {"commits": commits, "total_commits": 3, "files": []})
    review.github.fail("compare.*page=2", 200, one | {"commits": [], "total_commits": 3})
    assert signed(ask, since=live).status is Status.ERROR, "a commit that GitHub counts and does not show"


def test_an_author_whom_nobody_knows(ask: Ask, review: Review) -> None:
    review.commits[0]["author"] = None
    review.say("ada", f"/approve {review.code}")
    assert signed(ask).status is Status.ERROR
    assert signed(ask, unknown_authors="accept").status is Status.ATTESTED


@pytest.mark.parametrize("level", ["read", "none"])
def test_who_may_only_read(ask: Ask, review: Review, level: str) -> None:
    review.permission("ada", level)
    review.say("ada", f"/approve {review.code}")
    assert "no right to write to the repository" in signed(ask).found


def test_an_answer_about_somebody_else(ask: Ask, review: Review) -> None:
    review.permission("ada", "admin", answered="grace")
    review.say("ada", f"/approve {review.code}")
    assert signed(ask).status is Status.PENDING


@pytest.mark.parametrize("state", ["active", "pending", ""])
def test_a_member_of_the_team(ask: Ask, review: Review, state: str) -> None:
    if state:
        review.member("kay", state)
    review.say("kay", f"/approve {review.code}")
    assert signed(ask, "ops").status is (Status.ATTESTED if state == "active" else Status.PENDING)


def test_teams_need_another_token(ask: Ask, review: Review) -> None:
    review.github.fail("memberships", 403, {}, headers={"X-Accepted-GitHub-Permissions": "members=read"})
    review.say("kay", f"/approve {review.code}")
    result = signed(ask, "ops")
    assert result.status is Status.ERROR
    assert "use a GitHub App's token" in result.fix
    assert "members: read" in result.fix


def test_a_membership_that_was_revoked(ask: Ask, review: Review) -> None:
    review.member("kay", "active")
    review.say("kay", f"/approve {review.code}")
    assert signed(ask, "ops").status is Status.ATTESTED
    review.github.objects.pop("/orgs/acme/teams/ops/memberships/kay")
    assert "kay does not hold the role" in signed(ask, "ops").found


@pytest.mark.parametrize(("word", "status"), [("reject", Status.FAILED), ("hold", Status.PENDING)])
def test_a_no_of_any_role_blocks_until_it_is_taken_back(ask: Ask, review: Review, word: str, status: Status) -> None:
    review.say("ada", f"/approve {review.code}")
    review.say("grace", f"/{word} orders are slow", updated_at=ago(minutes=0))
    result = signed(ask)
    assert result.status is status
    assert "grace" in result.found
    assert ": orders are slow; it blocks this deployment until that person approves" in result.found
    review.say("mallory", f"/{word} ha")
    review.say("grace", f"/approve {review.code}")
    assert signed(ask).status is Status.ATTESTED


@pytest.mark.parametrize(
    ("login", "state", "place", "status"),
    [
        ("ada", "approved", "production", Status.ATTESTED),
        ("ada", "approved", "staging", Status.PENDING),
        ("ada", "pending", "production", Status.PENDING),
        ("grace", "approved", "production", Status.PENDING),
        ("eve", "approved", "production", Status.PENDING),
        ("grace", "rejected", "production", Status.FAILED),
    ],
)
def test_githubs_own_approvals(
    ask: Ask, review: Review, monkeypatch: pytest.MonkeyPatch, login: str, state: str, place: str, status: Status
) -> None:
    monkeypatch.setenv("GITHUB_RUN_ID", "42")
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "1")
    one = review.github.example("environment-approvals-items") | {"state": state, "user": review.user(login)}
    one["environments"][0]["name"] = place
    review.github.list("/actions/runs/42/approvals", entries=[one])
    given = {"environment": "production", "environment_approvals": "read", "roles": "qa: ada eve\nops: grace"}
    assert signed(ask, **given).status is status
    assert signed(ask, **given | {"environment_approvals": "ignore"}).status is Status.PENDING
    review.say("ada", f"/approve {review.binding(environment='production')}")
    if state == "approved":
        assert signed(ask, quorum=2, **given).status is Status.PENDING, "one person counts once"


TWO = "qa: ada joan\ndevops: ada grace"


def both(ask: Ask, **given: Any) -> tuple[str, str]:
    """How the lines of two roles stand, of which Ada holds both."""
    qa, devops = (signed(ask, role, roles=TWO, **given) for role in ("qa", "devops"))
    return str(qa.status), str(devops.status)


def test_for_which_role(ask: Ask, review: Review) -> None:
    review.say("ada", f"/approve devops {review.code} servers are ready")
    assert both(ask) == ("pending", "attested")
    result = signed(ask, roles=TWO)
    assert (
        result.found
        == "0 of 1 needed from qa; ada approved: servers are ready (does not count: it is for the role devops)"
    )
    review.say("ada", f"/approve {review.code}")
    assert both(ask) == ("attested", "attested"), "without a role it counts for each"


def test_nobody_signs_for_two_roles(ask: Ask, review: Review) -> None:
    review.say("ada", f"/approve {review.code}")
    assert both(ask, one_role="true") == ("pending", "pending")
    result = signed(ask, roles=TWO, one_role="true")
    assert "does not count: it names no role, and nobody signs for two" in result.found
    assert result.fix == f"have ada or joan comment `/approve qa {review.code}` on #7"
    review.say("ada", f"/approve qa {review.code}")
    assert both(ask, one_role="true") == ("attested", "pending")
    review.say("ada", f"/approve devops {review.code}")
    assert both(ask, one_role="true") == ("pending", "attested"), "the last one that she named"
    review.say("joan", f"/approve qa {review.code}")
    assert both(ask, one_role="true") == ("attested", "attested")
    review.say("joan", f"/approve devops {review.code}")
    assert both(ask, one_role="true") == ("pending", "attested"), "a role that she does not hold"


def test_a_no_is_taken_back_for_all_lines(ask: Ask, review: Review) -> None:
    review.say("joan", "/reject slow")
    assert both(ask) == ("failed", "failed")
    review.say("ada", f"/approve {review.code}")
    review.say("joan", f"/approve qa {review.code}")
    assert both(ask) == ("attested", "attested")


def test_githubs_own_approval_names_no_role(ask: Ask, review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_RUN_ID", "42")
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "1")
    one = review.github.example("environment-approvals-items") | {"state": "approved", "user": review.user("ada")}
    one["environments"][0]["name"] = "production"
    review.github.list("/actions/runs/42/approvals", entries=[one])
    given = {"environment": "production", "environment_approvals": "read"}
    assert both(ask, **given) == ("attested", "attested")
    assert both(ask, one_role="true", **given) == ("pending", "pending")


@pytest.mark.parametrize(("state", "status"), [("approved", Status.PENDING), ("rejected", Status.FAILED)])
def test_an_approval_of_an_earlier_attempt(
    ask: Ask, review: Review, monkeypatch: pytest.MonkeyPatch, state: str, status: Status
) -> None:
    """Run again, the same run may have built other images; a no stays."""
    monkeypatch.setenv("GITHUB_RUN_ID", "42")
    one = review.github.example("environment-approvals-items") | {"state": state, "user": review.user("ada")}
    one["environments"][0]["name"] = "production"
    review.github.list("/actions/runs/42/approvals", entries=[one])
    for attempt in ("2", ""):
        monkeypatch.setenv("GITHUB_RUN_ATTEMPT", attempt)
        result = signed(ask, environment="production", environment_approvals="read")
        assert result.status is status
        assert ("so it has to be a comment" in result.found) == (state == "approved")


def test_approvals_need_a_run(ask: Ask, review: Review) -> None:
    assert signed(ask, environment_approvals="read").status is Status.ERROR


def test_an_attestation_in_a_comment(ask: Ask, review: Review) -> None:
    review.say("ada", f"/approve {review.code}")
    result = signed(ask, item="qa-plan")
    assert result.fix == f"have ada or joan comment `/attest qa-plan {review.code} EVIDENCE` on #7"
    review.say("joan", f"/attest qa-plan {review.code} plan 7, all green")
    assert signed(ask, item="qa-plan").found.endswith("1 of 1 needed from qa: plan 7, all green")


def test_only_for_major_releases(ask: Ask, review: Review) -> None:
    live = review.commit
    review.moved("fix: two")
    result = signed(ask, only="major", since=live, issue=7)
    assert result.status is Status.PASSED
    assert "none of 1 commit since" in result.found
    assert review.github.asked == []
    assert signed(ask, only="major").status is Status.PENDING, "what is live is not known, so it may be a major one"
    review.moved("feat!: three")
    one = review.github.law.example("commit-comparison")
    commit = review.github.example("commit-items") | {"author": review.user("eve")}
    whole = one | {"commits": [commit], "total_commits": 1, "files": []}
    review.github.object(f"/compare/{live}...{review.commit}", whole)
    assert signed(ask, only="major", since=live, issue=7).status is Status.PENDING


def test_the_place_is_that_of_the_event(
    ask: Ask, review: Review, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"issue": {"number": 9}}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))
    review.github.list("/issues/9/comments")
    assert signed(ask).fix.endswith("on #9")


def test_roles_without_people(ask: Ask, review: Review) -> None:
    result = signed(ask, roles="qa:")
    assert (result.status, result.found) == (Status.PENDING, "nobody holds the role 'qa', so nobody can sign")


def test_a_crowd_is_not_looked_up(ask: Ask, review: Review) -> None:
    for number in range(21):
        review.say(f"user{number}", f"/approve {review.code}")
    assert signed(ask).status is Status.PENDING
    assert "21 people gave their word" in signed(ask, "ops").found
    assert not [path for path in review.github.asked if "memberships" in path or "permission" in path]


def test_an_approval_on_the_last_page_and_a_no_behind_it(ask: Ask, review: Review) -> None:
    for _ in range(100):
        review.say("kay", "hello", created_at=ago(hours=5), updated_at=ago(hours=5))
    review.say("ada", f"/approve {review.code}", created_at=ago(hours=4), updated_at=ago(hours=4))
    assert signed(ask).status is Status.ATTESTED
    review.say("grace", "/reject no", created_at=ago(hours=3), updated_at=ago(hours=3))
    assert signed(ask).status is Status.FAILED


@pytest.mark.parametrize("where", ["comments", "permission", "/commits/[0-9a-f]+/pulls", "pulls/7/commits", "activity"])
@pytest.mark.parametrize("code", [403, 500])
def test_no_answer_is_no_approval(ask: Ask, review: Review, where: str, code: int) -> None:
    review.say("ada", f"/approve {review.code}")
    review.github.fail(where, code, {"message": "no"})
    result = signed(ask)
    assert result.status is Status.ERROR
    assert result.fix


def test_wrong_roles_are_told_before_anything_is_asked(load: Callable[[str], Any]) -> None:
    module = __import__("deploy_gate.catalog", fromlist=["Catalog"]).Catalog().get("sign-off").module
    for given in ({"role": "cto"}, {"quorum": 0}, {"roles": "qa ada"}):
        with pytest.raises(Misconfigured):
            module.validate(**{"role": "qa", "roles": "qa: ada", "quorum": 1, "issue": 0} | given)
