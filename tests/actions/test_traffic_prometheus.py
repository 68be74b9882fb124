"""traffic and resources from Prometheus: raw counters, so that the first errors of a release are seen; no data is no answer.

The ordinary tests ask a server that answers as Prometheus does; the long one asks a real one, with a node exporter.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from prometheus_server import exported, program, scraping, settled

from deploy_gate.facts.prometheus import validate
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status
from deploy_gate.workbench.server import free_port, running

Ask = Callable[..., Result]


@dataclass
class Pages:
    """What is answered, by path and query; a text or a status."""

    answers: dict[str, Any] = field(default_factory=dict)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def series(self, query: str, *series: tuple[dict[str, str], float]) -> None:
        """Answer a query with these."""
        result = [{"metric": labels, "value": [0, str(value)]} for labels, value in series]
        self.answers[query] = json.dumps({"status": "success", "data": {"result": result}})


@contextmanager
def serving() -> Iterator[Pages]:
    pages = Pages()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            key = parse_qs(parts.query).get("query", [parts.path])[0]
            body = pages.answers.get(key, '{"status": "success", "data": {"result": []}}')
            self.send_response(200 if isinstance(body, str) else 503)
            text = body.encode() if isinstance(body, str) else b'{"status": "error", "error": "too busy"}'
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    pages.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield pages
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def prometheus() -> Iterator[Pages]:
    with serving() as pages:
        for query in (UP, UP + EARLY):
            pages.series(query, (ME, 1))
        yield pages


REQUESTS, BUCKETS = 'http_requests_total{job="erp"}', 'http_request_duration_seconds_bucket{job="erp"}'
EARLY = " offset 900000ms"
UP, ME = 'up{job="erp"}', {"job": "erp", "instance": "a:1"}
YOUNG = 'process_start_time_seconds{job="erp"} >= time() - 900'


def figures(pages: Pages, good: float, bad: float, *, was: float = 0) -> None:
    """So many answers since a quarter of an hour, all within 0.25 s but the bad ones."""
    labels = {"method": "GET", "handler": "/orders", **ME}
    pages.series(REQUESTS, ({**labels, "status": "200"}, was + good), ({**labels, "status": "5xx"}, bad))
    pages.series(REQUESTS + EARLY, *([({**labels, "status": "200"}, was)] if was else []))
    points = [("0.1", was + good / 2), ("0.25", was + good), ("1.0", was + good + bad), ("+Inf", was + good + bad)]
    pages.series(BUCKETS, *(({**labels, "le": bound}, value) for bound, value in points))
    early = [("0.1", was), ("0.25", was), ("1.0", was), ("+Inf", was)]
    pages.series(BUCKETS + EARLY, *(({**labels, "le": bound}, value) for bound, value in early))


@pytest.fixture
def look(ask: Ask, prometheus: Pages) -> Ask:
    given = {"prometheus": prometheus.url, "since": "15m", "selector": 'job="erp"'}
    return lambda proves, **more: ask("traffic", proves=proves, **{**given, **more})


def test_what_was_counted_since(look: Ask, prometheus: Pages) -> None:
    figures(prometheus, 6000, 0, was=10_000)
    result = look("errors")
    assert (result.status, "0 of 6000 requests failed" in result.found) == (Status.PASSED, True), result
    result = look("p95")
    assert (result.status, result.measured) == (Status.PASSED, 250), result
    figures(prometheus, 3000, 200, was=10_000)
    result = look("p95")
    assert (result.status, result.measured) == (Status.FAILED, 1000), result


def test_the_first_errors_ever_are_seen(look: Ask, prometheus: Pages) -> None:
    figures(prometheus, 3000, 10)
    result = look("errors")
    assert (result.status, "10 of 3010 requests failed" in result.found) == (Status.FAILED, True), result
    assert look("error-band").evidence[0] == {"band": "consider"}


@pytest.mark.parametrize("name", ["response_code", "http_response_status_code", "code", "status_class"])
def test_the_usual_names_of_the_status(look: Ask, prometheus: Pages, name: str) -> None:
    labels = {**ME, "method": "GET", "handler": "/orders"}
    prometheus.series(REQUESTS, ({**labels, name: "2xx"}, 3000), ({**labels, name: "503"}, 3000))
    result = look("errors")
    assert (result.status, "3000 of 6000 requests failed" in result.found) == (Status.FAILED, True), result


@pytest.mark.parametrize("labels", [{}, {"outcome": "500"}, {"status": "success"}, {"status": ""}, {"code": "0"}])
def test_without_a_status_nothing_is_known_of_errors(look: Ask, prometheus: Pages, labels: dict[str, str]) -> None:
    good = {**ME, "method": "GET", "handler": "/orders", "status": "200"}
    prometheus.series(REQUESTS, (good, 9000), ({**ME, "method": "GET", "handler": "/cart", **labels}, 5000))
    for proves in ("errors", "error-band"):
        result = look(proves)
        assert (result.status, "tells no status" in result.found) == (Status.ERROR, True), result
    assert "status-label" in look("errors").fix
    assert look("errors", classes="ignore=^/cart").status is not Status.ERROR, "what is left out needs none"


def test_the_name_of_the_status_may_be_another_one(look: Ask, prometheus: Pages) -> None:
    labels = {**ME, "method": "GET", "handler": "/orders", "status": "200"}
    prometheus.series(REQUESTS, ({**labels, "answer": "200"}, 3000), ({**labels, "answer": "500"}, 3000))
    result = look("errors", status_label="answer")
    assert (result.status, "3000 of 6000 requests failed" in result.found) == (Status.FAILED, True), result
    assert look("errors", status_label="another").status is Status.ERROR


def test_a_gap_at_the_beginning_is_no_window(look: Ask, prometheus: Pages) -> None:
    """Fifteen minutes ago nothing was scraped: 700 errors of the last 1,000 requests are not 700 of ten millions."""
    figures(prometheus, 10_000_000, 700)
    prometheus.series(BUCKETS + EARLY)
    prometheus.series(UP + EARLY)
    for proves in ("errors", "p95"):
        result = look(proves)
        assert (result.status, "15 min ago" in result.found) == (Status.ERROR, True), result
    prometheus.series(UP + EARLY, (ME, 0))
    assert look("errors").status is Status.ERROR, "it did not answer then"
    prometheus.series(UP, (ME, 1), ({**ME, "instance": "b:1"}, 1))
    prometheus.series(UP + EARLY, ({**ME, "instance": "b:1"}, 1))
    prometheus.series(YOUNG, ({**ME, "instance": "b:1"}, 1.7e9))
    assert look("errors").status is Status.ERROR, "another one did, and another one is young"


def test_what_was_not_there_began_with_nothing_where_that_is_known(look: Ask, prometheus: Pages) -> None:
    figures(prometheus, 9000, 90)
    assert "90 of 9090 requests" in look("errors").found, "scraped then, without this counter"
    prometheus.series(UP + EARLY)
    prometheus.series(YOUNG, (ME, 1.7e9))
    assert "90 of 9090 requests" in look("errors").found, "not started then"


def test_a_process_that_began_in_the_window_is_counted_from_nothing(look: Ask, prometheus: Pages) -> None:
    """It served more since than the one before it, so its counter does not show that it began anew."""
    figures(prometheus, 3000, 0, was=6000)
    prometheus.series(YOUNG, (ME, 1.7e9))
    assert "0 of 9000 requests" in look("errors").found


def test_a_sum_without_instances_began_when_all_of_them_did(look: Ask, prometheus: Pages) -> None:
    prometheus.series(REQUESTS, ({"status": "200"}, 9000), ({"status": "500"}, 900))
    prometheus.series(UP, (ME, 1), ({**ME, "instance": "b:1"}, 1))
    prometheus.series(UP + EARLY, (ME, 1), ({**ME, "instance": "b:1"}, 0))
    assert look("errors").status is Status.ERROR
    prometheus.series(UP + EARLY, (ME, 1), ({**ME, "instance": "b:1"}, 1))
    assert "900 of 9900 requests" in look("errors").found


def test_a_counter_that_began_anew_counts_from_nothing(look: Ask, prometheus: Pages) -> None:
    figures(prometheus, 500, 0)
    prometheus.series(REQUESTS + EARLY, ({"method": "GET", "handler": "/orders", "status": "200", **ME}, 9999))
    assert "0 of 500 requests" in look("errors").found


def test_beside_the_slot_before(look: Ask, prometheus: Pages) -> None:
    figures(prometheus, 3000, 0)
    prometheus.series(f"{UP} offset 4500000ms", (ME, 1))
    for name, bounds in (("requests_total", None), ("request_duration_seconds_bucket", ("0.05", "+Inf"))):
        query = f'http_{name}{{job="erp",slot="blue"}} offset 900000ms'
        labels = {"method": "GET", "handler": "/orders", "status": "200", **ME}
        prometheus.series(query, *(({**labels, **({"le": one} if one else {})}, 5000) for one in bounds or ("",)))
    result = look("latency-band", baseline_selector='job="erp",slot="blue"')
    assert (result.status, result.measured) == (Status.FAILED, 5.0), result
    assert result.evidence[0] == {"band": "immediate"}
    assert look("latency-band").status is Status.ERROR


def test_no_data_is_no_answer(look: Ask, ask: Ask, prometheus: Pages) -> None:
    result = look("errors")
    assert (result.status, "has no http_requests_total" in result.found) == (Status.ERROR, True), result
    figures(prometheus, 3000, 0)
    prometheus.series('up{job="erp"}', ({"instance": "a:1"}, 1), ({"instance": "b:1"}, 0))
    assert (look("errors").status, "b:1 does not answer" in look("errors").found) == (Status.ERROR, True)
    prometheus.series('up{job="erp"}')
    assert "knows no such target" in look("errors").found
    prometheus.answers['up{job="erp"}'] = 503
    assert "refused `up" in look("errors").found
    for strange in ("[]", "x", '{"status": "success"}', '{"status": "success", "data": {"result": [{"metric": 1}]}}'):
        prometheus.answers['up{job="erp"}'] = strange
        assert look("errors").status is Status.ERROR
    result = ask("resources", measures="cpu", limit="60%", prometheus=f"http://127.0.0.1:{free_port()}")
    assert (result.status, "refused" in result.found) == (Status.ERROR, True)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_a_counter_that_is_no_number_is_no_answer(look: Ask, prometheus: Pages, value: str) -> None:
    figures(prometheus, 9000, 0, was=10_000)
    now, then = prometheus.answers[REQUESTS], prometheus.answers[REQUESTS + EARLY]
    for query in (REQUESTS, REQUESTS + EARLY):
        prometheus.answers |= {REQUESTS: now, REQUESTS + EARLY: then}
        labels = {"method": "GET", "handler": "/orders", "status": "200", **ME}
        prometheus.series(query, (labels, float(value)))
        result = look("errors")
        assert (result.status, "is no number" in result.found) == (Status.ERROR, True), result


@pytest.mark.parametrize("bound", ["abc", "NaN", "-0.5", "1e300", ""])
def test_a_bucket_without_a_bound_is_no_answer(look: Ask, prometheus: Pages, bound: str) -> None:
    figures(prometheus, 9000, 0, was=10_000)
    labels = {"method": "GET", "handler": "/orders", **ME}
    for query in (BUCKETS, BUCKETS + EARLY):
        prometheus.series(query, ({**labels, "le": bound}, 5.0))
    result = look("p95")
    assert (result.status, "upper bound of a bucket" in result.found) == (Status.ERROR, True), result


def test_what_no_bucket_holds_is_not_quick(look: Ask, prometheus: Pages) -> None:
    figures(prometheus, 9000, 0, was=10_000)
    labels = {"method": "GET", "handler": "/orders", **ME}
    for query, number in ((BUCKETS, 1000.0), (BUCKETS + EARLY, 0.0)):
        points = (({**labels, "le": "0.01"}, number / 2), ({**labels, "le": "+Inf"}, number))
        prometheus.series(query, *points)
    assert look("p95").status is Status.FAILED, "half of them took longer than 10 ms, nobody knows how much"
    for query, number in ((BUCKETS, 1000.0), (BUCKETS + EARLY, 0.0)):
        prometheus.series(query, ({**labels, "le": "+Inf"}, number))
    result = look("p95")
    assert (result.status, "upper bound of a bucket" in result.found) == (Status.ERROR, True), result


def test_of_the_node_exporter(ask: Ask, prometheus: Pages) -> None:
    query = '100 * (1 - avg(rate(node_cpu_seconds_total{mode="idle",job="erp"}[900s])))'
    prometheus.series(query, ({}, 61.0))
    given = {"limit": "60%", "prometheus": prometheus.url, "selector": 'job="erp"'}
    result = ask("resources", measures="cpu", **given)
    assert (result.status, result.measured) == (Status.FAILED, 61.0), result
    assert ask("resources", measures="memory", **given).status is Status.ERROR
    prometheus.series(query, ({}, float("nan")))
    assert ask("resources", measures="cpu", **given).status is Status.ERROR


@pytest.mark.parametrize("selector", ["a", 'a="b"} or up{', 'a="b" c="d"', "a='b'", 'a="' + "x" * 500 + '"'])
def test_a_selector_is_matchers_and_nothing_else(selector: str) -> None:
    for good in ("", 'a="b"', 'a="b",c!~"d|e",', 'a = "\\"}"'):
        validate("http://127.0.0.1:9090", good)
    with pytest.raises(Misconfigured):
        validate("http://127.0.0.1:9090", selector)


@pytest.mark.long
def test_a_real_prometheus_and_node_exporter(ask: Ask, tmp_path: Path) -> None:
    exporter, node = program("prometheus-node-exporter"), free_port()
    with serving() as app:
        app.answers["/metrics"] = exported(0, 0)
        words: list[str | Path] = [exporter, f"--web.listen-address=127.0.0.1:{node}"]
        with running(words, "Listening on"), scraping(tmp_path, erp=app.port, node=node) as server:
            settled(lambda: len(server.query("up == 1")) == 2)
            given = {"prometheus": server.url, "since": "2s", "selector": 'job="erp"'}
            settled(lambda: server.number('sum(http_requests_total{job="erp"} offset 3s)') == 0)
            # Born with ten errors: rate() and increase() see none of them.
            app.answers["/metrics"] = exported(2000, 10)
            settled(lambda: server.number('sum(http_requests_total{job="erp"})') == 2010)
            assert server.number('sum(increase(http_requests_total{status="500"}[1m])) or vector(0)') == 0
            result = ask("traffic", proves="errors", **{**given, "since": "1h"})
            assert (result.status, "does not know that it began since" in result.found) == (Status.ERROR, True), result
            app.answers["/metrics"] = exported(2000, 10, time.time() - 60)
            settled(lambda: bool(server.query('process_start_time_seconds{job="erp"}')))
            result = ask("traffic", proves="errors", **{**given, "since": "1h"})
            assert (result.status, "10 of 2010 requests failed" in result.found) == (Status.FAILED, True), result
            settled(
                lambda: (
                    ask(
                        "resources",
                        measures="cpu",
                        limit="100%",
                        target="99%",
                        warning="99%",
                        critical="100%",
                        over="10s",
                        prometheus=server.url,
                        selector='job="node"',
                    ).status
                    is not Status.ERROR
                )
            )
            app.answers["/metrics"] = 503
            settled(lambda: "does not answer Prometheus" in ask("traffic", proves="errors", **given).found)
