"""exposed-paths: every known leak served, pages that only look like one, and sites that answer all alike."""

from __future__ import annotations

import gzip
import secrets
from collections.abc import Callable

import pytest
from sites import Reply, Request, routes, site

from deploy_gate.catalog import Catalog
from deploy_gate.facts import http, leaks
from deploy_gate.facts import site as facts_site
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
SETTINGS = "# made up\nSECRET_KEY=abc\n"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nAA\n"
COMPOSE = "name: erp\nservices:\n  app: {}\n"
DUMP = "--\n-- PostgreSQL database dump\n--\n"
ZIP = b"PK\x03\x04\x00"
LOG = "2026/01/01 10:00:00 [error] x\n"
PPROF = """<html><head><title>/debug/pprof/</title></head><body>/debug/pprof/<br>
Set debug=1 as a query parameter to export in legacy text format<br>
Types of profiles available:
<table><tr><td>4</td><td><a href='goroutine?debug=1'>goroutine</a></td></tr></table></body></html>"""
ACTUATOR = """{"_links": {"self": {"href": "https://erp.example/actuator", "templated": false},
  "health": {"href": "https://erp.example/actuator/health", "templated": false}}}"""
# What each path shows where it is open, as the programs write it.
SERVED: dict[str, str | bytes] = {
    "/.env": SETTINGS,
    "/.env.local": SETTINGS,
    "/.env.production": "export DATABASE_URL=postgresql://x\n",
    "/.env.bak": SETTINGS,
    "/.git/HEAD": "ref: refs/heads/main\n",
    "/.git/config": "[core]\n\tbare = false\n",
    "/.svn/entries": "12\n",
    "/.hg/requires": "dotencode\nfncache\nrevlogv1\nstore\n",
    "/.DS_Store": b"\x00\x00\x00\x01Bud1\x00\x00\x10\x00",
    "/.htpasswd": "ada:$apr1$x$y\n",
    "/.aws/credentials": "[default]\naws_access_key_id = A\naws_secret_access_key = B\n",
    "/.ssh/id_rsa": "-----BEGIN OPENSSH PRIVATE KEY-----\nAA\n",
    "/id_rsa": KEY,
    "/server.key": "-----BEGIN PRIVATE KEY-----\nAA\n",
    "/docker-compose.yml": COMPOSE,
    "/compose.yaml": COMPOSE,
    "/Dockerfile": "FROM python:3.11\n",
    "/requirements.txt": "fastapi==0.1\n",
    "/alembic.ini": "# made up\n[alembic]\nscript_location = alembic\n",
    "/config.json": '{"database_url": "x"}',
    "/dump.sql": DUMP,
    "/backup.sql": "-- MySQL dump 10.13\n",
    "/database.sql": "CREATE TABLE a (b int);\n",
    "/db.sql": DUMP,
    "/dump.sql.gz": gzip.compress(b"x"),
    "/backup.dump": b"PGDMP\x01\x0e",
    "/db.sqlite3": b"SQLite format 3\x00",
    "/db.dump": b"PGDMP\x01\x0e",
    "/backup.zip": ZIP,
    "/backup.tar.gz": gzip.compress(b"x"),
    "/site.tar.gz": b"srv/a\nb".ljust(257, b"\x00") + b"ustar\x0000",
    "/www.zip": ZIP,
    "/backup/": "<title>Index of /backup/</title>",
    "/backups/": "<title>Directory listing for /backups/</title>",
    "/metrics": "# HELP up Whether.\n# TYPE up gauge\nup 1\n",
    "/server-status": "<h1>Apache Server Status for x</h1>",
    "/nginx_status": "Active connections: 2 \n",
    "/debug": "Traceback (most recent call last):\n",
    "/debug/pprof/": PPROF,
    "/console": "<h1>Interactive Console</h1><script>var EVALEX = true;</script>",
    "/actuator/env": '{"propertySources": []}',
    "/actuator/heapdump": b"JAVA PROFILE 1.0.2\x00",
    "/actuator": ACTUATOR,
    "/phpinfo.php": "<title>phpinfo()</title>",
    "/adminer.php": "<title>Login - Adminer</title>",
    "/error.log": LOG,
    "/debug.log": "2026-01-01 10:00:00,123 DEBUG x\n",
}
PAGE = "<html><body>The shop: " + "goods and prices. " * 30 + "</body></html>"


def test_a_site_that_serves_none_passes_with_one_request_a_path(ask: Ask) -> None:
    with site(routes({})) as shop:
        result = ask("exposed-paths", url=shop.url)
    assert result.status is Status.PASSED, result.found
    assert result.found == f"none of {len(leaks.KNOWN)} paths is served, none may be"
    assert len(shop.seen) == len(leaks.KNOWN) + 2
    assert {one.method for one in shop.seen} == {"GET"}
    assert all("x-deploy-gate-probe" in one.headers for one in shop.seen)


def test_each_leak_is_recognised_and_no_other(ask: Ask) -> None:
    assert set(SERVED) == {one.path for one in leaks.KNOWN}, "every known leak has a sample"
    with site(routes({path: Reply(200, body) for path, body in SERVED.items()})) as shop:
        result = ask("exposed-paths", url=shop.url)
    assert result.status is Status.FAILED
    found = {str(one["message"]).partition(":")[0] for one in result.evidence if one["rule"] == "exposed"}
    assert found == set(SERVED)
    assert "SECRET_KEY" not in str(result.as_json())


@pytest.mark.parametrize("path", SERVED)
def test_each_leak_is_seen_alone(path: str) -> None:
    module = Catalog().get("exposed-paths").module
    (leak,) = [one for one in leaks.KNOWN if one.path == path]
    body = SERVED[path]
    raw = body.encode() if isinstance(body, str) else body
    controls = [module.Control(404, b'{"detail": "Not Found"}', "deploy-gate-0")]
    answer = http.Answer(http.parse(f"https://erp.example{path}"), 200, (), raw, True, 0.1)
    assert module.assess(leak, answer, controls).verdict == "exposed"
    # What repeats the path in a page of its own is not the thing itself.
    page = http.Answer(answer.address, 200, (), f"<h1>{path}</h1> is not here".encode(), True, 0.1)
    assert module.assess(leak, page, controls).verdict == "suspicious"


def test_one_leak_is_told_with_its_next_step(ask: Ask) -> None:
    with site(routes({"/.env": Reply(200, "DATABASE_URL=postgresql://x\n")})) as shop:
        result = ask("exposed-paths", url=shop.url)
    assert result.status is Status.FAILED
    assert (
        f"1 of {len(leaks.KNOWN)} paths served, none may be: /.env: a file of settings is served (status 200"
        in result.found
    )
    assert "change every secret" in result.fix


def everything(request: Request) -> Reply:
    """An application in one page: every path answers 200, with a token of its own and the path in it."""
    return Reply(200, PAGE.replace("shop", f"shop {request.path} <meta nonce={secrets.token_hex(16)}>"))


def test_a_page_for_every_path_is_no_leak(ask: Ask) -> None:
    with site(everything) as shop:
        result = ask("exposed-paths", url=shop.url)
    assert result.status is Status.PASSED, result.found


def test_a_leak_behind_a_page_for_every_path_is_found(ask: Ask) -> None:
    with site(lambda one: Reply(200, SERVED["/.env"]) if one.path == "/.env" else everything(one)) as shop:
        result = ask("exposed-paths", url=shop.url)
    assert (result.status, result.measured) == (Status.FAILED, 1), result.found


def test_a_page_about_secrets_for_every_path_is_no_leak(ask: Ask) -> None:
    with site(lambda _: Reply(200, f"SECRET_KEY=example\n{PAGE}")) as shop:
        result = ask("exposed-paths", url=shop.url)
    assert result.status is Status.PASSED, result.found


def test_something_unknown_is_a_warning_and_can_be_declared(ask: Ask) -> None:
    known = routes({"/metrics": Reply(200, "<h1>Our figures</h1>"), "/debug": Reply(401)})
    with site(known) as shop:
        seen = ask("exposed-paths", url=shop.url)
        declared = ask("exposed-paths", url=shop.url, public="/metrics")
    assert seen.status is Status.WARNED
    assert "/metrics: answered 200 with something that is not recognised as metrics" in seen.found
    assert declared.status is Status.PASSED, declared.found


def test_further_paths_must_not_answer_at_all(ask: Ask) -> None:
    with site(routes({"/internal/": Reply(200, "hello")})) as shop:
        result = ask("exposed-paths", url=shop.url, paths="/internal/")
    assert result.status is Status.FAILED
    assert "/internal/: answered 200: declared as not public" in result.found


def test_a_redirect_that_adds_a_slash_is_followed(ask: Ask) -> None:
    known = {"/debug": Reply(307, b"", {"Location": "/debug/"}), "/debug/": Reply(200, "Werkzeug Debugger")}
    with site(routes(known)) as shop:
        result = ask("exposed-paths", url=shop.url)
    assert result.status is Status.FAILED


def test_an_error_that_shows_a_trace_is_a_leak_too(ask: Ask) -> None:
    with site(routes({"/debug": Reply(500, "Traceback (most recent call last):")})) as shop:
        assert ask("exposed-paths", url=shop.url).status is Status.FAILED


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_site_that_locks_us_out_proves_nothing(ask: Ask, status: int) -> None:
    with site(lambda _: Reply(status)) as shop:
        result = ask("exposed-paths", url=shop.url)
    assert result.status is Status.ERROR, result.found
    assert len(shop.seen) == 1


@pytest.mark.parametrize(
    "goal",
    ["https://shop.example{path}", "/login", "{path}/", "", "http://[", "https://ada:hunter2@x.example/?t=hunter2"],
)
@pytest.mark.parametrize("status", [301, 302, 308])
def test_a_site_that_redirects_everything_proves_nothing(ask: Ask, goal: str, status: int) -> None:
    def answer(request: Request) -> Reply:
        return Reply(status, b"", {"Location": goal.format(path=request.path)} if goal else {})

    with site(answer) as shop:
        result = ask("exposed-paths", url=shop.url)
    assert result.status is Status.ERROR, result.found
    assert "redirect" in result.found
    assert "hunter2" not in str(result.as_json())
    if goal.startswith("https://shop"):
        assert "https://shop.example/deploy-gate-" in result.found
        assert "https://shop.example" in result.found


def test_a_redirect_of_files_alone_proves_nothing(ask: Ask) -> None:
    def answer(request: Request) -> Reply:
        return Reply(301, b"", {"Location": "https://files.example/"}) if ".sql" in request.path else Reply(404)

    with site(answer) as shop:
        assert ask("exposed-paths", url=shop.url).status is Status.ERROR


def test_a_limit_that_was_met_before_is_waited_for(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    count = iter(range(999))

    def answer(_: Request) -> Reply:
        return Reply(429, b"", {"Retry-After": "30"}) if next(count) == 0 else Reply(404)

    with site(answer) as shop:
        result = ask("exposed-paths", url=shop.url)
    assert result.status is Status.PASSED, result.found


def test_what_could_not_be_told_is_not_closed(ask: Ask) -> None:
    with site(routes({"/metrics": Reply(502)})) as shop:
        result = ask("exposed-paths", url=shop.url)
    assert result.status is Status.ERROR
    assert "/metrics: answered 502" in result.found


def test_never_while_a_deployment_is_watched(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(facts_site.WATCHING, "1")
    assert ask("exposed-paths", url="http://127.0.0.1:9/").status is Status.ERROR
