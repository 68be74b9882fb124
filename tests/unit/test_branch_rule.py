"""`init --apply` sets the branch rule through an API that answers as GitHub's does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support import Repository

from deploy_gate import branch_rule, cli
from deploy_gate.facts import restapi
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell


@dataclass
class Api:
    """Rulesets of one repository; `refuse` is the status of every answer, where it is set."""

    rules: dict[int, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refuse: int = 0
    url: str = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        if self.refuse:
            return self.refuse, {"message": "Resource not accessible by personal access token"}
        if method == "GET":
            return 200, [{"id": number, "name": one["name"]} for number, one in self.rules.items()]
        number = int(path.rpartition("/")[2]) if method == "PUT" else len(self.rules) + 7
        self.rules[number] = body
        return (200 if method == "PUT" else 201), {"id": number, **body}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, repository: Repository) -> Iterator[Api]:
    """The API, a repository whose origin it has, and a token."""
    made = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            good = self.headers["Authorization"] == "Bearer hunter2hunter2"
            body = json.loads(text) if text else None
            status, data = made.answer(self.command, self.path, body) if good else (401, {"message": "Bad credentials"})
            raw = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def do_POST(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/api"
    monkeypatch.setenv("GITHUB_API_URL", made.url)
    monkeypatch.setenv("GITHUB_TOKEN", "hunter2hunter2")
    repository.git("remote", "add", "origin", "git@github.com:acme/shop.git")
    repository.commit()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_files_and_rule_and_again(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", "--apply"]) == 0
    out = capsys.readouterr().out
    assert 'the rule deploy-gate was made: main requires the check "checklist / gate"' in out
    place = "/api/repos/acme/shop/rulesets"
    assert api.asked == [f"GET {place}?per_page=100&includes_parents=false", f"POST {place}"]
    assert api.rules == {7: branch_rule.rule("main")}
    assert Path("checklist.yml").exists()
    Path("checklist.yml").write_text("mine")
    assert cli.main(["init", "--apply"]) == 0
    assert "the rule deploy-gate was changed" in capsys.readouterr().out
    assert api.asked[-1] == f"PUT {place}/7"
    assert len(api.rules) == 1
    assert Path("checklist.yml").read_text() == "mine"


def test_a_token_that_may_not(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.refuse = 403
    assert cli.main(["init", "--apply"]) == 3
    said = capsys.readouterr()
    assert "GitHub refused GET /repos/acme/shop/rulesets with 403: Resource not accessible" in said.err
    assert "Administration: write" in said.err
    assert "hunter2" not in said.out + said.err


def test_no_token_and_no_answer(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.refuse = 500
    with pytest.raises(CouldNotTell, match="answered GET with 500"):
        branch_rule.apply("main")
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:1")
    with pytest.raises(CouldNotTell, match="1 did not answer GET"):
        branch_rule.apply("main")
    monkeypatch.delenv("GITHUB_TOKEN")
    with pytest.raises(CouldNotTell, match="GITHUB_TOKEN is not set"):
        branch_rule.apply("main")


@pytest.mark.parametrize("base", ["http://api.example", "ftp://127.0.0.1", "api.example", "file:///etc/passwd"])
def test_a_token_leaves_this_machine_only_over_tls(base: str) -> None:
    with pytest.raises(Misconfigured, match="expected one that begins with https://"):
        restapi.ask("GET", base, "/", "hunter2")


@pytest.mark.parametrize("url", ["https://github.com/acme/shop.git", "ssh://git@github.com/acme/shop", "acme/shop"])
def test_the_repository_of_a_remote(api: Api, repository: Repository, url: str) -> None:
    repository.git("remote", "set-url", "origin", url)
    branch_rule.apply("main")
    assert api.asked[-1] == "POST /api/repos/acme/shop/rulesets"


def test_a_remote_that_names_none(api: Api, repository: Repository) -> None:
    repository.git("remote", "set-url", "origin", "/srv/git/a/b/shop.git")
    with pytest.raises(Misconfigured, match="names no repository on GitHub"):
        branch_rule.apply("main")
    assert api.asked == []
