"""Writes: carried out once, sent again only where GitHub said that it did nothing, and honest where nobody knows."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from github_server import BASE, TOKEN, GitHub

from deploy_gate.github import client
from deploy_gate.github.client import Client, Question
from deploy_gate.result import CouldNotTell

ISSUE = Question(f"{BASE}/issues", "a new issue", "issues=write")
LIST = Question(f"{BASE}/issues?state=open", "open issues", "issues=read")
BODY = {"title": "Review of the week", "body": "nothing failed"}


def refused(body: dict[str, Any] | None = None) -> CouldNotTell:
    with pytest.raises(CouldNotTell) as fault:
        client.opened().send("POST", ISSUE, BODY if body is None else body)
    assert TOKEN not in fault.value.found + fault.value.fix
    return fault.value


def test_what_is_written_is_there(github: GitHub) -> None:
    github.list("/issues")
    here = client.opened()
    assert here.all(LIST) == []
    one = here.send("POST", ISSUE, BODY)
    assert [each["number"] for each in here.all(LIST)] == [one["number"]], "what was read before is not believed"
    place = f"{BASE}/issues/{one['number']}"
    changed = here.send("PATCH", Question(place, "the issue", "issues=write"), {"state": "closed"})
    assert (changed["title"], changed["state"]) == (BODY["title"], "closed")
    said = here.send("POST", Question(f"{place}/comments", "a comment", "issues=write"), {"body": "done"})
    assert (said["body"], said["user"]["type"]) == ("done", "Bot")
    assert [method for method, _, _ in github.written] == ["POST", "PATCH", "POST"]


def test_an_answer_without_a_document_is_one(github: GitHub) -> None:
    github.fail("/issues", 204, b"", method="POST")
    assert client.opened().send("POST", ISSUE, BODY) is None


def test_a_limit_is_waited_for_since_nothing_was_done(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    words = {"message": "You have exceeded a secondary rate limit."}
    github.fail("/issues", 403, words, headers={"Retry-After": "2"}, times=2, method="POST")
    client.opened().send("POST", ISSUE, BODY)
    assert (slept, len(github.written)) == ([2.0, 2.0], 1)


def test_a_long_limit_is_told(github: GitHub) -> None:
    github.fail("/issues", 429, {}, headers={"Retry-After": "600"}, method="POST")
    assert refused().found == "GitHub's rate limit is used up for another 10 min: a new issue not written"


@pytest.mark.parametrize(
    ("status", "headers", "body", "found", "fix"),
    [
        (401, {}, {"message": "Bad credentials"}, "does not accept GITHUB_TOKEN: 401", "valid now"),
        (403, {}, {"message": "Resource not accessible"}, "GITHUB_TOKEN may not write a new issue: GitHub answered 403 (Resource not accessible)", "`permissions: {issues: write}`"),
        (403, {"X-Accepted-GitHub-Permissions": "actions=write"}, {}, "403", "`permissions: {actions: write}`"),
        (404, {}, {}, "GitHub does not take a new issue: 404", "`permissions: {issues: write}`"),
        (422, {}, {"message": "Validation Failed"}, "GitHub refused a new issue: 422 (Validation Failed)", "correct"),
        (500, {}, {}, "it answered 500 for a new issue, so whether it was done is not known", "before you repeat it"),
        (503, {}, b"<html>", "so whether it was done is not known", "before you repeat it"),
        (307, {"Location": "https://evil.example/x"}, {}, "GitHub answered 307", ""),
        (304, {}, b"", "GitHub answered 304", ""),
        (200, {}, b"<html>hello</html>", "is not JSON", "proxy"),
    ],
)  # fmt: skip
def test_what_is_refused_is_sent_once_and_says_what_to_do(
    github: GitHub, status: int, headers: dict[str, str], body: Any, found: str, fix: str
) -> None:
    github.fail("/issues", status, body, headers=headers, method="POST")
    fault = refused()
    assert found in fault.found
    assert fix in fault.fix
    assert len(github.asked) == 1


# The library under it would repeat a PUT of its own accord.
LOCK = Question(f"{BASE}/issues/7/lock", "a lock", "issues=write")
WRITES: list[tuple[client.Write, Question, dict[str, str]]] = [("POST", ISSUE, BODY), ("PUT", LOCK, {})]


@pytest.mark.parametrize(("method", "question", "body"), WRITES, ids=["POST", "PUT"])
@pytest.mark.parametrize("way", ["breaks", "stumbles"])
def test_a_write_that_may_have_been_done_is_not_repeated(
    github: GitHub, method: client.Write, question: Question, body: dict[str, str], way: str
) -> None:
    def breaks(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    github.fail("/issues", 502, {}, act=breaks if way == "breaks" else None, method=method)
    with pytest.raises(CouldNotTell, match="so whether it was done is not known") as fault:
        client.opened().send(method, question, body)
    assert "look whether it was done before you repeat it" in fault.value.fix
    assert len(github.asked) == 1


def test_nobody_there(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    assert "127.0.0.1 did not answer" in refused().found


def test_two_writers_are_both_heard(github: GitHub) -> None:
    github.list("/issues")
    writers = [threading.Thread(target=Client(TOKEN).send, args=("POST", ISSUE, BODY)) for _ in range(4)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert sorted(one["number"] for one in github.list("/issues")) == [1, 2, 3, 4]


def test_the_server_judges_what_is_written(github: GitHub) -> None:
    assert "422" in refused({"body": "no title"}).found
    assert "422" in refused({**BODY, "colour": "red"}).found
    assert github.written == []
    assert [fault.partition(":")[0] for fault in github.violations] == [
        "POST /repos/{owner}/{repo}/issues",
        "POST /repos/{owner}/{repo}/issues knows no colour",
    ]
    github.violations.clear()
