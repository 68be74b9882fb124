"""notify through Apprise: in an environment of its own, which is installed here as a user's runner would install it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy_gate import bootstrap, process
from deploy_gate.process import Finished
from deploy_gate.result import Result, Status

SECRET = "correct-horse-battery"


class Hook(ThreadingHTTPServer):
    """Takes what Apprise's `json://` posts."""

    daemon_threads = True
    taken: list[dict[str, Any]]
    status = 200

    @property
    def url(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.server_address[1]}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.taken.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def hook() -> Iterator[Hook]:
    server = Hook(("127.0.0.1", 0), _Handler)
    server.taken = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def notify(ask: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TELEGRAM_BOT_TOKEN", raising=False)

    def run(urls: str, stage: str = "started", **given: object) -> Result:
        monkeypatch.setenv("CHAT_ADDRESSES", urls)
        result = ask(
            "notify", stage=stage, release="4f0c", record="told.json", **{"apprise_variable": "CHAT_ADDRESSES", **given}
        )
        assert SECRET not in str(result)
        assert SECRET not in Path("told.json").read_text()
        return result

    return run


@pytest.mark.long
def test_each_address_gets_headline_and_findings(notify: Callable[..., Result], ask: Callable[..., Result]) -> None:
    items = [{"id": "p95", "status": "failed", "found": "501 ms", "fix": "see"}]
    Path("report.json").write_text(json.dumps({"schema": 1, "phase": "verify", "verdict": "go", "items": items}))
    with hook() as one, hook() as two:
        result = notify(f"# ours\n{one.url}\n\n{two.url}\n", "failed", reports="report.json")
        assert result.status is Status.PASSED, result.found
        for server in (one, two):
            assert [taken["message"].split("\n")[0] for taken in server.taken] == [
                "✖ Deployment of 4f0c: failed", "✖ p95 (failed, verify): 501 ms",
            ]  # fmt: skip
        assert ask("notified", record="told.json", proves="issues", reports="report.json").status is Status.PASSED
        two.status = 500
        broken = notify(f"{one.url}\n{two.url}", "succeeded")
        assert broken.status is Status.WARNED
        assert "1 of 2 addresses took the main message, all must" in broken.found
        unknown = notify(f"{one.url}\nno-such://address", "succeeded")
        assert "1 of 2 addresses took the main message" in unknown.found
    assert ask("notified", record="told.json", proves="success").status is Status.FAILED


@pytest.mark.parametrize(
    ("done", "says"),
    [
        (Finished(1, "", f"Traceback … json://user:{SECRET}@host", 0.1), "ended with exit code 1"),
        (Finished(0, "[true", "", 0.1), "ended with exit code 0"),
        (Finished(0, "[]", "", 0.1), "told nothing of 1 addresses"),
        (Finished(0, "[1]", "", 0.1), "0 of 1 addresses took the main message"),
    ],
)
def test_what_the_child_says_is_not_repeated(
    notify: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, done: Finished, says: str
) -> None:
    monkeypatch.setattr(bootstrap, "ensure", lambda name: tmp_path / name)
    commands: list[list[str]] = []

    def run(argv: list[object], **_: object) -> Finished:
        commands.append([str(one) for one in argv])
        return done

    monkeypatch.setattr(process, "run", run)
    result = notify(f"json://user:{SECRET}@host")
    assert result.status is Status.WARNED
    assert says in result.found
    assert SECRET not in str(commands[-1])


def test_a_variable_without_an_address_is_told(notify: Callable[..., Result]) -> None:
    assert "the variable holds no address" in notify("# nothing\n").found
    assert "21 addresses for Apprise, the limit is 20" in notify("json://h\n" * 21).found
