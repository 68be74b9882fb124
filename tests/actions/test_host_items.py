"""The lines of the bundled checklist that look at a server, as a consumer's file sets them up, through the gate itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import declared
import pytest
from hosts import SH, Server
from slots.world import OLD
from support import Repository

from deploy_gate import cli
from deploy_gate.process import run

OTHER = "SHA256:" + "A" * 43
REHEARSED = ("rollback-verified", "zero-downtime", "rollback-tested")
LINES = (
    *("slots-coexist", "slot-health", "nginx-config", *REHEARSED),
    *("production-server", "production-ssh-key", "production-branch", "production-env-loaded"),
)
WATCHED = ("server-logs", "no-log-errors", "no-db-errors", "intrusion")
FILE = """
version: 1
extends: default
environments:
  production:
    branch: main
    url: https://shop.example
    host: {host}
    slots_config: {config}
    staging_host: {host}
    staging_slots_config: {config}
items:
  production-env-loaded: {{with: {{url: "http://127.0.0.1:{front}/health"}}}}
  slots-coexist: {{with: {{measured: [memory, disk]}}}}
  slot-health: {{with: {{target: 2s, warning: 3s, critical: 4s}}}}
  production-ssh-key: {{with: {{key-fingerprint: "{key}"}}}}
  production-server: {{with: {{address: "{address}"}}}}
"""


def looked(phase: str, *lines: str) -> dict[str, str]:
    """Status by line, after the gate has run."""
    cli.main(["gate", "--phase", phase, "--environment", "production", "--report", "report", "--only", *lines])
    text = Path("report/report.json").read_text()
    assert "PRIVATE KEY" not in text
    items: list[dict[str, Any]] = json.loads(text)["items"]
    return {one["id"]: one["status"] for one in items}


DECLARED = declared.faults("host")
THERE = (
    "a slot answers 503",
    "a snippet of nginx was changed by hand",
    "the release that is live says that it is staging",
)
HERE = (
    "no memory for a second slot",
    "the server has another address",
    "another key is used",
    "the commit is not on the branch at the remote",
    "this release was not rehearsed",
)
LOGGED = {"an error in the log": "ERROR: x", "a lost database connection in the log": "OperationalError: x"}
GUARD = "the jail of SSH is missing"


def expected(*faults: str) -> set[str]:
    """The lines that these faults turn red together."""
    return {line for fault in faults for line in DECLARED[fault]}


def test_every_declared_fault_is_caused() -> None:
    assert {*THERE, *HERE, *LOGGED, GUARD} == set(DECLARED)


def red(found: dict[str, str]) -> set[str]:
    return {name for name, status in found.items() if status != "passed"}


@pytest.fixture
def shop(repository: Repository, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A repository whose release was rehearsed on the server, pushed to a remote of its own."""
    remote = repository.path.with_name("remote.git")
    subprocess.run(["git", "init", "-q", "--bare", remote], check=True)
    repository.git("remote", "add", "origin", remote.as_uri())
    setup(repository, server)
    server.world.configure(
        needs={"memory-mb": 1}, commands={"logs": [*SH, 'cat "$2"', "x", "{since}", str(server.world.work / "log")]}
    )
    (server.world.work / "log").write_text("INFO: ready\n")
    tree = repository.git("rev-parse", "HEAD^{tree}")
    server.world.receive(tree)
    server.world.good("rehearse", tree)
    server.program("fail2ban-client", 'echo "- Jail list: sshd"; echo "- File list: /var/log/auth.log"')
    monkeypatch.setenv("STAGING_SSH_PRIVATE_KEY", server.door.key)
    yield repository
    server.world.fault(tree)


def setup(shop: Repository, server: Server, address: str = "127.0.0.1", key: str = "") -> None:
    """The consumer's file, committed and pushed."""
    own = run(["ssh-keygen", "-lf", server.door.home / "user_key.pub"], timeout=10).out.split()[1]
    values = {**server.inputs, "front": server.world.front, "address": address, "key": key or own}
    shop.write("checklist.yml", FILE.format(**values))
    shop.commit()
    shop.git("push", "-q", "origin", "HEAD:main")


def test_everything_is_as_it_should_be(shop: Repository) -> None:
    assert looked("pre-deploy", *LINES) == dict.fromkeys(LINES, "passed")
    assert looked("verify", *WATCHED) == dict.fromkeys(WATCHED, "passed")


def test_what_is_wrong_on_the_server_turns_its_own_lines_red(shop: Repository, server: Server) -> None:
    tree = shop.git("rev-parse", "HEAD^{tree}")
    server.world.fault(tree, ready=503)
    server.world.fault(OLD, environment="staging")
    snippet = server.world.work / "snippets" / "http.conf"
    text = snippet.read_text()
    try:
        snippet.write_text(text + "# mine\n")
        found = looked("pre-deploy", *LINES)
    finally:
        snippet.write_text(text)
    assert red(found) == expected(*THERE), found


def test_what_is_wrong_here_turns_its_own_lines_red(shop: Repository, server: Server) -> None:
    server.world.configure(needs={"memory-mb": 9_000_000})
    setup(shop, server, address="10.0.0.5", key=OTHER)
    shop.git("push", "-q", "--force", "origin", "HEAD~1:main")
    found = looked("pre-deploy", *LINES)
    assert red(found) == expected(*HERE), found


@pytest.mark.parametrize("fault", LOGGED)
def test_the_log_and_the_guard_after_the_switch(shop: Repository, server: Server, fault: str) -> None:
    (server.world.work / "log").write_text(LOGGED[fault])
    server.program("fail2ban-client", 'echo "- Jail list: web"')
    found = looked("verify", *WATCHED)
    assert red(found) == expected(fault, GUARD)
    assert found["intrusion"] == "failed"


def test_without_an_address_they_are_to_be_set_up(repository: Repository) -> None:
    repository.write("checklist.yml", "version: 1\nextends: default\nenvironments: {production: {branch: main}}\n")
    repository.commit()
    cli.main(["gate", "--phase", "pre-deploy", "--environment", "production", "--report", "report", "--only", *LINES])
    items = json.loads(Path("report/report.json").read_text())["items"]
    told = {one["id"]: one["found"] for one in items if one["id"] != "production-branch"}
    assert {one.split(":")[0] for one in told.values()} == {"not set up"}, told
