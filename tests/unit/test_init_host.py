"""`init --host` looks at a running server, over a real connection, and proposes with a reason; it writes nothing there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support import Repository

from deploy_gate import cli
from deploy_gate.checklist import loading
from deploy_gate.facts import server_facts
from deploy_gate.facts.parity import Side
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench.sshd import Sshd, sshd

SECRET = "marked-Xk29slpQ"
PROGRAMS = {
    "docker": """case "$*" in
--version) echo 'Docker version 27.3.1, build ce12230';;
version*) echo 27.3.1;;
"compose version"*) echo v2.29.7;;
ps*) printf 'shop-blue\\t%s/shop\\n' "$HOME";;
*) exit 1;;
esac""",
    "redis-server": "echo 'Redis server v=7.0.15 sha=00000000:0'",
    "psql": "echo 'psql (PostgreSQL) 15.9'",
    "postgres": "echo 'postgres (PostgreSQL) 15.9'",
    "nginx": """echo 'nginx version: nginx/1.22.1' >&2
[ "$1" = -V ] && echo "configure arguments: --conf-path=$HOME/nginx/nginx.conf --with-http_ssl_module" >&2
exit 0""",
    "systemctl": "echo 'shop-backup.timer enabled enabled'; echo 'apt-daily.timer enabled enabled'",
}
SITES = """
server { listen 80; server_name shop.example; return 301 https://$host$request_uri; }
server {
    listen 443 ssl;
    server_name shop.example www.shop.example;  # server_name old.example;
    location / { proxy_pass http://backend; }
}
server { listen 80; server_name inside.example; }
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[Sshd]:
    with tempfile.TemporaryDirectory(prefix="init-") as name:
        home = Path(name)
        (home / "bin").mkdir()
        try:
            settings = f"HOME={home} PATH={home}/bin:/usr/local/bin:/usr/bin:/bin"
            with sshd(home, SetEnv=settings) as found:
                yield found
        except CouldNotTell as fault:
            pytest.skip(f"no server: {fault.found}; {fault.fix}")


@pytest.fixture
def server(machine: Sshd, monkeypatch: pytest.MonkeyPatch) -> Sshd:
    """A server with everything, and the key that logs in."""
    for name, body in PROGRAMS.items():
        path = machine.home / "bin" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    folder = machine.home / "shop" / "scripts" / "deployment"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "slots.json").write_text('{"slots": {"blue": 8001, "green": 8011}}')
    (machine.home / "shop" / ".env").write_text(
        f"SHOP_DB=postgresql+asyncpg://shop:{SECRET}@db/shop\nCACHE_URL=redis://:{SECRET}@cache/0\nTOKEN={SECRET}\n"
    )
    (machine.home / "nginx" / "sites-enabled").mkdir(parents=True, exist_ok=True)
    (machine.home / "nginx" / "nginx.conf").write_text("http { include sites-enabled/*; }\n")
    (machine.home / "nginx" / "sites-enabled" / "shop").write_text(SITES)
    monkeypatch.setenv("SSH_PRIVATE_KEY", machine.key)
    monkeypatch.setenv("SSH_KNOWN_HOSTS", machine.pins)
    return machine


def contents(folder: Path) -> dict[str, tuple[bytes, float]]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime) for path in paths}


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = cli.main(["init", *words])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_what_runs_there_is_proposed_with_why(
    repository: Repository, server: Sshd, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit()
    before = contents(server.home)
    code, said = run(capsys, "--host", server.host)
    assert code == 0, said
    assert contents(server.home) == before
    text = Path("checklist.yml").read_text()
    shop = server.home / "shop"
    config = f"{shop}/scripts/deployment/slots.json"
    assert yaml.safe_load(text)["environments"]["production"] == {
        "branch": "main",
        "protected": True,
        "host": server.host,
        "url": "https://shop.example",
        "slots_config": config,
        "env_file": f"{shop}/.env",
        "database_variable": "SHOP_DB",
        "redis_variable": "CACHE_URL",
    }
    assert 'url: "https://shop.example"  # nginx there serves this name over TLS (or https://www.shop.example)' in text
    assert (
        "(so the settings there call it; store its address as a secret of that name): sets up schema-parity, migrations-staged"
        in said
    )
    completed = {line.split()[1]: line.rpartition("sets up ")[2] for line in said.splitlines() if "sets up " in line}
    assert "slot-health, nginx-config, server-logs" in completed["slots_config:"]
    assert not {"slot-health", "staging-server"} & set(completed["host:"].split(", "))
    assert "headers" in completed["url:"].split(", ")
    for note in (
        f"compose project shop-blue in {shop}",
        "PostgreSQL ",
        "Redis 7.0.15",
        "nginx 1.22.1",
        "docker 27.",
    ):
        assert f"seen there: {note}" in said
    assert "shop-backup.timer, which may make the backups" in said
    assert "apt-daily" not in said
    assert config in Path(".github/workflows/deploy.yml").read_text()
    assert SECRET not in said + text
    # The gate takes it: what is proposed is set up, and nothing in it is unknown.
    assert cli.main(["plan", "--phase", "pre-deploy", "--environment", "production"]) == 0


def test_files_that_are_there_stay_and_the_proposal_is_shown(
    repository: Repository,
    server: Sshd,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The key that this user's own machine has accepted is a pin."""
    monkeypatch.delenv("SSH_KNOWN_HOSTS")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_text(server.pins)
    repository.write("checklist.yml", "mine")
    repository.commit()
    code, said = run(capsys, "--host", server.host)
    assert (code, 'slots_config: "' in said, "stay as they are" in said) == (0, True, True), said
    assert Path("checklist.yml").read_text() == "mine"
    assert not Path(".github").exists()


def test_what_cannot_be_read_is_told(repository: Repository, server: Sshd, capsys: pytest.CaptureFixture[str]) -> None:
    repository.commit()
    for name in ("docker", "systemctl"):
        (server.home / "bin" / name).write_text(f"#!/bin/sh\necho 'permission denied {SECRET}'; exit 1\n")
    (server.home / "shop" / ".env").write_text(f"A=1\nno line {SECRET}\n")
    (server.home / "shop" / "scripts" / "deployment" / "slots.json").write_text("[]")
    (server.home / "nginx" / "sites-enabled" / "shop").write_text("server { listen 80; server_name shop.example; }")
    code, said = run(capsys, "--host", server.host)
    assert code == 0, said
    assert set(yaml.safe_load(Path("checklist.yml").read_text())["environments"]["production"]) == {
        *("branch", "protected", "host"),
    }
    assert "not seen there: compose projects: docker ps does not answer, or not to this user (exit code 1)" in said
    assert "not seen there: timers: systemctl does not tell its timers (exit code 1)" in said
    assert "nginx serves shop.example without TLS here" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("broken", "code", "says"),
    [
        ("no user", 2, "expected user@name or user@name:port"),
        ("no key", 3, "SSH_PRIVATE_KEY is not set"),
        ("no pin", 3, "is pinned, so it could be any server"),
        ("another key", 3, "does not let the key in SSH_PRIVATE_KEY log in"),
        ("nobody there", 3, "no ssh server listens on that port"),
    ],
)
def test_a_server_that_does_not_let_us_in_writes_nothing(
    repository: Repository,
    server: Sshd,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    code: int,
    says: str,
) -> None:
    repository.commit()
    monkeypatch.setenv("HOME", str(server.home))
    host = server.host
    if broken == "no user":
        host = "shop.example"
    elif broken == "no key":
        monkeypatch.delenv("SSH_PRIVATE_KEY")
    elif broken == "no pin":
        monkeypatch.delenv("SSH_KNOWN_HOSTS")
    elif broken == "another key":
        monkeypatch.setenv("SSH_PRIVATE_KEY", (server.home / "host_key").read_text())
    else:
        host = f"{server.host.partition('@')[0]}@127.0.0.1:9"
        monkeypatch.setenv("SSH_KNOWN_HOSTS", f"[127.0.0.1]:9 {server.public}\n")
    found, said = run(capsys, "--host", host)
    assert (found, says in said) == (code, True), said
    assert not Path("checklist.yml").exists()


TOLD: dict[str, object] = {"configs": [], "projects": {}, "sites": {}, "settings": {}, "unread": {}}


@pytest.mark.parametrize(
    "told", [None, [], {}, {**TOLD, "sites": []}, {**TOLD, "settings": {"/a": {}}}, {**TOLD, "configs": 1}]
)
def test_an_answer_of_another_shape_is_no_traceback(told: object) -> None:
    with pytest.raises(CouldNotTell):
        server_facts.propose("a@b", told, Side("the server"))


def test_texts_of_the_server_are_no_code_of_ours() -> None:
    told = {
        "configs": ["/srv/a\n  host: evil", "/srv/${{ x }}", "/srv/ok/slots.json", "/srv/second/slots.json"],
        "projects": {"a\nb": "/c\x1b[31m"},
        "sites": {"a.example # x": True, "shop.example\n": True, "ok.example": True},
        "settings": {"/srv/ok/.env": {"database": ["A B", "DB"], "redis": []}},
        "unread": {},
    }
    found = server_facts.propose("a@b", told, Side("the server"))
    assert found.keys == {
        "host": "a@b",
        "url": "https://ok.example",
        "slots_config": "/srv/ok/slots.json",
        "env_file": "/srv/ok/.env",
        "database_variable": "DB",
    }
    assert found.proposals[2].others == ("/srv/second/slots.json",)
    assert all(note.isprintable() for note in found.notes)
    bundled = loading.load(loading.BUNDLED).checklist
    assert "slot-health" in server_facts.prepared(found, "slots_config", bundled)
