"""redis-ping and redis-health on a real server: whole, stopped, read-only, full, evicting, behind a password."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import redis
from listeners import listening

from deploy_gate.catalog import Catalog
from deploy_gate.facts import redislink
from deploy_gate.result import CouldNotTell, Result, Status
from deploy_gate.workbench import services
from deploy_gate.workbench.server import free_port

HEALTH = Catalog().get("redis-health").module
PING = Catalog().get("redis-ping").module
Ask = Callable[..., Result]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with services.redis("dev") as found:
        yield found


@pytest.fixture
def client(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """A client of our own; the server as it was at first."""
    monkeypatch.setenv("REDIS_URL", url)
    with redis.Redis.from_url(url) as found:
        found.flushall()
        found.config_resetstat()
        yield found
        found.config_set("maxmemory", "0")
        found.config_set("maxmemory-policy", "noeviction")
        found.replicaof("NO", "ONE")


def test_a_server_that_works(ask: Ask, client: redis.Redis) -> None:
    result = ask("redis-ping")
    assert (result.status, "written, read and deleted" in result.found) == (Status.PASSED, True), result
    assert client.dbsize() == 0, "nothing is left behind"
    assert ask("redis-ping", limit="20s").target == 20
    assert PING.judge(redislink.Ping("x", 0.1, 0.2), 0.25).status is Status.FAILED


@pytest.mark.parametrize(("value", "deleted"), [(None, 1), (b"another", 1), ("same", 0)])
def test_a_server_that_keeps_nothing(value: bytes | str | None, deleted: int) -> None:
    class Forgetful:
        """PING and SET do well; what is read is another thing, or nothing is there to be deleted."""

        kept = b""

        def ping(self) -> None:
            pass

        def set(self, _: str, value: bytes, **__: object) -> None:
            self.kept = value

        def get(self, _: str) -> object:
            return self.kept if value == "same" else value

        def delete(self, _: str) -> int:
            return deleted

    with pytest.raises(redislink.Refused, match="was not kept"):
        redislink.ping(cast("redis.Redis", Forgetful()), "x", "p:")


def test_a_stopped_server(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:hunter2@127.0.0.1:{free_port()}/0")
    for name in ("redis-ping", "redis-health"):
        result = ask(name)
        assert (result.status, "connection refused" in result.found) == (Status.FAILED, True), result
        assert "hunter2" not in str(result.as_json())


def test_a_replica_is_read_only(ask: Ask, client: redis.Redis) -> None:
    client.replicaof("127.0.0.1", str(free_port()))
    result = ask("redis-ping")
    assert (result.status, "is a replica, or read-only" in result.found) == (Status.FAILED, True), result


def test_a_full_server(ask: Ask, client: redis.Redis) -> None:
    client.config_set("maxmemory", "1")
    result = ask("redis-ping")
    assert (result.status, "has no memory left" in result.found) == (Status.FAILED, True), result
    result = ask("redis-health", apart="10ms")
    assert (result.status, "of maxmemory)" in result.found) == (Status.FAILED, True), result


def test_a_password_that_is_missing_or_wrong(ask: Ask, client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    url = os.environ["REDIS_URL"]
    client.config_set("requirepass", "right")
    try:
        assert (ask("redis-ping").status, "wants a password" in ask("redis-ping").found) == (Status.ERROR, True)
        monkeypatch.setenv("REDIS_URL", url.replace("//", "//:hunter2@"))
        result = ask("redis-ping")
        assert (result.status, "refused the password" in result.found) == (Status.ERROR, True), result
        assert "hunter2" not in str(result.as_json())
        monkeypatch.setenv("REDIS_URL", url.replace("//", "//:right@"))
        assert ask("redis-ping").status is Status.PASSED
    finally:
        client.config_set("requirepass", "")


def test_a_user_who_may_not_write(ask: Ask, client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    client.acl_setuser("gate", enabled=True, passwords=["+word"], keys=["other:*"], commands=["+@all"])
    monkeypatch.setenv("REDIS_URL", os.environ["REDIS_URL"].replace("//", "//gate:word@"))
    result = ask("redis-ping")
    assert (result.status, "ACL SETUSER" in result.fix) == (Status.ERROR, True), result
    assert ask("redis-ping", prefix="other:").status is Status.PASSED
    client.acl_deluser("gate")


def test_whatever_else_answers_is_not_well(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redislink, "SECONDS", 0.3)

    def http(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(http) as port:
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}/0")
        assert ask("redis-ping").status is Status.ERROR

    def silent(_: socket.socket, over: threading.Event) -> None:
        over.wait(30)

    with listening(silent) as port:
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}/0")
        result = ask("redis-ping")
        assert (result.status, "in time" in result.found) == (Status.ERROR, True), result
    for wrong in ("", "http://:hunter2@x", "redis://x:port", "redis://x/0?socket_timeout=hunter2"):
        monkeypatch.setenv("REDIS_URL", wrong)
        result = ask("redis-ping")
        assert (result.status, "hunter2" in str(result.as_json())) == (Status.ERROR, False), result


def test_a_cache_that_works(ask: Ask, client: redis.Redis) -> None:
    result = ask("redis-health", apart="10ms")
    assert (result.status, "no look-ups" in result.found) == (Status.WARNED, True), "nothing shows that it caches"
    client.set("a", 1)
    for _ in range(120):
        client.get("a")
    client.get("b")
    result = ask("redis-health", apart="10ms")
    assert (result.status, result.measured) == (Status.PASSED, 99.17), result
    assert "of 121 look-ups since its start hit, at least 50 % wanted; 0 keys evicted" in result.found
    for _ in range(300):
        client.get("b")
    result = ask("redis-health", apart="10ms")
    assert (result.status, result.measured) == (Status.FAILED, 28.5), result
    assert ask("redis-health", apart="10ms", min_lookups=1000).status is Status.WARNED


def test_evictions_that_rise(ask: Ask, client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    used = int(client.info("memory")["used_memory"])
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", str(used + 2_000_000))

    def press(_: float) -> None:
        for number in range(400):
            client.set(f"k{number}", b"x" * 10_000)

    press(0)
    # It is full to the brim now, and a connection more would be above it.
    client.config_set("maxmemory", str(used + 2_500_000))
    client.set("a", 1)
    for _ in range(120):
        client.get("a")
    given = {"apart": "10ms", "max_memory": "100%"}
    assert ask("redis-health", **given).status is Status.PASSED, "thrown out before the looks"
    monkeypatch.setattr(HEALTH.time, "sleep", press)
    result = ask("redis-health", **given)
    assert (result.status, "raise maxmemory" in result.fix) == (Status.FAILED, True), result


def seen(**given: Any) -> Any:
    values = {"label": "x", "seconds": 5, "hits": 90, "misses": 10, "since": "s", "evicted": 0, "rejected": 0}
    return HEALTH.Seen(**{**values, "used": 50, "capacity": 100, "basis": "maxmemory", **given})


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, Status.PASSED),
        ({"hits": 49, "misses": 51}, Status.FAILED),
        ({"hits": 50, "misses": 50}, Status.PASSED),
        ({"hits": 0, "misses": 99}, Status.WARNED),
        ({"hits": 99, "misses": 0}, Status.WARNED),
        ({"hits": 100, "misses": 0}, Status.PASSED),
        ({"hits": 0, "misses": 100}, Status.FAILED),
        ({"hits": 0, "misses": 0}, Status.WARNED),
        ({"hits": 0, "misses": 0, "evicted": 1}, Status.FAILED),
        ({"evicted": 1}, Status.FAILED),
        ({"rejected": 1}, Status.FAILED),
        ({"used": 89}, Status.PASSED),
        ({"used": 90}, Status.FAILED),
    ],
)
def test_limits(given: dict[str, int], status: Status) -> None:
    assert HEALTH.judge(seen(**given), HEALTH.Limits()).status is status


def test_too_few_look_ups_are_told_with_their_number() -> None:
    result = HEALTH.judge(seen(hits=0, misses=99), HEALTH.Limits())
    assert "0.0 % of 99 look-ups s hit, too few to judge (100 are needed)" in result.found
    assert "min-lookups" in result.fix
    result = HEALTH.judge(seen(hits=0, misses=0), HEALTH.Limits())
    assert ("no look-ups" in result.found, "whether the application uses it" in result.fix) == (True, True)


def test_what_is_not_known_is_not_well() -> None:
    with pytest.raises(CouldNotTell):
        HEALTH.judge(seen(capacity=0), HEALTH.Limits())
    info = {**dict.fromkeys(HEALTH._COUNTERS, 0), "run_id": "a"}
    assert HEALTH.compare(info, info, "x", 1, 1).since == "since its start"
    for late in ({**info, "run_id": "b"}, {"run_id": "a"}, {**info, "evicted_keys": "x"}):
        with pytest.raises(CouldNotTell):
            HEALTH.compare(info, late, "x", 1, 1)
    assert len(Catalog().get("redis-health").faults({"apart": 16.0, "min_lookups": 0, "max_evictions": 0})) == 2
    assert len(Catalog().get("redis-ping").faults({"prefix": ""})) == 1
