"""Bringing a release, migrating for it on a real PostgreSQL, keeping and forgetting it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from slots.test_switch import WITHIN, deploy
from slots.world import NEW, OLD, PATIENT, THIRD, World, world

from deploy_gate.workbench.services import Database, postgres
from host.database import KEY
from host.releases import folder, outdated
from host.schema import judge, live
from host.trouble import Trouble

DIGEST = "sha256:" + "1" * 64
FOURTH = "d" * 40


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="slots-pg-") as place:
        Path(place).chmod(0o755)
        with postgres(Path(place) / "cluster") as found:
            found.run("psql", "-c", "CREATE TABLE alembic_version (version_num text); CREATE TABLE seen (what text)")
            yield found


@pytest.fixture(scope="module")
def with_database(nginx: str, database: Database) -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="slots-") as place:
        work = Path(place)
        service = work / "service.conf"
        service.write_text(
            f"[shop]\nhost=127.0.0.1\nport={database.port}\nuser=postgres\npassword={database.password}\ndbname=postgres\n"
        )
        psql = ["env", f"PGSERVICEFILE={service}", str(database.programs / "psql"), "-d", "service=shop"]
        run, here = [sys.executable, "-I"], Path(__file__).parent
        commands = {
            "start": [*run, str(here / "app.py"), "start", str(work), "{slot}", "{port}", "{release}"],
            "stop": [*run, str(here / "stop.py"), str(work), "{slot}"],
            "psql": psql,
            "migrate": [*psql, "-X", "-v", "ON_ERROR_STOP=1", "-f", str(work / "migrate.sql")],
        }
        with world(work, commands=commands, **PATIENT) as found:
            yield found


@pytest.fixture
def migrating(with_database: World, database: Database) -> World:
    """OLD live at revision r1, which is all it knows."""
    with_database.reset()
    database.run("psql", "-c", "TRUNCATE alembic_version, seen; INSERT INTO alembic_version VALUES ('r1')")
    with_database.receive(OLD, revisions=["r1"])
    with_database.receive(NEW, revisions=["r1", "r2"], expand=["r2"])
    migration(with_database, "UPDATE alembic_version SET version_num = 'r2';")
    with_database.good("prepare", NEW)
    return with_database


def migration(host: World, sql: str) -> None:
    (host.work / "migrate.sql").write_text(sql)


def query(database: Database, sql: str) -> str:
    return database.run("psql", "-AtX", "-c", sql).out.strip()


@contextmanager
def session(database: Database, sql: str) -> Iterator[None]:
    """A session of somebody else that has done `sql` and stays open."""
    argv = [str(database.programs / "psql"), "-AtXq", database.url("postgres")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        try:
            other.stdin.write(f"{sql};\nSELECT 'mine';\n".encode())
            other.stdin.flush()
            while (line := other.stdout.readline()) != b"mine\n":
                assert line
            yield
        finally:
            other.stdin.close()


def test_migrates_under_a_lock_and_a_time_limit(migrating: World, database: Database) -> None:
    migration(
        migrating,
        "UPDATE alembic_version SET version_num = 'r2';"
        "INSERT INTO seen SELECT current_setting('lock_timeout');"
        "INSERT INTO seen SELECT 'locks ' || count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted;",
    )
    answer = migrating.good("migrate", NEW)
    assert answer["back"]["verdict"] == "switch-only"
    assert answer["said"][-1].endswith("lock_timeout 5000 ms; switch-only")
    assert query(database, "SELECT string_agg(what, ', ') FROM seen") == "5s, locks 1"
    assert query(database, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0"
    migrating.good("switch", NEW, *WITHIN)
    assert migrating.good("rollback", "--from", NEW)["release"] == OLD
    migrating.live(OLD, "blue")


def test_two_migrations_at_once(migrating: World, database: Database) -> None:
    with session(database, f"SELECT pg_advisory_lock({KEY})"):
        answer = migrating.run("migrate", NEW)
    assert answer.code == 6
    assert answer.what == "another migration holds the lock of this database (lock false)"
    assert query(database, "SELECT version_num FROM alembic_version") == "r1"
    migrating.live(OLD, "blue")


def test_a_migration_does_not_wait_for_ever_for_a_table(migrating: World, database: Database) -> None:
    data = json.loads(migrating.config.read_text())
    data["limits"]["lock-timeout"] = 0.2
    migrating.config.write_text(json.dumps(data))
    migration(migrating, "ALTER TABLE seen ADD x int;")
    with session(database, "BEGIN; LOCK seen"):
        answer = migrating.run("migrate", NEW)
    assert answer.code == 1
    assert "canceling statement due to lock timeout" in answer.what
    migrating.live(OLD, "blue")


def test_a_migration_that_takes_too_long_says_what_is_known(migrating: World, database: Database) -> None:
    data = json.loads(migrating.config.read_text())
    data["limits"]["command"] = 0.5
    migrating.config.write_text(json.dumps(data))
    migration(migrating, "SELECT pg_sleep(601);")
    with session(database, "BEGIN; LOCK seen"):
        answer = migrating.run("migrate", NEW)
    query(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(601);'")
    assert answer.code == 1
    assert "did not end in time and was stopped" in answer.what
    trouble = answer.data["trouble"]
    assert "undid" not in trouble["means"]
    assert trouble["means"].startswith("only the command on this host was stopped; the database may still be at it")
    assert "the database is at r1" in trouble["means"]
    assert re.search(r"process \d+ idle in transaction for \d+ s \(SELECT\)", trouble["means"]), trouble
    assert "pg_stat_activity" in trouble["do"]
    ended = [one for one in migrating.machine.journal.tail(9) if one.get("step") == "migrate"][-1]
    assert ended["event"] == "unknown"
    migrating.live(OLD, "blue")


def test_a_migration_that_closes_the_way_back_needs_a_word(migrating: World) -> None:
    migrating.receive(NEW, revisions=["r1", "r2"])
    answer = migrating.run("migrate", NEW)
    assert answer.code == 1
    assert answer.what == (
        "after this migration there is no way back by a switch (forward-only): "
        "r2 removes or changes what the old code needs"
    )
    lines = {one["name"]: one for one in migrating.run("preflight", NEW).data["lines"]}
    assert lines["way-back"]["status"] == "failed"
    migrating.good("migrate", NEW, "--acknowledged")
    migrating.good("switch", NEW, *WITHIN)
    answer = migrating.run("rollback", "--from", NEW)
    assert answer.code == 1
    assert "does not know the live schema: r2" in answer.what
    migrating.live(NEW, "green")


def test_migrating_the_next_release_does_not_open_the_way_back_of_the_live_one(migrating: World) -> None:
    migrating.receive(NEW, revisions=["r1", "r2"])
    migrating.receive(THIRD, revisions=["r1", "r2", "r3"], expand=["r3"])
    migrating.good("migrate", NEW, "--acknowledged")
    migrating.good("switch", NEW, *WITHIN)
    migrating.good("confirm", NEW)
    migrating.good("prepare", THIRD)
    migration(migrating, "UPDATE alembic_version SET version_num = 'r3';")
    assert migrating.good("migrate", THIRD)["back"]["verdict"] == "switch-only"
    answer = migrating.run("rollback", "--from", NEW)
    assert answer.code == 1
    assert "does not know the live schema: r2" in answer.what
    migrating.good("switch", THIRD, *WITHIN)
    assert migrating.good("rollback", "--from", THIRD)["release"] == NEW


def test_a_live_release_that_breaks_on_the_new_schema_is_told(migrating: World) -> None:
    migrating.fault(OLD, ready=500)
    answer = migrating.run("migrate", NEW)
    migrating.fault(OLD)
    assert (answer.code, answer.what) == (1, "the live release does not work on the new schema: status 500")


def test_too_few_connections_for_two_slots(migrating: World) -> None:
    data = json.loads(migrating.config.read_text())
    data["needs"] |= {"connections-per-worker": 12, "workers": 2}
    migrating.config.write_text(json.dumps(data))
    lines = {one["name"]: one for one in migrating.run("preflight").data["lines"]}
    assert lines["connections"]["status"] == "failed"
    assert lines["connections"]["found"] == "12 × 2 workers × 2 slots = 48, the database takes 47"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (["r1"], {"revisions": ["r1"]}, "switch-only"),
        (["r1"], {"revisions": ["r1", "r2"], "expand": ["r2"]}, "switch-only"),
        (["r1"], {"revisions": ["r1", "r2"], "reversible": ["r2"]}, "downgrade-first"),
        (["r1"], {"revisions": ["r1", "r2", "r3"], "expand": ["r2"], "reversible": ["r3"]}, "forward-only"),
        (["r1"], {"revisions": ["r1", "r2", "r3"], "expand": ["r2"], "reversible": ["r2", "r3"]}, "downgrade-first"),
        (["r1"], {"revisions": ["r1", "r2"]}, "forward-only"),
        (["r1", "r2"], {"revisions": ["r1"]}, "switch-only"),
    ],
)
def test_can_we_go_back(old: list[str], new: dict[str, Any], expected: str) -> None:
    assert judge(old, new)[0] == expected


# --- receive and forget


def manifest(host: World, **content: Any) -> str:
    path = host.work / "manifest.json"
    path.write_text(json.dumps(content))
    return str(path)


def test_what_is_received_is_verified(host: World) -> None:
    host.configure(commands={
        "start": ["true"], "stop": ["true"],
        "receive": ["sh", "-c", "echo brought $RELEASE $IMAGE_BACKEND"],
        "digests": ["echo", f"backend {DIGEST}"],
    })  # fmt: skip
    path = manifest(host, release=FOURTH, images={"backend": f"shop/backend@{DIGEST}"})
    assert host.good("receive", path)["release"] == FOURTH
    said = (host.home / "logs" / "receive.log").read_text()
    assert f"brought {FOURTH} shop/backend@{DIGEST}" in said
    other = "e" * 40
    path = manifest(host, release=other, images={"backend": "sha256:" + "2" * 64})
    answer = host.run("receive", path)
    assert answer.code == 1
    assert answer.what.startswith(f"backend has digest {DIGEST}, the manifest says sha256:222")
    host.configure()
    assert host.run("prepare", other).what == "eeeeeeeeeeee was not received on this host"
    shutil.rmtree(folder(host.machine) / FOURTH)
    shutil.rmtree(folder(host.machine) / other)


def test_images_that_nothing_could_compare_are_refused(host: World) -> None:
    path = manifest(host, release=FOURTH, images={"backend": DIGEST})
    host.configure(commands={"digests": [], "receive": ["touch", str(host.work / "brought")]})
    answer = host.run("receive", path)
    assert (answer.code, answer.what) == (
        1,
        "the manifest names 1 image, and neither commands.docker nor commands.digests is set",
    )
    assert '"docker": ["docker"]' in answer.said
    assert not (host.work / "brought").exists(), "nothing is transferred for nothing"
    assert not (folder(host.machine) / FOURTH).exists()
    host.configure(commands={"digests": ["sh", "-c", f"echo backend {DIGEST}; echo no such image >&2; exit 4"]})
    answer = host.run("receive", path)
    assert answer.code == 1
    assert answer.what.startswith("the digests could not be read: ended with 4")
    assert "no such image" in answer.what
    host.configure(commands={"digests": []})
    assert host.good("receive", manifest(host, release=FOURTH, images={}))["release"] == FOURTH
    shutil.rmtree(folder(host.machine) / FOURTH)


def test_warnings_are_neither_digests_nor_revisions(host: World) -> None:
    script = 'echo "backend of docker is deprecated" >&2; echo "backend $IMAGE_BACKEND"; echo "backend x" >&2'
    host.configure(commands={
        "digests": ["sh", "-c", script],
        "revision": ["sh", "-c", "echo INFO Context impl PostgresqlImpl >&2; echo r1; echo done >&2"],
    })  # fmt: skip
    host.good("receive", manifest(host, release=FOURTH, images={"backend": DIGEST}))
    assert live(host.machine) == ["r1"]
    host.configure(commands={"revision": ["sh", "-c", "echo r1; echo no route >&2; exit 3"]})
    with pytest.raises(Trouble, match=r"the live revision could not be read: ended with 3 .*no route"):
        live(host.machine)
    shutil.rmtree(folder(host.machine) / FOURTH)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"release": "main"}, "release: forty hexadecimal digits are wanted"),
        ({"release": NEW, "images": {"a b": DIGEST}}, "images: service names with sha256 digests are wanted"),
        ({"release": NEW, "images": {"a": "latest"}}, "images: service names with sha256 digests are wanted"),
        ({"release": NEW, "revisions": "r1"}, "revisions: a list of revisions is wanted"),
        ({"release": NEW, "expand": ["a; drop"]}, "expand: a list of revisions is wanted"),
    ],
)
def test_a_wrong_manifest(host: World, content: dict[str, Any], found: str) -> None:
    answer = host.run("receive", manifest(host, **content))
    assert (answer.code, answer.what) == (2, f"the manifest is wrong: {found}")


def test_a_transfer_keeps_nobody_from_switching(host: World) -> None:
    host.good("prepare", NEW)
    fifo = host.work / "fifo"
    os.mkfifo(fifo)
    data = json.loads(host.config.read_text())
    data["commands"]["receive"] = ["cat", str(fifo)]
    host.config.write_text(json.dumps(data))
    receiving = host.popen("receive", manifest(host, release=FOURTH))
    with fifo.open("w"):
        host.good("switch", NEW, *WITHIN)
        host.good("confirm", NEW)
        assert receiving.poll() is None
    assert host.read(*receiving.communicate(timeout=60)).code == 0
    host.live(NEW, "green")
    shutil.rmtree(folder(host.machine) / FOURTH)


def test_a_transfer_that_breaks_leaves_no_release(host: World) -> None:
    host.configure(commands={"start": ["true"], "stop": ["true"], "receive": ["sh", "-c", "echo no route; exit 7"]})
    answer = host.run("receive", manifest(host, release=FOURTH))
    assert answer.code == 1
    assert "ended with 7" in answer.what
    assert "no route" in answer.what
    assert not (folder(host.machine) / FOURTH / "manifest.json").exists()
    shutil.rmtree(folder(host.machine) / FOURTH)


def test_old_releases_are_forgotten_never_the_way_back(host: World) -> None:
    deploy(host, NEW)
    host.configure(retention={"releases": 1}, commands={
        "start": ["true"], "stop": ["true"], "forget": ["sh", "-c", "echo gone $RELEASE"],
    })  # fmt: skip
    many = [digit * 40 for digit in "0123"]
    host.receive(*many)
    assert OLD not in outdated(host.machine, host.machine.load())
    gone = set(host.good("forget")["forgotten"])
    assert gone == {*many, THIRD} - {many[-1]} or len(gone) == 4
    assert {path.name for path in folder(host.machine).iterdir()} >= {OLD, NEW}
    assert not gone & {OLD, NEW}
    assert "gone 0" in (host.home / "logs" / "forget.log").read_text()
    host.receive(THIRD)
