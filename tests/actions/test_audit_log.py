"""audit-log: an application that writes its log at once, late, silently, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sites import Reply, Request, site

from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
FILE = """
version: 1
roles:
  admin: {token: SHOP_TOKEN}
audit:
  action: {route: POST /login, body: {who: "${marker}@shop.example"}, status: [401]}
  read: {route: GET /audit?action=login.failed, role: admin}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOP_TOKEN", "token-of-the-admin")
    path = tmp_path / "access.yml"
    path.write_text(FILE)
    return path


def shop_app(late: int = 0, *, silent: bool = False, anonymous: bool = False) -> Callable[[Request], Reply]:
    """`late`: so many readings do not show the entry yet."""
    entries: list[dict[str, Any]] = [{"actor": "somebody else"}]
    reads = iter(range(1, 999))

    def answer(request: Request) -> Reply:
        if request.path == "/login":
            if not silent:
                entries.append({"actor": "unknown" if anonymous else json.loads(request.body)["who"]})
            return Reply(401)
        if request.headers.get("authorization") != "Bearer token-of-the-admin":
            return Reply(401)
        # The first reading is before the deed.
        return Reply(200, {"items": entries if next(reads) > late + 1 else entries[:1]})

    return answer


def run(ask: Ask, file: Path, app: Callable[[Request], Reply], **more: object) -> tuple[Result, list[Request]]:
    with site(app) as shop:
        result = ask("audit-log", url=shop.url, file=file, secrets="SHOP_TOKEN", **more)
    assert "token-of-the-admin" not in str(result.as_json())
    return result, shop.seen


def test_the_deed_is_found(ask: Ask, file: Path) -> None:
    result, seen = run(ask, file, shop_app())
    assert result.status is Status.PASSED, result.found
    assert result.found.startswith("POST /login is in the audit log within ")
    assert sum(one.path == "/login" for one in seen) == 1
    assert all("x-deploy-gate-probe" in one.headers for one in seen)


def test_a_log_that_is_written_a_little_later_is_waited_for(ask: Ask, file: Path) -> None:
    result, _ = run(ask, file, shop_app(2), within="20s")
    assert result.status is Status.PASSED, result.found


@pytest.mark.parametrize("app", [shop_app(silent=True), shop_app(anonymous=True)], ids=["silent", "anonymous"])
def test_a_deed_that_leaves_no_trace(ask: Ask, file: Path, app: Callable[[Request], Reply]) -> None:
    result, _ = run(ask, file, app, within="300ms")
    assert result.status is Status.FAILED
    assert "POST /login is not in the audit log after 300 ms, the limit" in result.found
    assert "see why the application writes no entry" in result.fix


def test_a_deed_that_was_not_done_proves_nothing(ask: Ask, file: Path) -> None:
    file.write_text(FILE.replace("[401]", "[200]"))
    result, _ = run(ask, file, shop_app())
    assert result.status is Status.ERROR
    assert "was answered 401, expected 200: nothing was done" in result.found


def test_a_log_that_cannot_be_read_is_found_out_before_the_deed(
    ask: Ask, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "another")
    result, seen = run(ask, file, shop_app())
    assert result.status is Status.ERROR
    assert [one.path for one in seen] == ["/audit?action=login.failed"]


def test_a_deed_without_a_mark_is_told(ask: Ask, file: Path) -> None:
    file.write_text(FILE.replace("${marker}", "ada"))
    result, seen = run(ask, file, shop_app())
    assert "holds ${marker}" in result.found
    assert not seen
