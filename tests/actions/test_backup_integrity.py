"""backup-integrity on real S3 servers and real dumps: each fault that a backup can have, and the backup without one."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import s3_servers
from dumps import Dumps, dumps
from s3_servers import DAY, HOUR, MINUTE, SECRET, Rclone, rclone, set_credentials

from deploy_gate.catalog import Catalog
from deploy_gate.engine.child import guarded
from deploy_gate.facts.backup_limits import Limits, Looked, findings
from deploy_gate.facts.dumpfile import Dump
from deploy_gate.facts.s3_object import Head
from deploy_gate.inputs import bind
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status

PATTERN = "erp-%Y%m%dT%H%M%SZ.dump"


def bound(**given: object) -> Any:
    capability = Catalog().get("backup-integrity")
    texts = {name.replace("_", "-"): str(value) for name, value in {"bucket": "backups", **given}.items()}
    return capability, bind(capability.manifest.inputs, capability.hints, texts)


def run(**given: object) -> Result:
    """The check as the engine calls it, on servers that encrypt nothing unless a test says so."""
    capability, values = bound(**{"encryption": "optional", **given})
    assert not values.wrong, values.wrong
    assert not values.missing, values.missing
    result = guarded(lambda: capability.function(**values.values))
    assert SECRET not in str(result.as_json())
    return result


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    set_credentials(monkeypatch)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rclone]:
    with rclone(tmp_path_factory.mktemp("rclone")) as found:
        yield found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dumps]:
    with dumps(tmp_path_factory.mktemp("dumps")) as found:
        yield found


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with s3_servers.moto() as url:
        yield url


@pytest.fixture
def erp(made: Dumps) -> bytes:
    return made.of("erp", "-Fc")


def history(server: Rclone, prefix: str, *sizes: int) -> None:
    """Earlier backups, the newest first, a day apart."""
    for day, size in enumerate(sizes, 1):
        server.put(f"{prefix}old-{day}.dump", b"x" * size, day * DAY)


# --- whole ---


def test_a_whole_backup_passes(server: Rclone, erp: bytes) -> None:
    history(server, "whole/", len(erp) - 300, len(erp) + 200, len(erp) - 100)
    server.put("whole/new.dump", erp)
    result = run(prefix="whole/", database="erp", endpoint_url=server.url)
    assert result.status is Status.PASSED, result.found
    size = r"\d+ kB"
    assert re.fullmatch(
        rf"newest backup is whole: {size} \(median of 3 before: {size}, the limit is {size}\); custom format of erp, "
        r"table of contents read, 3 tables, all 3 blocks of data walked through; MD5 right; not encrypted",
        result.found,
    )
    assert result.measured == len(erp)
    evidence = result.evidence[0]
    assert (evidence["key"], evidence["size"], evidence["verified"]) == ("whole/new.dump", len(erp), "MD5")
    assert evidence["earlier"] == f"{len(erp) - 300}, {len(erp) + 200}, {len(erp) - 100}"
    assert evidence["requests"] == 3


def test_a_large_one_is_told_by_its_head_and_end(server: Rclone, made: Dumps) -> None:
    dump = made.of("objects", "-Fc", "-Z0")
    history(server, "large/", len(dump))
    server.put("large/new.dump", dump)
    result = run(prefix="large/", read_limit="70kB", endpoint_url=server.url)
    assert result.status is Status.PASSED, result.found
    assert "3 tables, every block of data has its place, and the end is that of a whole one" in result.found
    assert "checksum not compared" in result.found
    assert result.evidence[0]["requests"] == 4


@pytest.mark.parametrize("options", [("-Ft",), ("-Fp",)])
def test_other_formats_pass(server: Rclone, made: Dumps, options: tuple[str, ...]) -> None:
    dump = made.of("erp", *options)
    history(server, f"format{options[0]}/", len(dump))
    server.put(f"format{options[0]}/new.dump", dump)
    result = run(prefix=f"format{options[0]}/", endpoint_url=server.url)
    assert result.status is Status.PASSED, result.found


@pytest.mark.parametrize(
    "layout",
    [{"prefix": "keyed/", "key_pattern": PATTERN}, {"prefix": "days/%Y/%m/%d/"}],
    ids=["key-pattern", "partitions"],
)
def test_forerunners_are_found_in_every_layout(server: Rclone, erp: bytes, layout: dict[str, str]) -> None:
    now = datetime.now(UTC)
    for days in range(12):
        when = now - days * DAY - MINUTE
        key = when.strftime(layout["prefix"] + layout.get("key_pattern", "a.dump"))
        server.put(key, erp if not days else b"x" * (len(erp) + days), timedelta(days=days) + MINUTE)
    result = run(**layout, endpoint_url=server.url)
    assert result.status is Status.PASSED, result.found
    assert "median of 7 before" in result.found
    assert result.evidence[0]["earlier"] == ", ".join(str(len(erp) + days) for days in range(1, 9))
    assert int(str(result.evidence[0]["requests"])) <= 5


# --- the trend ---


@pytest.mark.parametrize(
    ("share", "status", "says"),
    [
        (1.0, "passed", ""),
        (1.1, "passed", ""),
        (1.12, "failed", "% smaller than the one before it"),
        (0.51, "passed", ""),
        (0.4, "warned", "× the median of 1"),
    ],
)
def test_the_size_of_yesterday(server: Rclone, erp: bytes, share: float, status: str, says: str) -> None:
    history(server, f"share{share}/", int(len(erp) * share))
    server.put(f"share{share}/new.dump", erp)
    result = run(prefix=f"share{share}/", min_size="1kB", endpoint_url=server.url)
    assert result.status == status, result.found
    assert says.removesuffix(" it") in result.found


def test_a_dump_of_3_kb_fails_for_each_of_its_faults(server: Rclone) -> None:
    history(server, "tiny/", 500_000, 500_000)
    server.put("tiny/new.dump", b"--\n-- PostgreSQL database dump\n--\n" + b"x" * 3000)
    result = run(prefix="tiny/", endpoint_url=server.url)
    assert result.status is Status.FAILED
    assert result.found == (
        "newest backup (tiny/new.dump): it has only 3.03 kB, the limit is 10 kB; with 3.03 kB it is 99.4 % smaller than "
        "the one before (500 kB), a finding from 10 % on; it breaks off: the line with which pg_dump ends is missing"
    )
    assert result.fix == "see in the backup job's log why its dump is so small"


def test_the_first_backup_is_a_warning(server: Rclone, erp: bytes) -> None:
    server.put("first/new.dump", erp)
    result = run(prefix="first/", endpoint_url=server.url)
    assert result.status is Status.WARNED
    assert "there is no earlier backup to compare its" in result.found
    strict = run(prefix="first/", min_history=1, endpoint_url=server.url)
    assert strict.status is Status.ERROR
    assert "only 0 earlier backups to compare with, needed are 1; and 1 lesser finding" in strict.found


def test_no_backup_fails(server: Rclone) -> None:
    server.put("elsewhere/a.dump", b"x")
    result = run(prefix="nothing/", endpoint_url=server.url)
    assert result.status is Status.FAILED
    assert result.found == "no backup under s3://backups/nothing/ younger than 8 d"


def test_a_backup_of_the_future_is_an_error(server: Rclone, erp: bytes) -> None:
    server.put("future/new.dump", erp, -HOUR)
    result = run(prefix="future/", endpoint_url=server.url)
    assert result.status is Status.ERROR
    assert "in the future, the limit is 5 min: future/new.dump" in result.found


# --- the content ---


def put(server: Rclone, prefix: str, dump: bytes, age: timedelta = MINUTE) -> None:
    history(server, prefix, len(dump))
    server.put(f"{prefix}new.dump", dump, age)


@pytest.mark.parametrize("cut", [1, 5, 100, 5000])
def test_a_truncated_dump_fails(server: Rclone, erp: bytes, cut: int) -> None:
    put(server, f"cut{cut}/", erp[:-cut])
    result = run(prefix=f"cut{cut}/", endpoint_url=server.url)
    assert result.status is Status.FAILED
    assert result.found == (f"newest backup (cut{cut}/new.dump): it breaks off inside the data of public.orders"), (
        result.found
    )


def test_a_dump_of_another_database_fails(server: Rclone, made: Dumps) -> None:
    put(server, "other/", made.of("other", "-Fc"))
    result = run(prefix="other/", database="erp", endpoint_url=server.url)
    assert result.status is Status.FAILED
    assert result.found == "newest backup (other/new.dump): it is a dump of other, not of erp"


def test_sql_does_not_name_its_database(server: Rclone, made: Dumps) -> None:
    put(server, "sql/", made.of("erp", "-Fp"))
    result = run(prefix="sql/", database="erp", endpoint_url=server.url)
    assert result.status is Status.ERROR
    assert result.found == "newest backup (sql/new.dump): SQL does not tell which database it is of"


@pytest.mark.parametrize(("database", "options"), [("empty", ("-Fc",)), ("erp", ("-Fc", "--schema-only"))])
def test_a_dump_without_rows_fails(server: Rclone, made: Dumps, database: str, options: tuple[str, ...]) -> None:
    put(server, f"empty-{database}/", made.of(database, *options))
    result = run(prefix=f"empty-{database}/", min_size="1", endpoint_url=server.url)
    assert result.status is Status.FAILED
    assert result.found == f"newest backup (empty-{database}/new.dump): it holds no table's rows"


def test_an_empty_object_fails(server: Rclone) -> None:
    put(server, "zero/", b"")
    result = run(prefix="zero/", min_size="0", endpoint_url=server.url)
    assert result.status is Status.FAILED
    assert "newest backup (zero/new.dump): it is empty" in result.found


def test_an_old_dump_stored_again_fails(server: Rclone, erp: bytes) -> None:
    """The header's own time stamp tells: year 2019 instead of this one."""
    at = erp.index(bytes([0, (datetime.now().year - 1900), 0, 0, 0]))  # noqa: DTZ005 - as pg_dump on this machine
    put(server, "old/", erp[: at + 1] + bytes([119]) + erp[at + 2 :])
    result = run(prefix="old/", endpoint_url=server.url)
    assert result.status is Status.FAILED
    assert re.search(r"the dump says that it was made \d+ d before it was stored", result.found)
    put(server, "later/", erp[: at + 1] + bytes([150]) + erp[at + 2 :])
    later = run(prefix="later/", endpoint_url=server.url)
    assert later.status is Status.FAILED
    assert re.search(r"the dump says that it was made \d+ d after it was stored", later.found)


def test_what_cannot_be_looked_into_is_an_error(server: Rclone) -> None:
    put(server, "zstd/", b"\x28\xb5\x2f\xfd" + os.urandom(20_000))
    result = run(prefix="zstd/", endpoint_url=server.url)
    assert result.status is Status.ERROR
    assert result.found == "newest backup (zstd/new.dump): it cannot be looked inside of the format zstd"


def test_hostile_names(server: Rclone, erp: bytes) -> None:
    name = "a b'$(touch owned)`id`|<b>\u202e%s{x}.dump"
    server.put(f"odd/{name}", erp)
    server.put("odd/old.dump", erp, DAY)
    result = run(prefix="odd/", endpoint_url=server.url)
    assert result.status is Status.PASSED, result.found
    assert "\u202e" not in str(result.as_json())


# --- the object ---


@pytest.fixture
def bucket(moto: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Result]]:
    """A bucket of its own on moto; put objects and run the check with the function."""
    s3 = boto3.client("s3", endpoint_url=moto, region_name="us-east-1")
    name = "b-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:20]
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket="lock" in request.node.name)

    def judge(dump: bytes, put: dict[str, Any] | None = None, **given: object) -> Result:
        s3.put_object(Bucket=name, Key="a.dump", Body=dump)
        s3.put_object(Bucket=name, Key="b.dump", Body=dump, **(put or {}))
        return run(bucket=name, endpoint_url=moto, **given)

    judge.s3, judge.name = s3, name  # type: ignore[attr-defined]  # for tests that set the bucket up
    yield judge
    s3.close()


@pytest.mark.parametrize(
    ("put", "given", "status", "says"),
    [
        ({"ServerSideEncryption": "AES256"}, {"encryption": "required"}, "passed", "encrypted by AES256"),
        ({}, {"encryption": "required"}, "failed", "the server does not encrypt it"),
        ({}, {"encryption": "optional"}, "passed", ""),
        (
            {"ServerSideEncryption": "AES256"},
            {"encryption": "aws:kms"},
            "failed",
            "encrypted by AES256, not by aws:kms",
        ),
        ({"ServerSideEncryption": "aws:kms"}, {"encryption": "aws:kms"}, "passed", "encrypted by aws:kms"),
        ({"StorageClass": "GLACIER"}, {}, "failed", "its storage class is GLACIER, so it cannot be read for hours"),
        ({"StorageClass": "DEEP_ARCHIVE"}, {}, "failed", "its storage class is DEEP_ARCHIVE"),
        ({"StorageClass": "STANDARD_IA"}, {}, "passed", ""),
        ({}, {"versioning": "true"}, "failed", "the bucket does not keep what is overwritten or deleted"),
        ({}, {"object_lock": "true"}, "failed", "it is not locked against deletion"),
        ({"ChecksumAlgorithm": "SHA256"}, {"checksum": "required"}, "passed", "MD5, SHA256 right"),
        ({"ChecksumAlgorithm": "CRC32"}, {"checksum": "required"}, "passed", "CRC32, MD5 right"),
    ],
)
def test_how_it_is_stored(
    bucket: Callable[..., Result], erp: bytes, put: dict[str, Any], given: dict[str, str], status: str, says: str
) -> None:
    result = bucket(erp, put, **given)
    assert result.status == status, result.found
    assert says in result.found


def test_a_bucket_with_versions_passes(bucket: Any, erp: bytes) -> None:
    bucket.s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    result = bucket(erp, versioning="true")
    assert result.status is Status.PASSED, result.found


def test_a_lock_passes_until_it_ends(bucket: Any, erp: bytes) -> None:
    until = datetime.now(UTC) + DAY
    result = bucket(erp, {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}, object_lock="true")
    assert result.status is Status.PASSED, result.found


# --- an account that is another's, and objects that change: a server that says what it is told ---


class Scripted(BaseHTTPRequestHandler):
    """Lists two objects; the second is what `content` says, and may change with each look."""

    content = b""
    etag = '"0123"'
    owner = ""
    extra: tuple[tuple[str, str], ...] = ()
    served: list[str]

    def do_GET(self) -> None:
        """A listing, or the object."""
        if self.headers.get("x-amz-expected-bucket-owner", self.owner) != self.owner:
            return self.answer(403, b"<Error><Code>AccessDenied</Code><Message>m</Message></Error>")
        if "list-type" in self.path:
            when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            before = (datetime.now(UTC) - DAY).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            entry = "<Contents><Key>{}</Key><LastModified>{}</LastModified><Size>{}</Size></Contents>"
            entries = entry.format("a", before, len(self.content)) + entry.format("b", when, len(self.content))
            body = f"<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
            return self.answer(200, body.encode())
        self.served.append(self.command)
        if self.headers.get("If-Match", self.etag) != self.etag:
            return self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        if span := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
            return self.answer(206, self.content[int(span[1]) : int(span[2]) + 1])
        return self.answer(200, self.content)

    do_HEAD = do_GET  # noqa: N815 - a name that the base class looks for

    def answer(self, status: int, body: bytes) -> None:
        """The answer with the object's headers."""
        self.send_response(status)
        stamp = {"Last-Modified": self.date_time_string(), "ETag": self.etag, "Content-Length": str(len(body))}
        for name, value in (*stamp.items(), *self.extra):
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Quiet."""


@contextmanager
def scripted(**given: Any) -> Iterator[str]:
    handler = type("Handler", (Scripted,), {"served": [], **given})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_bucket_of_another_account_is_refused(erp: bytes) -> None:
    with scripted(content=erp, owner="111122223333") as url:
        right = run(account="111122223333", endpoint_url=url)
        wrong = run(account="999900001111", endpoint_url=url)
    assert right.status is Status.PASSED, right.found
    assert wrong.status is Status.ERROR
    assert wrong.found == "backups does not belong to account 999900001111, or there is no access to it"


def test_an_object_that_changes_under_our_eyes_is_an_error(erp: bytes) -> None:
    class Tag(str):
        """Another one each time it is compared."""

        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return False

        def __ne__(self, other: object) -> bool:
            return True

        __hash__ = str.__hash__

    with scripted(content=erp, etag=Tag('"0123"')) as url:
        result = run(endpoint_url=url)
    assert result.status is Status.ERROR
    assert result.found == "the newest backup of backups was replaced or removed while it was looked at"


def test_content_that_is_not_what_was_stored_is_an_error(erp: bytes) -> None:
    etag = hashlib.md5(erp).hexdigest()
    with scripted(content=erp[:-2000] + b"y" + erp[-1999:], etag=f'"{etag}"') as url:
        result = run(endpoint_url=url)
    assert result.status is Status.ERROR
    assert "has another MD5 than the server stored with it" in result.found


def test_composite_checksums_are_not_mistaken(erp: bytes) -> None:
    extra = (("x-amz-checksum-sha256", "AAAA-3"), ("x-amz-checksum-crc64nvme", "AAAAAAAAAAA="))
    with scripted(content=erp, etag='"0123-3"', extra=extra) as url:
        result = run(endpoint_url=url, checksum="required")
    assert result.status is Status.PASSED, result.found
    assert "checksum not compared" in result.found


# --- handing the file over ---


def test_download(server: Rclone, made: Dumps, tmp_path: Path) -> None:
    dump = made.of("objects", "-Fc")
    put(server, "download/", dump)
    file = tmp_path / "erp.dump"
    result = run(prefix="download/", read_limit="70kB", download=file, endpoint_url=server.url)
    assert result.status is Status.PASSED, result.found
    assert file.read_bytes() == dump
    assert file.stat().st_mode & 0o777 == 0o600
    assert f"MD5 right; not encrypted; stored in {file}" in result.found


def test_a_backup_that_failed_is_not_handed_over(server: Rclone, erp: bytes, tmp_path: Path) -> None:
    put(server, "bad/", erp[:-10])
    assert run(prefix="bad/", download=tmp_path / "x", endpoint_url=server.url).status is Status.FAILED
    assert not (tmp_path / "x").exists()


def test_a_place_that_cannot_be_written_is_an_error(server: Rclone, erp: bytes, tmp_path: Path) -> None:
    put(server, "nowhere/", erp)
    result = run(prefix="nowhere/", download=tmp_path / "no" / "x", endpoint_url=server.url)
    assert result.status is Status.ERROR
    assert "cannot be written: No such file or directory" in result.found


# --- inputs and thresholds ---


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"account": "12345"}, "expected the 12 digits of an AWS account"),
        ({"history": "0"}, "input 'history' is 0"),
        ({"read_limit": "1kB"}, "input 'read-limit' is 1 kB"),
        ({"key_pattern": "erp-%Y%d.dump"}, "from the greatest to the smallest"),
        ({"endpoint_url": "ftp://s3.example"}, "endpoint-url"),
    ],
)
def test_wrong_inputs_are_told(given: dict[str, str], says: str) -> None:
    capability, values = bound(**given)
    assert any(says in fault for fault in capability.faults(values.values))
    with pytest.raises(Misconfigured):
        capability.function(**values.values)


NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def looked(size: int = 100_000, earlier: tuple[int, ...] = (100_000,), **more: Any) -> Looked:
    dump = Dump("custom format", "p", "erp", more.pop("made", None), "15", 3)
    head = Head(size, NOW, "e", "STANDARD", "AES256", more.pop("restored", False), more.pop("until", None), {})
    return Looked("k", head, earlier, dump, **more)


@pytest.mark.parametrize(
    ("seen", "limits", "status"),
    [
        (looked(90_000), {}, "failed"),
        (looked(90_001), {}, ""),
        (looked(99_999), {"max_shrink": 0}, "failed"),
        (looked(100_000), {"max_shrink": 0}, ""),
        (looked(91_000, (91_000, 102_000, 102_000)), {}, "failed"),
        (looked(91_000, (91_000, 102_000, 90_000)), {}, ""),
        (looked(200_000), {}, ""),
        (looked(200_001), {}, "warned"),
        (looked(9_999, (9_999,)), {}, "failed"),
        (looked(10_000, (10_000,)), {}, ""),
        (looked(earlier=()), {}, "warned"),
        (looked(earlier=(1,) * 7), {"min_history": 8}, "error"),
        (looked(made=datetime(2026, 5, 31, 11, 59)), {}, ""),  # noqa: DTZ001 - it has no zone
        (looked(made=datetime(2026, 5, 31, 11, 54)), {}, "failed"),  # noqa: DTZ001
        (looked(made=datetime(2026, 6, 2, 2, 4)), {}, ""),  # noqa: DTZ001
        (looked(made=datetime(2026, 6, 2, 2, 6)), {}, "failed"),  # noqa: DTZ001
        (looked(until=NOW), {"object_lock": True}, "failed"),
        (looked(until=NOW + MINUTE), {"object_lock": True}, ""),
    ],
)
def test_thresholds(seen: Looked, limits: dict[str, Any], status: str) -> None:
    found = findings(seen, Limits(**limits), NOW)
    assert [str(one.status) for one in found][:1] == ([status] if status else []), found
