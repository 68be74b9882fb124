"""webhook-deliveries: the application's list and GitHub's, arrived, failed, old, and none at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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
webhooks: {route: "GET /deliveries?page=${page}", role: admin}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOP_TOKEN", "token-of-the-admin")
    path = tmp_path / "access.yml"
    path.write_text(FILE)
    return path


def delivery(status: str, minutes: float, **more: object) -> dict[str, Any]:
    when = datetime.now(UTC) - timedelta(minutes=minutes)
    return {"id": 7, "event": "order.created", "status": status, "created_at": when.isoformat(), **more}


def run(ask: Ask, file: Path, *pages: list[Any], **more: object) -> tuple[Result, list[Request]]:
    def answer(request: Request) -> Reply:
        number = int(request.path.partition("page=")[2])
        return Reply(200, {"items": pages[number - 1] if number <= len(pages) else []})

    with site(answer) as shop:
        return ask("webhook-deliveries", url=shop.url, file=file, secrets="SHOP_TOKEN", **more), shop.seen


def test_all_arrived(ask: Ask, file: Path) -> None:
    result, seen = run(ask, file, [delivery("delivered", 1), delivery("pending", 2), delivery("failed", 61)])
    assert result.status is Status.PASSED, result.found
    assert result.found == "0 of 1 delivery failed in the last 1 h, the limit is 0; 1 still waits"
    assert len(seen) == 1, "what is older than the window is not read on"


def test_a_failed_one_on_any_page(ask: Ask, file: Path) -> None:
    bad = delivery("failed", 50, error="connection refused", response_status=None)
    pages = [delivery("delivered", 1)], [delivery("delivered", 9), bad]
    result, _ = run(ask, file, *pages)
    assert (result.status, result.measured) == (Status.FAILED, 1)
    assert (
        "1 of 3 deliveries failed in the last 1 h, the limit is 0: id 7, event order.created, error conn"
        in result.found
    )
    assert run(ask, file, *pages, max_failed=1)[0].status is Status.PASSED


@pytest.mark.parametrize(
    ("on_no_data", "status"), [("inconclusive", Status.ERROR), ("fail", Status.FAILED), ("pass", Status.PASSED)]
)
def test_none_at_all_is_what_the_user_says(ask: Ask, file: Path, on_no_data: str, status: Status) -> None:
    assert run(ask, file, on_no_data=on_no_data)[0].status is status
    assert run(ask, file, [delivery("failed", 90)], on_no_data=on_no_data)[0].status is status


def test_a_status_that_nobody_declared_is_not_delivered(ask: Ask, file: Path) -> None:
    result, _ = run(ask, file, [delivery("delivered", 1), delivery("timeout", 2), delivery("timeout", 3)])
    assert result.status is Status.ERROR, result.found
    assert "2 of 3 deliveries have a status that the file does not know: timeout" in result.found
    assert "`delivered`, `waiting` or `failed`" in result.fix
    red, _ = run(ask, file, [delivery("failed", 1), delivery("timeout", 2)])
    assert red.status is Status.FAILED, "what failed has failed, whatever else is not known"


def test_states_are_the_users(ask: Ask, file: Path) -> None:
    file.write_text(
        FILE.replace("role: admin}\n", "role: admin, delivered: [ok], waiting: [queued], failed: [timeout]}\n")
    )
    page = [delivery("ok", 1), delivery("queued", 1)]
    assert run(ask, file, page)[0].status is Status.PASSED
    assert run(ask, file, [*page, delivery("timeout", 2)])[0].status is Status.FAILED
    assert run(ask, file, [*page, delivery("delivered", 2)])[0].status is Status.ERROR


def test_what_only_waits_has_not_arrived(ask: Ask, file: Path) -> None:
    result, _ = run(ask, file, [delivery("pending", 1)])
    assert result.status is Status.ERROR, result.found
    assert "no webhook was delivered in the last 1 h, so none is known to arrive (1 still waits)" in result.found


@pytest.mark.parametrize(
    ("route", "more", "count", "status"),
    [
        ("GET /deliveries", "", 50, Status.ERROR),
        ("GET /deliveries", "", 49, Status.PASSED),
        ("GET /deliveries?limit=7", "", 7, Status.ERROR),
        ("GET /deliveries?a=1&page_size=7&b=2", "", 7, Status.ERROR),
        ("GET /deliveries?page=7", "", 7, Status.PASSED),
        ("GET /deliveries", ", page-size: 7", 7, Status.ERROR),
        ("GET /deliveries", ", page-size: 60", 50, Status.PASSED),
    ],
)
def test_a_full_page_without_pages_is_not_all(
    ask: Ask, file: Path, route: str, more: str, count: int, status: Status
) -> None:
    text = FILE.replace("GET /deliveries?page=${page}", route).replace("role: admin}\n", f"role: admin{more}}}\n")
    file.write_text(text)
    page = [delivery("delivered", 1)] * count
    for listed, expected in ((page, status), ([*page[1:], delivery("delivered", 61)], Status.PASSED)):
        with site(lambda _, listed=listed: Reply(200, {"items": listed})) as shop:  # type: ignore[misc]
            result = ask("webhook-deliveries", url=shop.url, file=file, secrets="SHOP_TOKEN")
        assert result.status is expected, result.found
    if status is Status.ERROR:
        with site(lambda _: Reply(200, {"items": [delivery("failed", 1), *page[1:]]})) as shop:
            assert ask("webhook-deliveries", url=shop.url, file=file, secrets="SHOP_TOKEN").status is Status.FAILED


def test_a_list_that_cannot_be_read_is_an_error(ask: Ask, file: Path) -> None:
    shapeless, _ = run(ask, file, [{"state": "ok"}])
    with site(lambda _: Reply(403)) as shop:
        refused = ask("webhook-deliveries", url=shop.url, file=file, secrets="SHOP_TOKEN")
    endless, seen = run(ask, file, *[[delivery("delivered", 1)]] * 11)
    assert {one.status for one in (shapeless, refused, endless)} == {Status.ERROR}
    assert len(seen) == 10


def github(*deliveries: dict[str, Any]) -> Callable[[Request], Reply]:
    def answer(request: Request) -> Reply:
        if request.path.startswith("/deliveries"):
            return Reply(200, {"items": []})
        right = request.headers.get("authorization") == "Bearer token-of-github"
        known = request.path == "/repos/acme/erp/hooks/42/deliveries?per_page=100"
        return Reply(200, list(deliveries)) if right and known else Reply(404)

    return answer


def given(code: int, guid: str, minutes: float = 5) -> dict[str, Any]:
    when = (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"id": 1, "guid": guid, "delivered_at": when, "status": "OK", "status_code": code, "event": "push"}


@pytest.mark.parametrize(
    ("deliveries", "status"),
    [
        ([given(200, "a"), given(502, "b")], Status.FAILED),
        ([given(0, "a")], Status.FAILED),
        ([given(200, "a", 1), given(502, "a", 2)], Status.PASSED),
        ([given(200, "a"), given(500, "b", 90)], Status.PASSED),
    ],
    ids=["failed", "no answer", "sent again", "old"],
)
def test_githubs_own(
    ask: Ask, file: Path, monkeypatch: pytest.MonkeyPatch, deliveries: list[dict[str, Any]], status: Status
) -> None:
    monkeypatch.setenv("HOOK_TOKEN", "token-of-github")
    with site(github(*deliveries)) as shop:
        hook = {"github_hook": "acme/erp/42", "github_token_variable": "HOOK_TOKEN", "github_api": shop.url}
        result = ask("webhook-deliveries", url=shop.url, file=file, secrets="SHOP_TOKEN", **hook)
    assert result.status is status, result.found
    assert "token-of-github" not in str(result.as_json())
