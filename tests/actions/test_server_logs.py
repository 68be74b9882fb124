"""server-logs on a real server: every kind of error turns it red, what is allowed is told, hostile lines steer nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hosts import SH, Server
from slots.world import OLD

from deploy_gate.catalog import Catalog
from deploy_gate.facts import logfacts
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, Status


@pytest.fixture
def log(server: Server) -> Path:
    """The log of the live slot."""
    path = server.world.work / "blue.log"
    path.write_text("INFO: ready\n")
    server.world.configure(commands={"logs": [*SH, 'cat "$2"', "x", "{since}", str(server.world.work / "{slot}.log")]})
    return path


@pytest.fixture
def look(ask: Callable[..., Result], server: Server, log: Path) -> Callable[..., Result]:
    assert log.exists()
    return lambda **given: ask("server-logs", **server.inputs, **given)


def test_a_clean_log(look: Callable[..., Result], log: Path) -> None:
    log.write_text('INFO: 127.0.0.1 "GET /errors?level=info" 200\n' * 500)
    result = look()
    assert result.status is Status.PASSED, result
    assert result.found.startswith(f"0 of 500 lines of blue ({OLD[:12]}), ")
    assert result.found.endswith("since its switch match, the limit is 0")


def test_errors_by_kind_and_what_is_allowed(look: Callable[..., Result], log: Path) -> None:
    log.write_text("backend-1  | Traceback (most recent call last):\nOperationalError: gone\nERROR known 7\n")
    result = look()
    assert (result.status, result.measured, result.target) == (Status.FAILED, 3, 0)
    assert result.found.endswith("match, the limit is 0: backend-1 | Traceback (most recent call last):")
    assert look(look_for="database").measured == 1
    assert look(look_for="errors", allow=r"known \d$").measured == 1
    result = look(look_for="own", patterns="known", max_errors=1)
    assert (result.status, result.measured) == (Status.PASSED, 1)
    result = look(allow="Traceback\nOperationalError\nknown")
    assert (result.status, "3 allowed" in result.found) == (Status.PASSED, True)


def test_hostile_lines(look: Callable[..., Result], log: Path) -> None:
    log.write_bytes(
        b"ERROR \x1b]0;x\x07\x1b[2J ::error::x \xe2\x80\xae ##[error] " + b"<b>|" * 5000 + b"\n" + b"ERROR\n" * 300
    )
    result = look()
    assert (result.status, result.measured, len(result.evidence)) == (Status.FAILED, 301, 100)
    texts = [result.found, *(str(one["message"]) for one in result.evidence)]
    assert all(one.isprintable() and len(one) <= 600 for one in texts)


@pytest.mark.long
def test_what_cannot_be_read_is_not_passed(look: Callable[..., Result], log: Path, server: Server) -> None:
    log.write_text("")
    assert (look().status, look().fix[:11]) == (Status.ERROR, "see whether")
    log.unlink()
    assert (look().status, "commands.logs ended with 1" in look().found) == (Status.ERROR, True)
    server.world.configure(commands={"logs": ["tail", "-n", "100", str(log)]})
    result = look()
    assert (result.status, "it has no {since}" in result.found) == (Status.ERROR, True)
    assert look(slot="idle").status is Status.ERROR


SAID = {
    logfacts.ERRORS: [
        "Traceback (most recent call last):",
        "2027-01-01 12:00:00 ERROR app: x",
        "[CRITICAL] worker died",
        '{"level": "error", "msg": "x"}',
        '{"severity":"CRITICAL"}',
        "time=1 level=error msg=x",
        "MemoryError",
    ],
    logfacts.DATABASE: [
        "sqlalchemy.exc.OperationalError: (psycopg.OperationalError)",
        "FATAL:  sorry, too many clients already",
        "FATAL:  remaining connection slots are reserved for non-replication superuser connections",
        "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached",
        'connection to server at "10.0.0.5", port 5432 failed: Connection refused',
        "server closed the connection unexpectedly",
        "FATAL:  terminating connection due to administrator command",
        "FATAL:  the database system is starting up",
        'FATAL:  password authentication failed for user "erp"',
        'could not translate host name "db" to address: Temporary failure in name resolution',
        "asyncpg.exceptions: connection was closed in the middle of operation",
        "FATAL: query_wait_timeout",
        "ERROR: no more connections allowed (max_client_conn)",
        "psycopg_pool.PoolTimeout: couldn't get a connection after 30.00 sec",
    ],
}
HARMLESS = [
    "GET /errors/fatal 200",
    '{"level": "info", "errors": 0}',
    "level=info msg=error_rate",
    "no errors found",
    "connection to server established",
    "INFO websocket connection is closed",
    "INFO sqlalchemy.engine.Engine SELECT * FROM operational_errors",
]


@pytest.mark.parametrize("patterns", SAID, ids=["errors", "database"])
def test_every_pattern_finds_what_it_is_for_and_nothing_else(patterns: tuple[str, ...]) -> None:
    module = logfacts_of(patterns)
    assert [one for one in SAID[patterns] if not module(one)] == []
    assert [one for one in HARMLESS if module(one)] == []
    assert {hit for one in SAID[patterns] for hit in module(one)} == set(patterns), "each is proven by a line"


@pytest.mark.parametrize("patterns", SAID, ids=["errors", "database"])
@pytest.mark.parametrize("piece", ["a", " ", "connection to server at ", '"level":"', "level=", "ERRO", "\\"])
def test_no_pattern_takes_long_on_a_line_made_for_it(patterns: tuple[str, ...], piece: str) -> None:
    began = time.process_time()
    logfacts_of(patterns)((piece * 4000)[:4000])
    assert time.process_time() - began < 0.5


def logfacts_of(patterns: tuple[str, ...]) -> Callable[[str], list[str]]:
    import re

    return lambda line: [one for one in patterns if re.search(one, line)]


def seen(**given: object) -> logfacts.Seen:
    values = {
        "slot": "blue",
        "release": OLD,
        "since": "switch",
        "seconds": 600.0,
        "lines": 1000,
        "matched": 0,
        "allowed": 0,
    }
    return logfacts.Seen(**{**values, "hits": (), **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "limits", "status"),
    [
        ({}, {}, Status.PASSED),
        ({"matched": 1}, {}, Status.FAILED),
        ({"matched": 5}, {"max_errors": 5}, Status.PASSED),
        ({"matched": 5}, {"max_errors": 5, "max_rate": 0.4}, Status.FAILED),
        ({"matched": 5}, {"max_errors": 5, "max_rate": 0.5}, Status.PASSED),
        ({"matched": 1, "seconds": 0.5}, {"max_errors": 5, "max_rate": 1.0}, Status.PASSED),
        ({"matched": 1, "lines": 1}, {"min_lines": 2}, Status.FAILED),
    ],
)
def test_limits(given: dict[str, object], limits: dict[str, object], status: Status) -> None:
    module = Catalog().get("server-logs").module
    assert module.judge(seen(**given), module.Limits(**limits)).status is status


def test_too_few_lines_are_not_passed() -> None:
    module = Catalog().get("server-logs").module
    with pytest.raises(CouldNotTell):
        module.judge(seen(lines=9), module.Limits(min_lines=10))


@pytest.mark.parametrize("told", [{}, {"hits": [{}]}, {"hits": 1}, {"hits": [], "counts": [], "slot": "b"}])
def test_an_answer_of_another_kind_is_not_known(told: dict[str, object]) -> None:
    with pytest.raises(CouldNotTell):
        logfacts.parse(told)


@pytest.mark.parametrize(
    ("look_for", "patterns", "allow"), [("own", "", ""), ("all", "(", ""), ("all", "", "x*"), ("all", "", "a\n" * 91)]
)
def test_inputs_that_cannot_be_meant(look_for: str, patterns: str, allow: str) -> None:
    validate = Catalog().get("server-logs").module.validate
    with pytest.raises(Misconfigured):
        validate(host="a@b", config="/x", look_for=look_for, patterns=patterns, allow=allow)
