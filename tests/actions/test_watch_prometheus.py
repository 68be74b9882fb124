"""A watch, and a look back, whose traffic a real Prometheus counts: by it a bad release is taken back; without it none is."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest
from bot_api import GROUP, telegram
from fleet import NEW, OLD
from prometheus_server import exported, scraping, settled
from sites import Reply, Request, site
from watch_shop import Shop

from deploy_gate.facts.prometheus import Prometheus
from host import sampler
from host.state import GUARD, HOLD

A_LOOK = 11
"""Queries of one look at errors: is it up, then how much requests grew and durations."""
GIVEN = {"proves": "error-band", "since": "15m", "selector": 'job="erp"'}


class Application:
    """What it exports: so many good and bad answers since it was started."""

    def __init__(self, good: int, bad: int = 0, since: float = 60) -> None:
        self.good, self.bad, self.started = good, bad, time.time() - since

    def answer(self, _: Request) -> Reply:
        return Reply(body=exported(self.good, self.bad, self.started), headers={"Content-Type": "text/plain"})


def seen(server: Prometheus, status: str, number: int) -> None:
    """Until Prometheus has scraped it."""
    settled(lambda: server.number(f'sum(http_requests_total{{status="{status}"}})') == number)


def asked(server: Prometheus) -> int:
    """How many queries it has answered."""
    with urlopen(f"{server.url}/metrics", timeout=60) as answer:
        told = answer.read().decode().splitlines()
    name = 'prometheus_http_requests_total{code="200",handler="/api/v1/query"} '
    return sum(int(float(line.removeprefix(name))) for line in told if line.startswith(name))


@pytest.mark.long
def test_prometheus_dies_while_a_release_is_watched(shop: Shop, tmp_path: Path) -> None:
    with ExitStack() as stack, telegram() as bot:
        app = stack.enter_context(site(Application(3000).answer))
        life = stack.enter_context(ExitStack())
        server = life.enter_context(scraping(tmp_path, erp=int(app.url.rpartition(":")[2])))
        seen(server, "200", 3000)
        before = asked(server)
        dead: list[bool] = []

        def answer(_: Request) -> Reply:
            """The first look at another line ends it, once it has told the trigger all that it asked."""
            if not dead:
                settled(lambda: asked(server) >= before + A_LOOK)
                dead.append(True)
                life.close()
            return Reply()

        shop.item("other", stack.enter_context(site(answer)).url)
        shop.on_host("t", "immediate", "traffic", **GIVEN, prometheus=server.url)
        shop.triggers["t"]["watch"] = {"every": "1s", "failure-limit": 1, "error-limit": 1}
        told = shop.watch(window="40s", confirm="true", chat=GROUP, api=bot.url)
        texts = bot.texts()
    assert (told.code, told.data["measured"]) == (3, "could-not-tell"), told
    [line] = [one for one in shop.lines() if one["id"] == "t"]
    assert (line["state"], line["looks"] > line["unknown"] > 0) == ("no data", True), line
    assert server.url.removeprefix("http://") in told.found, told
    assert ("held for a person" in texts[-1], shop.phase()) == (True, HOLD), texts
    shop.servers.hosts[0].live(NEW, "green")


@pytest.mark.long
def test_the_first_hour_is_looked_back_at_through_prometheus(shop: Shop, tmp_path: Path) -> None:
    host = shop.servers.hosts[0]
    host.good("confirm", NEW)
    for ago in range(600, 0, -5):
        sampler.keep(host.home, {"at": time.time() - ago, "release": NEW[:12], "front": {"status": 200}, "p95": 80})
    back = {"look_back": "true", "window": "1h", "phase": "monitor"}
    application = Application(3000, since=7200)
    with site(application.answer) as app, scraping(tmp_path, erp=int(app.url.rpartition(":")[2])) as server:
        shop.on_host("t-errors", "immediate", "traffic", **GIVEN, prometheus=server.url)
        seen(server, "200", 3000)
        told = shop.watch(**back)
        # It is older than the window, of whose beginning this Prometheus knows nothing.
        assert (told.code, told.data["measured"]) == (3, "could-not-tell"), told
        assert "t-errors: no data: Prometheus has no http_requests_total of 15 min ago" in told.found, told
        application.started = time.time() - 60
        settled(lambda: bool(server.query("process_start_time_seconds >= time() - 600")))
        told = shop.watch(**back)
        assert (told.code, told.data["measured"]) == (0, "go"), told
        assert host.good("status")["watch"]["phase"] == GUARD
        application.bad = 600
        seen(server, "500", 600)
        told = shop.watch(**back)
    assert (told.code, told.data["measured"]) == (4, "no-go"), told
    assert "t-errors: roll back: band immediate: 600 of 3600 requests failed" in told.found, told
    host.live(OLD, "blue")
