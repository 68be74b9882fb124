"""The client against a GitHub that pages, shifts, limits, refuses, breaks and lies."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from github_server import BASE, NOW, SHA, TOKEN, GitHub
from listeners import listening
from support import ROOT

from deploy_gate.github import cache, client, transport, trouble
from deploy_gate.github.client import Client, Question
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell

RUNS = Question(f"{BASE}/commits/{SHA}/check-runs", "check runs", "checks=read")
COMMENTS = Question(f"{BASE}/issues/7/comments", "comments of #7", "issues=read")


def check_runs(github: GitHub, count: int) -> list[dict[str, Any]]:
    return github.list(
        f"/commits/{SHA}/check-runs",
        "check_runs",
        [github.example("check-run-paginated", "check_runs") for _ in range(count)],
    )


def comments(github: GitHub, count: int) -> list[dict[str, Any]]:
    return github.list("/issues/7/comments", "", [github.example("issue-comment-items") for _ in range(count)])


def refused(question: Question = RUNS, key: str = "check_runs") -> CouldNotTell:
    with pytest.raises(CouldNotTell) as fault:
        client.opened().all(question, key)
    assert TOKEN not in fault.value.found + fault.value.fix
    return fault.value


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_lists_are_read_whole(github: GitHub, count: int) -> None:
    check_runs(github, count)
    found = client.opened().all(RUNS, "check_runs")
    assert [one["id"] for one in found] == [one["id"] for one in github.list(f"/commits/{SHA}/check-runs")]
    assert len(github.asked) == max(-(-count // 100), 1)


def test_plain_lists_are_looked_at_again_when_they_have_pages(github: GitHub) -> None:
    comments(github, 150)
    assert len(client.opened().all(COMMENTS)) == 150
    assert [path.partition("?")[2] for path in github.asked] == ["per_page=100", "per_page=100&page=2", "per_page=100"]


@pytest.mark.parametrize("kind", ["counted", "plain"])
@pytest.mark.parametrize("change", ["comes", "goes"])
def test_a_list_that_moves_once_is_read_again(github: GitHub, kind: str, change: str) -> None:
    entries = check_runs(github, 150) if kind == "counted" else comments(github, 150)
    more = (
        github.example("check-run-paginated", "check_runs")
        if kind == "counted"
        else github.example("issue-comment-items")
    )

    def hook(path: str) -> None:
        if "page=2" in path and not moved.is_set():
            moved.set()
            entries.insert(0, more) if change == "comes" else entries.pop(0)

    moved = threading.Event()
    github.hooks.append(hook)
    found = client.opened().all(*((RUNS, "check_runs") if kind == "counted" else (COMMENTS,)))
    assert moved.is_set()
    assert [one["id"] for one in found] == [one["id"] for one in entries]


def test_a_list_that_never_holds_still_is_no_list(github: GitHub) -> None:
    entries = check_runs(github, 150)
    github.hooks.append(lambda _: entries.insert(0, github.example("check-run-paginated", "check_runs")))
    fault = refused()
    assert fault.found.startswith("the list of check runs cannot be read whole: ")
    assert "run again" in fault.fix


def test_a_count_that_lies_is_believed_by_nobody(github: GitHub) -> None:
    one = github.example("check-run-paginated", "check_runs")
    github.fail("check-runs", 200, {"total_count": 2, "check_runs": [one]})
    assert refused().found == "the list of check runs cannot be read whole: GitHub counts 2, and gave 1"


def test_more_than_can_be_judged_is_an_error(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_PAGES", 2)
    check_runs(github, 201)
    assert refused().found == "there are more than 200 check runs"


@pytest.mark.parametrize(
    ("status", "headers", "body", "found", "fix"),
    [
        (401, {}, {"message": "Bad credentials"}, "does not accept GITHUB_TOKEN: 401 (Bad credentials)", "valid now"),
        (403, {"X-Accepted-GitHub-Permissions": "checks=read"}, {"message": "Resource not accessible"}, "GITHUB_TOKEN may not read check runs: GitHub answered 403", "`permissions: {checks: read}`"),
        (403, {"X-Accepted-GitHub-Permissions": "issues=read; pull_requests=read"}, {}, "403", "`permissions: {issues: read}`"),
        (403, {"X-Accepted-GitHub-Permissions": "secrets=read"}, {}, "403", "no workflow's own token can have `secrets: read`: use a GitHub App's token"),
        (403, {}, {}, "403", "`permissions: {checks: read}`"),
        (404, {}, {"message": "Not Found"}, "GitHub shows no check runs: 404, it is not there, or GITHUB_TOKEN may not see it", "`permissions: {checks: read}`"),
        (422, {}, {"message": "No commit found for SHA"}, "422 (No commit found for SHA)", "correct the inputs"),
        (500, {}, {}, "it answered 500 for check runs, three times", "status page"),
        (503, {}, b"<html>", "503", "status page"),
        (418, {}, {"message": "\x1b[31mteapot"}, "GitHub answered 418 for check runs (�[31mteapot)", "run again"),
        (200, {}, b"<html>hello</html>", "is not JSON", "proxy"),
        (200, {}, [], "is no list", "run again"),
        (200, {}, {"check_runs": []}, "is no list", "run again"),
        (200, {}, {"total_count": 0}, "is no list", "run again"),
        (200, {}, {"total_count": 1, "check_runs": [7]}, "is no list", "run again"),
        (204, {}, b"", "GitHub answered 204", "run again"),
        (304, {}, b"", "GitHub answered 304", "run again"),
    ],
)  # fmt: skip
def test_what_is_no_answer_says_what_to_do(
    github: GitHub, status: int, headers: dict[str, str], body: Any, found: str, fix: str
) -> None:
    github.fail("check-runs", status, body, headers=headers)
    fault = refused()
    assert found in fault.found
    assert fix in fault.fix
    assert len(github.asked) == (3 if status >= 500 else 1)


def test_a_server_that_stumbles_once_is_asked_again(github: GitHub) -> None:
    check_runs(github, 1)
    github.fail("check-runs", 502, b"", times=1)
    assert len(client.opened().all(RUNS, "check_runs")) == 1


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without the waiting."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


LIMITED = {"message": "API rate limit exceeded for installation."}


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (429, {"Retry-After": "1"}, {}),
        (403, {"Retry-After": "1"}, {"message": "You have exceeded a secondary rate limit."}),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()))}, LIMITED),
    ],
    ids=["429", "secondary", "primary"],
)
def test_a_short_limit_is_waited_for(
    github: GitHub, slept: list[float], status: int, headers: dict[str, str], body: Any
) -> None:
    check_runs(github, 1)
    github.fail("check-runs", status, body, headers=headers, times=1)
    here = client.opened()
    assert len(here.all(RUNS, "check_runs")) == 1
    assert (here.patience, slept) == (29.0, [1.0])


@pytest.mark.parametrize(
    ("status", "headers", "body", "wait"),
    [
        (429, {"Retry-After": "3600"}, {}, "1 h"),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 1799)}, LIMITED, "30 min"),
        (403, {}, {"message": "You have exceeded a secondary rate limit"}, "1 min"),
        (429, {"Retry-After": "soon"}, {}, "1 min"),
    ],
)
def test_a_long_limit_is_told(github: GitHub, status: int, headers: dict[str, str], body: Any, wait: str) -> None:
    github.fail("check-runs", status, body, headers=headers)
    fault = refused()
    assert fault.found == f"GitHub's rate limit is used up for another {wait}: check runs not read"
    assert len(github.asked) == 1


def test_limits_without_end_run_out_of_patience(github: GitHub, slept: list[float]) -> None:
    github.fail("check-runs", 429, {}, headers={"Retry-After": "1"})
    with pytest.raises(CouldNotTell, match="rate limit"):
        Client(TOKEN, patience=2.5).all(RUNS, "check_runs")
    assert (len(github.asked), slept) == (3, [1.0, 1.0])


def test_nobody_there(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{port}")
    assert "127.0.0.1 did not answer" in refused().found


def _silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(60)


def _drop(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65536)


def _drip(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not over.wait(0.02):
        connection.sendall(b" ")


def _short(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}")


@pytest.mark.parametrize("talk", [_silent, _drop, _drip, _short])
def test_a_server_that_is_slow_or_breaks_off(
    github: GitHub, monkeypatch: pytest.MonkeyPatch, talk: Callable[[socket.socket, threading.Event], None]
) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", 0.2)
    monkeypatch.setattr(transport.Transport.__init__, "__defaults__", (0.2,))
    with listening(talk) as port:
        monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{port}")
        assert "127.0.0.1 did not answer" in refused().found


def test_a_body_without_end_is_cut_off(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_BODY", 2 * 1024 * 1024)
    github.fail("check-runs", 200, b" " * (3 * 1024 * 1024))
    assert refused().found == "127.0.0.1 answered with more than 2 MiB"


@pytest.mark.parametrize("where", ["http://127.0.0.1:1/next", "https://evil.example/next", "//evil.example/x"])
@pytest.mark.parametrize("way", ["link", "location"])
def test_the_token_goes_nowhere_else(github: GitHub, where: str, way: str) -> None:
    entries = {"total_count": 1, "check_runs": [github.example("check-run-paginated", "check_runs")]}
    if way == "link":
        github.fail("check-runs", 200, entries, headers={"Link": f'<{where}>; rel="next"'})
    else:
        github.fail("check-runs", 307, {}, headers={"Location": where})
    assert "which is not followed" in refused().found
    assert len(github.asked) == 1


def test_a_renamed_repository_is_followed(github: GitHub) -> None:
    check_runs(github, 3)
    there = f"{github.url}{BASE}/commits/{SHA}/check-runs?per_page=100"
    github.fail("repos/old/shop", 301, {}, headers={"Location": there})
    assert (
        len(client.opened().all(Question(f"/repos/old/shop/commits/{SHA}/check-runs", "check runs"), "check_runs")) == 3
    )
    github.fail(f"{BASE}/commits", 301, {}, headers={"Location": there})
    assert "GitHub answered 301" in refused().found, "a loop ends"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", CouldNotTell), ("http://api.example", Misconfigured), ("ftp://x", Misconfigured), ("https://a:b@c", Misconfigured)],
)  # fmt: skip
def test_the_address_is_the_runners(github: GitHub, monkeypatch: pytest.MonkeyPatch, value: str, expected: Any) -> None:
    monkeypatch.setenv("GITHUB_API_URL", value)
    with pytest.raises(expected, match="GITHUB_API_URL"):
        client.opened()


@pytest.mark.parametrize("value", ["", "  ", "a\nb", "tökén"])
def test_without_a_token_nothing_is_asked(github: GitHub, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", value)
    with pytest.raises(CouldNotTell, match="GITHUB_TOKEN is not set") as fault:
        client.opened()
    assert "GITHUB_TOKEN: ${{ github.token }}" in fault.value.fix
    assert github.asked == []


@pytest.mark.parametrize("name", ["shop", "a/b/c", "../x", "a/..", "a/b?c", "a b/c"])
def test_a_repository_has_two_names(name: str) -> None:
    with pytest.raises(Misconfigured):
        client.repository(name)


def test_permissions_by_their_yaml_name() -> None:
    assert trouble.permission("pull_requests=write,contents=read", "T") == (
        "grant it in the job: `permissions: {pull-requests: write, contents: read}`"
    )
    assert trouble.permission("members=read", "T").startswith("no workflow's own token can have `members: read`")
    assert trouble.permission("", "T") == "give T the right to read it"


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A job's folder for temporary files: with it there is a cache."""
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    return tmp_path / "deploy-gate-github"


def test_one_run_asks_once(github: GitHub, job: Path) -> None:
    check_runs(github, 1)
    one, other = client.opened(), client.opened()
    assert one.all(RUNS, "check_runs") == other.all(RUNS, "check_runs")
    assert (one.asked, other.asked, len(github.asked)) == (1, 0, 1)
    assert other.now == NOW, "an answer from the cache brings its clock along"


def test_a_later_run_asks_whether_it_has_changed(github: GitHub, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = check_runs(github, 1)
    client.opened().all(RUNS, "check_runs")
    monkeypatch.setattr(cache, "_run", lambda: "another")
    later = client.opened()
    assert later.all(RUNS, "check_runs") == entries
    assert (later.asked, later.unchanged, github.statuses) == (1, 1, [200, 304])
    monkeypatch.setattr(cache, "_run", lambda: "a third")
    entries[0]["conclusion"] = "failure"
    assert client.opened().all(RUNS, "check_runs") == entries
    assert github.statuses == [200, 304, 200]


@pytest.mark.parametrize(("count", "second"), [(99, [304]), (100, [200, 200, 304]), (200, [304, 200, 200, 304])])
def test_a_comment_behind_a_full_page_is_seen(
    github: GitHub, job: Path, monkeypatch: pytest.MonkeyPatch, count: int, second: list[int]
) -> None:
    """It stands on a page of its own, so the full one before it has not changed: no 304 may hide it."""
    entries = comments(github, count)
    client.opened().all(COMMENTS)
    if count % 100 == 0:
        entries.append(github.example("issue-comment-items"))
    first = len(github.statuses)
    monkeypatch.setattr(cache, "_run", lambda: "another")
    assert client.opened().all(COMMENTS) == entries
    assert github.statuses[first:] == second


def test_an_old_answer_is_not_current(github: GitHub, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_runs(github, 1)
    client.opened().all(RUNS, "check_runs")
    monkeypatch.setattr(cache, "YOUNG", 0.0)
    client.opened().all(RUNS, "check_runs")
    assert github.statuses == [200, 304]


def test_code_without_the_token_cannot_put_words_into_the_cache(github: GitHub, job: Path) -> None:
    check_runs(github, 1)
    client.opened().all(RUNS, "check_runs")
    (kept,) = job.glob("*.json")
    mark, _, raw = kept.read_bytes().partition(b"\n")
    kept.write_bytes(mark + b"\n" + raw.replace(b"W/", b"X/"))
    assert len(client.opened().all(RUNS, "check_runs")) == 1
    assert github.statuses == [200, 200]
    for other in (b"", b"\n", b"x" * 64 + b"\n{}"):
        kept.write_bytes(other)
        assert len(client.opened().all(RUNS, "check_runs")) == 1
    kept.unlink()
    kept.symlink_to("/dev/zero")
    assert len(client.opened().all(RUNS, "check_runs")) == 1
    assert TOKEN not in "".join(str(one) for one in job.iterdir())
    assert all(one.lstat().st_mode & 0o077 == 0 or one.is_symlink() for one in job.iterdir())


def test_a_folder_that_is_a_link_is_not_used(github: GitHub, job: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    job.symlink_to(tmp_path / "elsewhere")
    check_runs(github, 1)
    client.opened().all(RUNS, "check_runs")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_two_checks_at_once_ask_once(github: GitHub, job: Path) -> None:
    check_runs(github, 120)
    code = (
        "from deploy_gate.github import client\n"
        f"here = client.opened(); q = client.Question({RUNS.path!r}, 'x')\n"
        "print(here.get(q)['total_count'])\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    children = [subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE) for _ in range(3)]
    assert [child.communicate(timeout=120)[0] for child in children] == [b"120\n"] * 3
    assert len(github.asked) <= 3
    assert github.statuses.count(200) == 1, "the others waited for it, or asked whether it has changed"


def test_a_failure_is_not_kept(github: GitHub, job: Path) -> None:
    check_runs(github, 1)
    github.fail("check-runs", 403, {}, times=1)
    refused()
    assert len(client.opened().all(RUNS, "check_runs")) == 1


def test_the_server_judges_its_askers(github: GitHub) -> None:
    with pytest.raises(CouldNotTell):
        client.opened().get(Question(f"{BASE}/no-such-thing", "x"))
    check_runs(github, 1)
    client.opened().get(Question(RUNS.path + "?filter=newest", "x"))
    assert len(github.violations) == 2
    github.violations.clear()
