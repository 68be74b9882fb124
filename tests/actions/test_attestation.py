"""attestation: counts only for this item and release, from who holds the role, lately."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy_gate.catalog import Catalog
from deploy_gate.result import CouldNotTell, Result, Status
from deploy_gate.signoff.commands import binding

FILE = "evidence/attestations.jsonl"
ROLES = "qa: alice Bob-2, @carol\nlead: dan\nempty:"
RELEASE = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"


def said(*changes: dict[str, Any]) -> None:
    """Write the file, one attestation for each mapping of what differs from a good one; `ago` is in seconds."""
    Path(FILE).parent.mkdir(exist_ok=True)
    lines = []
    for change in changes:
        at = datetime.now(UTC) - timedelta(seconds=change.pop("ago", 60))
        whole = {
            "item": "qa-sign-off",
            "release": RELEASE,
            "by": "alice",
            "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "evidence": "plan 7",
        }
        lines.append(json.dumps({**whole, **change}))
    Path(FILE).write_text("\n".join(lines) + "\n")


@pytest.fixture
def check(
    load: Callable[[str], Callable[..., Result]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    given = {
        "file": Path(FILE),
        "item": "qa-sign-off",
        "release": RELEASE,
        "role": "qa",
        "roles": ROLES,
        "max_age": 7 * 86400.0,
        "environment": "",
        "digests": "",
        "plan": "",
    }
    return lambda **changed: load("attestation")(**{**given, **changed})


def test_attested(check: Callable[..., Result]) -> None:
    said({"evidence": "ran plan 7, all green"})
    result = check()
    assert result.status is Status.ATTESTED
    assert result.found.startswith("attested by alice at 20")
    assert result.found.endswith("ago, limit 7 d): ran plan 7, all green")
    assert result.target == 7 * 86400.0
    assert isinstance(result.measured, float)
    assert (result.evidence[0]["path"], result.evidence[0]["line"]) == (FILE, 1)


@pytest.mark.parametrize("by", ["ALICE", "bob-2", "Carol"])
def test_logins_know_no_case(check: Callable[..., Result], by: str) -> None:
    said({"by": by})
    assert check().found.startswith(f"attested by {by} at ")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"release": "f" * 40}, "alice attested it for another release, fffffff"),
        ({"release": RELEASE[:7]}, "alice attested it for another release, 1a2b3c4"),
        ({"release": ""}, "alice attested it for another release"),
        ({"by": "eve"}, "eve does not hold the role qa"),
        ({"by": "dan"}, "dan does not hold the role qa"),
        ({"by": ""}, "does not hold the role qa"),
        ({"by": "alice bob-2"}, "alice bob-2 does not hold the role qa"),
        # The sign for kelvin is a plain k in lower case.
        ({"by": "ali\u212ae"}, "does not hold the role qa"),
        ({"ago": 9 * 86400}, "alice's attestation is 9 d old, the limit is 7 d"),
        ({"ago": -3600}, "in the future, the limit is 5 min"),
        ({"evidence": " \u200b\n"}, "alice attested it without any evidence"),
    ],
)
def test_near_misses_are_explained(check: Callable[..., Result], change: dict[str, Any], why: str) -> None:
    said(change)
    result = check(roles=ROLES.replace("alice", "alice alike"))
    assert result.status is Status.PENDING
    assert result.found.startswith("no valid attestation of 'qa-sign-off' for release 1a2b3c4: ")
    assert why in result.found
    assert why in str(result.evidence[0]["message"])
    assert result.evidence[0]["line"] == 1
    assert "have alice or alike or bob-2 or carol start the workflow" in result.fix


def test_the_newest_that_counts_wins(check: Callable[..., Result]) -> None:
    said(
        {"ago": 50, "evidence": "newer"},
        {"ago": 500, "evidence": "older"},
        {"ago": 5, "by": "eve", "evidence": "wrong"},
    )
    assert check().found.endswith(": newer")


def test_the_newest_near_miss_is_named(check: Callable[..., Result]) -> None:
    said({"ago": 50, "by": "eve"}, {"ago": 500, "by": "mallory"}, {"item": "other"})
    result = check()
    assert "eve does not hold the role qa (and 1 more that do not count)" in result.found
    assert [entry["line"] for entry in result.evidence] == [1, 2]


@pytest.mark.parametrize(
    ("age", "status"),
    [(604_800, "attested"), (604_801, "pending"), (0, "attested"), (-300, "attested"), (-301, "pending")],
)
def test_the_limits_of_age(age: float, status: str) -> None:
    module = Catalog().get("attestation").module
    now = datetime(2027, 1, 31, 12, tzinfo=UTC)
    record = module.Attestation("i", "r", "alice", now - timedelta(seconds=age), "seen", 1)
    assert module.judge([record], module.Wanted("i", "r", "qa", ("alice",), 604_800.0, "f"), now).status == status


def test_another_item_does_not_count(check: Callable[..., Result]) -> None:
    said({"item": "qa"}, {"item": "QA-sign-off"})
    result = check()
    assert result.status is Status.PENDING
    assert result.found == f"nobody has attested 'qa-sign-off' for release 1a2b3c4 in {FILE} (2 of other items)"


@pytest.mark.parametrize(
    ("role", "roles", "why"),
    [("", ROLES, "no role is named"), ("boss", ROLES, "there is no role 'boss' (roles: qa, lead, empty)"),
     ("qa", "", "no role 'qa' (roles: none)"),
     ("empty", ROLES, "nobody holds the role 'empty'"), ("QA", ROLES, "there is no role 'QA'")],
)  # fmt: skip
def test_without_people_nobody_may_attest(check: Callable[..., Result], role: str, roles: str, why: str) -> None:
    said({}, {"by": ""})
    result = check(role=role, roles=roles)
    assert result.status is Status.PENDING
    assert why in result.found
    assert result.fix


@pytest.mark.parametrize(
    "roles", ["qa alice", "${roles}", ": alice", "qa: alice\nqa: eve", "\n".join(f"r{n}: a" for n in range(201))]
)
def test_malformed_roles_are_an_error(check: Callable[..., Result], roles: str) -> None:
    said({})
    with pytest.raises(CouldNotTell, match=r"roles, line \d+, is '.*', expected `role: login login`"):
        check(roles=roles)


def test_a_missing_file_says_how_to_attest(check: Callable[..., Result]) -> None:
    result = check()
    assert (result.status, result.found) == (
        Status.PENDING, f"nobody has attested 'qa-sign-off' for release 1a2b3c4: there is no file {FILE}",
    )  # fmt: skip
    who = "have alice or bob-2 or carol start the workflow that runs the attest operation"
    assert result.fix == f"{who} with item 'qa-sign-off' and file {FILE}"


def test_one_unreadable_line_spoils_the_file(check: Callable[..., Result]) -> None:
    said({})
    with Path(FILE).open("a") as stream:
        stream.write("not json\n")
    with pytest.raises(CouldNotTell, match=rf"line 2 of {FILE} is not JSON"):
        check()


def test_a_file_that_cannot_be_read_is_an_error(check: Callable[..., Result]) -> None:
    Path("evidence").mkdir()
    os.mkfifo(FILE)
    with pytest.raises(CouldNotTell, match="is not a regular file"):
        check()
    with pytest.raises(CouldNotTell, match="is not a regular file"):
        check(file=Path("evidence"))
    Path("big").write_bytes(b" " * (1024 * 1024 + 1))
    with pytest.raises(CouldNotTell, match="big is larger than"):
        check(file=Path("big"))


def test_the_release_is_the_tree_that_is_checked_out(
    repository: Any, load: Callable[[str], Callable[..., Result]]
) -> None:
    repository.write("a.txt", "one")
    repository.commit()
    given = {"file": Path(FILE), "item": "qa-sign-off", "release": "", "role": "qa", "roles": ROLES, "max_age": 600.0}
    given |= {"environment": "", "digests": "", "plan": ""}
    said({"release": repository.git("rev-parse", "HEAD^{tree}")})
    assert load("attestation")(**given).status is Status.ATTESTED
    repository.commit("the same work in another commit")
    repository.write("a.txt", "two")
    repository.git("commit", "-q", "-m", "other work", "a.txt")
    assert load("attestation")(**given).status is Status.PENDING


def test_without_a_release_it_is_an_error(check: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path.cwd().parent))
    said({"release": ""})
    with pytest.raises(CouldNotTell, match="there is no release to look for"):
        check(release="")


def test_hostile_values(check: Callable[..., Result]) -> None:
    evil = "\x1b[2J\u202e|<script>\n::error::" + "x" * 9000
    said({"evidence": evil}, {"by": evil, "ago": 1}, {"release": evil})
    for result in (check(), check(item="qa-sign-off", role="lead"), check(item=evil)):
        for text in (result.found, result.fix, *(str(entry["message"]) for entry in result.evidence)):
            assert text.isprintable()
            assert len(text) <= 600


IMAGES = "backend=sha256:1\nweb=sha256:2"


def test_it_is_bound_to_images_and_checklist(check: Callable[..., Result]) -> None:
    """Whoever attested other images, by another checklist, or for another place, did not attest this."""
    bound = {"environment": "production", "digests": IMAGES, "plan": "a plan"}
    code = binding("production", RELEASE, IMAGES, "a plan")
    said({})
    result = check(**bound)
    assert (result.status, "alice attested it without the code" in result.found) == (Status.PENDING, True)
    assert f"with item 'qa-sign-off', code `{code}` and file" in result.fix
    said({"code": code})
    assert check(**bound).status is Status.ATTESTED
    for name, other in (("environment", "staging"), ("digests", "backend=sha256:1"), ("plan", "another plan")):
        result = check(**{**bound, name: other})
        assert result.status is Status.PENDING, name
        assert "alice attested it for other images or another checklist" in result.found
    # The order of the images says nothing, and who asks for no code takes what has one.
    assert check(**{**bound, "digests": "web=sha256:2\nbackend=sha256:1"}).status is Status.ATTESTED
    assert check().status is Status.ATTESTED


def test_a_code_that_is_no_text(check: Callable[..., Result]) -> None:
    said({"code": 5})
    with pytest.raises(CouldNotTell, match="has a value for 'code' that is not a text"):
        check()
