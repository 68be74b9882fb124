"""backup-freshness against real S3 servers (rclone, moto), and one of our own for faults that these cannot have."""

from __future__ import annotations

import importlib.util
import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
import s3_servers
from listeners import listening
from s3_servers import DAY, HOUR, MINUTE, SECRET, Rclone, answering, rclone, set_credentials

from deploy_gate.catalog import Catalog
from deploy_gate.engine.child import guarded
from deploy_gate.facts.backups import Layout
from deploy_gate.facts.keytime import parse
from deploy_gate.inputs import bind
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status

ROOT = Path(__file__).resolve().parents[2]
PATTERN = "erp-%Y%m%dT%H%M%SZ.dump"


def run(**given: object) -> Result:
    """The check as the engine calls it: inputs as texts, defaults from its action.yml, trouble turned into errors."""
    capability = Catalog().get("backup-freshness")
    texts = {name.replace("_", "-"): str(value) for name, value in {"bucket": "backups", **given}.items()}
    bound = bind(capability.manifest.inputs, capability.hints, texts)
    assert not bound.wrong, bound.wrong
    assert not bound.missing, bound.missing
    result = guarded(lambda: capability.function(**bound.values))
    assert SECRET not in str(result.as_json())
    return result


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    set_credentials(monkeypatch)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rclone]:
    folder = tmp_path_factory.mktemp("rclone")
    (folder / "empty").mkdir()
    with rclone(folder) as server:
        yield server


def dated(age: timedelta, pattern: str = PATTERN) -> str:
    return (datetime.now(UTC) - age).strftime(pattern)


# --- whole and broken, on a server that checks signatures ---


def test_a_fresh_backup_passes(server: Rclone) -> None:
    server.store("whole/old.dump", 3 * HOUR)
    server.store("whole/new.dump", 12 * MINUTE, 2_500_000)
    result = run(prefix="whole/", endpoint_url=server.url)
    assert result.status is Status.PASSED, result.found
    assert result.found == "newest backup is 12 min old, the limit is 30 min; 2.5 MB, at least 1 kB"
    assert result.evidence[0]["key"] == "whole/new.dump"
    assert (result.evidence[0]["size"], result.evidence[0]["requests"]) == (2_500_000, 1)
    assert isinstance(result.evidence[0]["age"], float)


def test_31_minutes_are_too_old(server: Rclone) -> None:
    server.store("stale/a.dump", 31 * MINUTE)
    result = run(prefix="stale/", endpoint_url=server.url)
    assert result.status is Status.FAILED
    assert result.found == "newest backup is 31 min old, the limit is 30 min"
    assert result.fix == "run the backup job, then run this job again"
    assert result.target == 1800


def test_an_empty_prefix_and_an_empty_bucket_fail(server: Rclone) -> None:
    for bucket, prefix in (("backups", "nothing/"), ("empty", "")):
        server.store("elsewhere/a.dump")
        result = run(bucket=bucket, prefix=prefix, endpoint_url=server.url)
        assert result.status is Status.FAILED
        assert f"no backup under s3://{bucket}/{prefix}" in result.found
        dates = run(bucket=bucket, prefix=prefix, key_pattern=PATTERN, endpoint_url=server.url)
        assert dates.status is Status.FAILED
        assert f"no backup under s3://{bucket}/{prefix}" in dates.found


@pytest.mark.parametrize(("size", "says"), [(0, "only 0 B"), (999, "only 999 B")])
def test_a_backup_that_is_too_small_fails(server: Rclone, size: int, says: str) -> None:
    server.store(f"small{size}/a.dump", MINUTE, size)
    result = run(prefix=f"small{size}/", endpoint_url=server.url)
    assert result.status is Status.FAILED
    assert f"newest backup has {says}, the limit is 1 kB" in result.found


def test_an_object_of_the_future_is_an_error(server: Rclone) -> None:
    server.store("future/now.dump")
    server.store("future/tomorrow.dump", -DAY)
    result = run(prefix="future/", endpoint_url=server.url)
    assert result.status is Status.ERROR
    assert re.search(r"dated (23 h|1 d).* in the future, the limit is 5 min: future/tomorrow.dump", result.found)


def test_a_little_of_the_future_is_tolerated(server: Rclone) -> None:
    server.store("soon/a.dump", -2 * MINUTE)
    assert run(prefix="soon/", endpoint_url=server.url).status is Status.PASSED


def test_the_date_in_the_key_counts(server: Rclone) -> None:
    for age in (5 * HOUR, 40 * MINUTE, 10 * MINUTE):
        server.store(f"keyed/{dated(age)}", timedelta())
    server.store("keyed/erp-readme.txt", timedelta())
    result = run(prefix="keyed/", key_pattern=PATTERN, endpoint_url=server.url)
    assert result.status is Status.PASSED, result.found
    assert "newest backup is 10 min" in result.found
    late = run(prefix="keyed/", key_pattern=PATTERN, max_age="5m", endpoint_url=server.url)
    assert late.status is Status.FAILED
    assert "newest backup is 10 min" in late.found
    assert "the limit is 5 min" in late.found


def test_an_old_backup_stored_again_stays_old(server: Rclone) -> None:
    server.store(f"again/{dated(20 * DAY)}", MINUTE)
    result = run(prefix="again/", key_pattern=PATTERN, max_age="1d", endpoint_url=server.url)
    assert result.status is Status.FAILED
    assert "newest backup is 20 d old, the limit is 1 d" in result.found
    assert "stored 19 d after the time in its key" in result.found or "stored 20 d after" in result.found


def test_a_key_of_the_future_is_an_error(server: Rclone) -> None:
    server.store(f"keyfuture/{dated(5 * MINUTE)}")
    server.store(f"keyfuture/{dated(-365 * DAY)}")
    result = run(prefix="keyfuture/", key_pattern=PATTERN, endpoint_url=server.url)
    assert result.status is Status.ERROR
    assert "in the future" in result.found


def test_the_newest_is_named_also_when_it_is_very_old(server: Rclone) -> None:
    server.store(f"dead/{dated(400 * DAY)}", 400 * DAY)
    result = run(prefix="dead/", key_pattern=PATTERN, endpoint_url=server.url)
    assert result.status is Status.FAILED
    assert "no backup under s3://backups/dead/ younger than 30 min, only older ones" in result.found


@pytest.mark.parametrize("prefix", ["part/%Y/%m/%d/", "hours/%Y/%m/%d/%H/", "months/%Y-%m/"])
def test_partitions(server: Rclone, prefix: str) -> None:
    for age in (10 * MINUTE, 70 * DAY):
        server.store(dated(age, prefix) + "a.dump", age)
    server.store(prefix.partition("%")[0] + "zzz/other.txt", timedelta())
    result = run(prefix=prefix, endpoint_url=server.url)
    assert result.status is Status.PASSED, result.found
    assert "newest backup is 10 min old" in result.found
    assert int(str(result.evidence[0]["requests"])) <= 3


def test_an_earlier_partition_tells_how_old_the_newest_is(server: Rclone) -> None:
    server.store(dated(DAY, "yesterday/%Y/%m/%d/") + "a.dump", DAY)
    result = run(prefix="yesterday/%Y/%m/%d/", endpoint_url=server.url)
    assert result.status is Status.FAILED
    if (datetime.now(UTC) - timedelta(minutes=35)).day > 1:
        assert "newest backup is 1 d old, the limit is 30 min" in result.found
    assert int(str(result.evidence[0]["requests"])) <= 3


def test_wrong_keys_and_buckets_are_told_apart(server: Rclone, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = run(bucket="no-such-bucket", endpoint_url=server.url)
    assert missing.status is Status.ERROR
    assert "there is no bucket no-such-bucket" in missing.found
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET + "x")
    signature = run(endpoint_url=server.url)
    assert signature.status is Status.ERROR
    assert "the secret key is not that of the access key" in signature.found
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    key = run(endpoint_url=server.url)
    assert key.status is Status.ERROR
    assert "the access key is not known" in key.found
    assert len({missing.found, signature.found, key.found}) == 3


# --- what rclone cannot do: accounts with rights ---


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with s3_servers.moto() as url:
        yield url


def _free_actions(url: str, count: int) -> None:
    """From now on moto looks at rights, after `count` more actions."""
    kind = {"Content-Type": "text/plain"}
    asked = urllib.request.Request(f"{url}/moto-api/reset-auth", data=str(count).encode(), headers=kind)
    urllib.request.urlopen(asked, timeout=10).close()


def test_a_user_without_rights_and_an_unknown_one(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = boto3.client("s3", endpoint_url=moto, region_name="us-east-1")
    s3.create_bucket(Bucket="backups")
    s3.put_object(Bucket="backups", Key="a.dump", Body=b"x" * 2000)
    iam = boto3.client("iam", endpoint_url=moto, region_name="us-east-1")
    iam.create_user(UserName="nobody")
    keys = iam.create_access_key(UserName="nobody")["AccessKey"]
    assert run(endpoint_url=moto).status is Status.PASSED
    _free_actions(moto, 0)
    try:
        unknown = run(endpoint_url=moto)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
        denied = run(endpoint_url=moto)
    finally:
        _free_actions(moto, 10**6)
    assert (unknown.status, denied.status) == (Status.ERROR, Status.ERROR)
    assert "the access key is not known" in unknown.found
    assert "no access to list backups" in denied.found
    assert "s3:ListBucket" in denied.fix


# --- faults that neither can have ---


def fault(code: str, more: str = "") -> str:
    return f"<Error><Code>{code}</Code><Message>m</Message>{more}</Error>"


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (400, "ExpiredToken", "session token has expired"),
        (400, "InvalidToken", "session token is not valid"),
        (403, "RequestTimeTooSkewed", "clock is too far from the server's"),
        (403, "AllAccessDisabled", "all access to backups is disabled"),
        (501, "NotImplemented", "does not know ListObjectsV2"),
        (400, "Some%s{Strange}|Code\u202e", "refused to list backups: Some%s{Strange}|Code� (400)"),
        (418, "", "(418)"),
    ],
)
def test_each_refusal_has_its_own_message(status: int, code: str, says: str) -> None:
    with answering(status, fault(code) if code else "no XML at all") as (url, _):
        result = run(endpoint_url=url)
    assert result.status is Status.ERROR
    assert says in result.found
    assert result.fix


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (301, fault("PermanentRedirect", "<Endpoint>x</Endpoint>"), {"x_amz_bucket_region": "eu-central-1"}),
        (400, fault("AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>"), {}),
        (400, fault("IllegalLocationConstraintException"), {"x_amz_bucket_region": "eu-central-1"}),
    ],
)
def test_another_region_is_named_and_not_followed(status: int, body: str, headers: dict[str, str]) -> None:
    with answering(status, body, **headers) as (url, seen):
        result = run(endpoint_url=url, region="us-east-1")
    assert result.status is Status.ERROR
    assert "the bucket backups is not in region us-east-1 but in eu-central-1" in result.found
    assert result.fix == "set region to eu-central-1"
    assert len(seen) == 1


def test_a_server_in_trouble_is_asked_twice_at_most() -> None:
    with answering(503, fault("SlowDown")) as (url, seen):
        result = run(endpoint_url=url)
    assert result.status is Status.ERROR
    assert "asks to slow down" in result.found
    assert len(seen) == 2


@pytest.mark.parametrize(
    "body", ["hello", "<html><body>Log in</body></html>", "<ListBucketResult>", "", "<ListBucketResult/>"]
)
def test_what_is_no_s3_server_is_an_error(body: str) -> None:
    with answering(200, body) as (url, _):
        result = run(endpoint_url=url)
    assert result.status is Status.ERROR
    assert "does not answer as an S3 server does" in result.found


def test_a_server_that_does_not_tell_its_time_is_an_error() -> None:
    body = "<ListBucketResult><Name>backups</Name><IsTruncated>false</IsTruncated></ListBucketResult>"
    with answering(200, body) as (url, _):
        assert run(endpoint_url=url).status is Status.FAILED
    with raw(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()) as url:
        result = run(endpoint_url=url)
    assert result.status is Status.ERROR
    assert "does not tell its time" in result.found


@contextmanager
def raw(answer: bytes | None) -> Iterator[str]:
    """A server that answers every request with these bytes, or (None) never; its base URL."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        over.wait(20) if answer is None else connection.sendall(answer)

    with listening(talk) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_server_that_hangs_up_is_an_error() -> None:
    with raw(b"") as url:
        result = run(endpoint_url=url)
    assert result.status is Status.ERROR
    assert "hung up without an answer" in result.found


def test_a_server_that_never_answers_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy_gate.facts.s3.READ", 0.2)
    with raw(None) as url:
        result = run(endpoint_url=url)
    assert result.status is Status.ERROR
    assert "did not answer in time" in result.found


def test_the_whole_of_a_request_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy_gate.facts.s3.WHOLE", 0.3)
    monkeypatch.setattr("deploy_gate.facts.s3.READ", 1.0)
    with raw(None) as url:
        result = run(endpoint_url=url)
    assert result.status is Status.ERROR
    assert "did not answer in full within 0.3 s" in result.found


def test_refused_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    result = run(endpoint_url=url)
    assert result.status is Status.ERROR
    assert f"{url} is not reachable" in result.found


# --- credentials ---


def test_no_credentials(monkeypatch: pytest.MonkeyPatch, server: Rclone) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    half = run(endpoint_url=server.url)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    none = run(endpoint_url=server.url)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    profile = run(endpoint_url=server.url)
    assert {half.status, none.status, profile.status} == {Status.ERROR}
    assert "the credentials are incomplete" in half.found
    assert "there are no credentials in the environment" in none.found
    assert "the profile that AWS_PROFILE names does not exist" in profile.found


def test_a_role_that_may_not_be_assumed_by_oidc(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Rclone
) -> None:
    (tmp_path / "token").write_text("identity")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/backups")
    body = "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>m</Message></Error></ErrorResponse>"
    for code, says in (("AccessDenied", "may not be assumed"), ("ExpiredTokenException", "token has expired")):
        with answering(403, body.format(code)) as (url, _):
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
            result = run(endpoint_url=server.url)
        assert result.status is Status.ERROR
        assert says in result.found


# --- large buckets ---


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("s3_requests", ROOT / "bench" / "s3_requests.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("mode", ["key-pattern", "partitions"])
@pytest.mark.parametrize(("age", "status"), [(5 * MINUTE, Status.PASSED), (3 * DAY, Status.FAILED)])
def test_requests_stay_constant_as_the_bucket_grows(bench: Any, mode: str, age: timedelta, status: Status) -> None:
    outcomes = [bench.measure(count, mode, age) for count in (1_000, 1_000_000)]
    assert [result.status for result, _, _ in outcomes] == [status] * 2, outcomes
    assert max(requests for _, requests, _ in outcomes) <= 3
    assert outcomes[1][1] <= outcomes[0][1] + 1


def test_a_flat_prefix_that_is_too_large_is_not_guessed_at(bench: Any) -> None:
    keys = bench.Keys("erp/%Y%m%d%H%M%S", 10_000, datetime.now(UTC))
    with bench.listing(keys) as big:
        result = run(bucket="big", prefix="erp/", endpoint_url=big.url)
    assert result.status is Status.ERROR
    assert "more than 3000 objects to look through under s3://big/erp/, the limit is 3 list requests" in result.found
    assert "key-pattern" in result.fix
    assert big.requests == 3


def test_three_pages_are_read_honestly(bench: Any) -> None:
    with bench.listing(bench.Keys("erp/%Y%m%d%H%M%S", 3000, datetime.now(UTC))) as big:
        result = run(bucket="big", prefix="erp/", endpoint_url=big.url)
    assert result.status is Status.PASSED, result.found
    assert (big.requests, result.evidence[0]["requests"]) == (3, 3)


@pytest.mark.parametrize("mode", ["key-pattern", "partitions"])
def test_more_fresh_backups_than_can_be_listed_are_an_error(bench: Any, mode: str) -> None:
    layout, given = bench.LAYOUTS[mode]
    # All of the last seconds: however young the hour is, its own partition has more than can be listed.
    step = timedelta(seconds=1) if mode == "key-pattern" else timedelta(microseconds=100)
    finer = layout if mode == "key-pattern" else layout.replace("%S", "%S-%f")
    keys = bench.Keys(finer, 100_000, datetime.now(UTC), step)
    with bench.listing(keys) as big:
        result = run(
            bucket="big", endpoint_url=big.url, max_age="2h", **{n.replace("-", "_"): v for n, v in given.items()}
        )
    assert result.status is Status.ERROR
    assert "the limit is 3 list requests" in result.found
    assert big.requests <= 3


@pytest.mark.parametrize(("ahead", "word"), [(10 * MINUTE, "behind"), (-10 * MINUTE, "ahead of")])
def test_clocks_that_are_apart_are_an_error(bench: Any, ahead: timedelta, word: str) -> None:
    keys = bench.Keys("erp/%Y%m%d%H%M%S", 5, datetime.now(UTC) + ahead)
    with bench.listing(keys, ahead) as big:
        result = run(bucket="big", prefix="erp/", endpoint_url=big.url)
        tolerated = run(bucket="big", prefix="erp/", endpoint_url=big.url, clock_skew="15m")
    assert result.status is Status.ERROR
    assert re.search(
        rf"clock is (10 min|9 min 5\d s|10 min \d s) {word} the server's, the limit is 5 min", result.found
    )
    assert tolerated.status is Status.PASSED, tolerated.found
    # By this machine's clock it would be ten minutes off.
    assert 0 <= float(str(tolerated.evidence[0]["age"])) < 60


# --- inputs ---


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"key_pattern": "erp-%d%m%Y.dump"}, "from the greatest to the smallest"),
        ({"key_pattern": "erp-%Y%d.dump"}, "from the greatest to the smallest"),
        ({"key_pattern": "erp-%Y%m%dT%I.dump"}, "only the fields"),
        ({"key_pattern": "erp-%Y%m.dump"}, "at least the fields %Y %m %d"),
        ({"key_pattern": "erp.dump"}, "greatest to the smallest"),
        ({"prefix": "%Y/%m/%d/%H%M/"}, "only the fields %Y %m %d %H,"),
        ({"prefix": "%m/"}, "greatest to the smallest"),
        ({"prefix": "erp%"}, "only the fields"),
        ({"endpoint_url": "ftp://s3.example"}, "endpoint-url"),
        ({"endpoint_url": "https://u:p@s3.example"}, "endpoint-url"),
        ({"endpoint_url": "s3.example"}, "endpoint-url"),
        ({"endpoint_url": "http://[::1"}, "endpoint-url"),
    ],
)
def test_wrong_inputs_are_told(given: dict[str, str], says: str) -> None:
    capability = Catalog().get("backup-freshness")
    texts = {name.replace("_", "-"): value for name, value in {"bucket": "backups", **given}.items()}
    bound = bind(capability.manifest.inputs, capability.hints, texts)
    with pytest.raises(Misconfigured) as caught:
        capability.function(**bound.values)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"bucket": "No Bucket!"}, "no legal bucket name"),
        ({"bucket": "a--use1-az4--x-s3"}, "directory bucket"),
    ],
)
def test_impossible_buckets_are_errors(server: Rclone, given: dict[str, str], says: str) -> None:
    result = run(endpoint_url=server.url, **given)
    assert result.status is Status.ERROR
    assert says in result.found


# --- the parts alone ---


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "key", "time"),
    [
        (PATTERN, "erp-20260228T235959Z.dump", "2026-02-28T23:59:59"),
        (PATTERN, "erp-20260230T235959Z.dump", None),
        (PATTERN, "erp-20260228T235959Z.dump.sha256", None),
        (PATTERN, "erp-٢٠٢٦0228T235959Z.dump", None),
        ("%Y/%m/%d/erp-%Y%m%d-%H%M", "2026/02/28/erp-20260228-2359", "2026-02-28T23:59:00"),
        ("%Y/%m/%d/erp-%Y%m%d-%H%M", "2026/02/28/erp-20260227-2359", None),
        ("100%%-(%Y-%m-%d).*", "100%-(2026-02-28).*", "2026-02-28T00:00:00"),
    ],
)
def test_times_of_keys(pattern: str, key: str, time: str | None) -> None:
    assert parse(pattern).time(key) == (_at(time) if time else None)
    if time:
        assert parse(pattern).at(_at(time)) == key


@pytest.fixture
def judged() -> Callable[..., Result]:
    """The pure judgement of one backup by its age, size, the age of its stamp, and how far clocks are apart."""
    module = Catalog().get("backup-freshness").module
    now = _at("2026-06-01T12:00:00")

    def judge(age: float, size: int = 5000, stamp: float | None = None, drift: float = 0.0) -> Result:
        stored = module.Stored("k", size, now - timedelta(seconds=age if stamp is None else stamp))
        facts = module.Facts("s3://b/p", stored, now - timedelta(seconds=age), now, drift, 1, 1)
        result: Result = module.judge(facts, module.Limits())
        return result

    return judge


@pytest.mark.parametrize(
    ("given", "status", "says"),
    [
        ({"age": 1800}, "passed", "30 min old, the limit is 30 min"),
        ({"age": 1801}, "failed", "1801.0 s old, the limit is 1800.0 s"),
        ({"age": 1860}, "failed", "31 min old, the limit is 30 min"),
        ({"age": -300}, "passed", "0 ms old"),
        ({"age": -301}, "error", "in the future, the limit is 5 min"),
        ({"age": 0, "size": 1000}, "passed", "1 kB, at least 1 kB"),
        ({"age": 0, "size": 999}, "failed", "only 999 B, the limit is 1 kB"),
        ({"age": 9999, "size": 5}, "failed", "the limit is 30 min; and it has only 5 B, the limit is 1 kB"),
        ({"age": 60, "drift": 300}, "passed", ""),
        ({"age": 60, "drift": -301}, "error", "5 min 1 s ahead of the server's, the limit is 5 min"),
        ({"age": 60, "stamp": -9000}, "passed", "stored 2 h 31 min after the time in its key"),
        ({"age": 60, "stamp": 9000}, "passed", "stored 2 h 29 min before the time in its key"),
    ],
)
def test_thresholds(judged: Callable[..., Result], given: dict[str, Any], status: str, says: str) -> None:
    result = judged(**given)
    assert result.status == status, result.found
    assert says in result.found


def test_a_key_without_a_time_of_day_is_as_precise_as_its_stamp() -> None:
    module = Catalog().get("backup-freshness").module
    layout = Layout("", parse("erp-%Y%m%d.dump"), keyed=True)
    inside, after = _at("2026-06-01T23:00:00"), _at("2026-06-09T01:00:00")
    assert layout.taken(module.Stored("erp-20260601.dump", 1, inside)) == inside
    assert layout.taken(module.Stored("erp-20260601.dump", 1, after)) == _at("2026-06-01T00:00:00")
