"""rate-limit: an application that counts, and every way of counting wrongly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sites import Reply, Request, site

from deploy_gate.catalog import Catalog
from deploy_gate.facts import site as facts_site
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]


class Clock:
    """Time that passes only while somebody sleeps."""

    now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


CLOCK = Clock()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Catalog().get("rate-limit").module.time, "sleep", CLOCK.sleep)


@dataclass
class Limiter:
    """Lets `most` requests through; then refuses, for ever or until the window ends."""

    most: int
    seconds: float = 1
    headers: tuple[tuple[str, str], ...] = (("Retry-After", "1"),)
    status: int = 429
    count: int = 0
    began: float = 0

    def __call__(self, _: Request) -> Reply:
        now = CLOCK.now
        if self.seconds and now - self.began > self.seconds:
            self.count, self.began = 0, now
        self.count += 1
        return Reply(self.status, headers=dict(self.headers)) if self.count > self.most else Reply(401)


def run(ask: Ask, limiter: Callable[[Request], Reply], **more: object) -> tuple[Result, list[Request]]:
    with site(limiter) as shop:
        given = {"path": "/login", "method": "POST", "body": '{"who": "{random}"}', "within": 6, **more}
        return ask("rate-limit", url=shop.url, **given), shop.seen


def test_a_limit_that_is_met_and_passes(ask: Ask) -> None:
    result, seen = run(ask, Limiter(5, 1.5))
    assert result.status is Status.PASSED, result.found
    assert (
        result.found == "429 after 5 requests, the limit is 6; 1 s later, as Retry-After says, the answer was 401 again"
    )
    assert len(seen) == 7
    assert len({one.body for one in seen}) == 7, "each log-in is somebody else's"


def test_no_limit_is_found_within_the_budget(ask: Ask) -> None:
    result, seen = run(ask, lambda _: Reply(401))
    assert result.status is Status.FAILED
    assert "met no limit, expected 429 after 6 at most (the first was answered 401)" in result.found
    assert len(seen) == 7


@pytest.mark.parametrize(
    ("limiter", "says"),
    [
        (Limiter(3, 0), "1 s later, when it should be over, the answer was 429"),
        (Limiter(3, 0, ()), "does not say for how long (no Retry-After)"),
        (Limiter(3, 0, (("Retry-After", "900"),)), "asks to wait 15 min, the longest accepted is 2 min"),
    ],
)
def test_a_limit_that_does_not_pass(ask: Ask, limiter: Limiter, says: str) -> None:
    result, _ = run(ask, limiter)
    assert result.status is Status.FAILED
    assert says in result.found


def test_another_status_counts_only_when_declared(ask: Ask) -> None:
    assert run(ask, Limiter(3, 1.5, status=503), status="429,503")[0].status is Status.PASSED
    assert run(ask, Limiter(3, status=503))[0].status is Status.ERROR


def test_what_cannot_be_limited_proves_nothing(ask: Ask) -> None:
    assert run(ask, lambda _: Reply(404))[0].status is Status.ERROR
    already, seen = run(ask, Limiter(0, 0))
    assert already.status is Status.ERROR
    assert "the very first request was answered 429" in already.found
    assert len(seen) == 1


def test_never_while_a_deployment_is_watched(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(facts_site.WATCHING, "1")
    result, seen = run(ask, Limiter(5))
    assert result.status is Status.ERROR
    assert "a deployment is being watched" in result.found
    assert not seen
