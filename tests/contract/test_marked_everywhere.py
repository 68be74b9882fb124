"""Every check of the catalog runs once among marked secrets: none is repeated, in any output, file or process list."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import marked_items
import pytest
from marked import ADDRESS, GIVEN, MARK, Stage
from sites import Reply, Request, site
from support import Repository

from deploy_gate.catalog import Catalog
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench.dockerd import Docker
from deploy_gate.workbench.sshd import Sshd, sshd

TOLD = f"Traceback (most recent call last): ValueError: no login {ADDRESS} with {MARK}"
QUICK = (
    *("image-build", "image-build-broken", "image-secrets", "image-size", "compose-services", "compose-services-env"),
    *("openapi-current", "env-documented", "deploy-window", "migrations-documented", "changelog", "journey"),
)
FAR = {
    "image-build": "1 image built",
    "image-build-broken": "COPY failed",
    "image-secrets": "srv/.env in layer 1",
    "image-size": "backend has",
    "compose-services": "backend: no health check",
    "compose-services-env": "broken.env cannot be read: line 2",
    "openapi-current": "ValueError: postgresql://erp:***@db.internal:5432/erp ***",
    "env-documented": "SHOP_URL",
    "deploy-window": "line 1 of holidays.yml is '- ***'",
    "migrations-documented": "drops orders",
    "changelog": "the heading '***' has no version",
    "todo-comments": "# FIXME rotate ***",
    "journey": "no login postgresql://erp:***@db.internal:5432/erp with ***",
    "http-endpoint-host": "no login postgresql://erp:***@db.internal:5432/erp with ***",
    "server-logs": "no login postgresql://erp:***@db.internal:5432/erp with ***",
}
PROGRAMS = ("python3", "nginx", "docker", "fail2ban-client", "cscli", "systemctl", "sudo", "curl")


def answer(request: Request) -> Reply:
    """An application that falls apart and says with what; a storage that refuses."""
    if request.path.startswith("/b"):
        return Reply(403, f"<Error><Code>AccessDenied</Code><Message>{TOLD}</Message></Error>")
    headers = {"Set-Cookie": f"session={MARK}", "X-Error": MARK, "Content-Type": "application/json"}
    return Reply(500, {"detail": TOLD, "status": MARK, "message": ADDRESS}, headers)


@pytest.fixture
def telling() -> Iterator[Sshd]:
    """A server whose programs all fail, and tell secrets as they do."""
    with tempfile.TemporaryDirectory(prefix="telling-") as name:
        home = Path(name)
        (home / "bin").mkdir()
        for program in PROGRAMS:
            path = home / "bin" / program
            path.write_text(f"#!/bin/sh\necho '{TOLD}'; echo '{TOLD}' >&2; exit 1\n")
            path.chmod(0o755)
        try:
            with sshd(home, SetEnv=f"HOME={home} PATH={home}/bin:/usr/bin:/bin") as found:
                yield found
        except CouldNotTell as fault:
            pytest.skip(f"no server: {fault.found}; {fault.fix}")


def checklist(items: dict[str, tuple[str, dict[str, Any]]]) -> str:
    listed = {
        key: {"section": "all", "title": key, "check": check, "phases": ["verify"], "with": given}
        for key, (check, given) in items.items()
    }
    return json.dumps({"version": 1, "sections": {"all": {"part": "P", "title": "S"}}, "items": listed})


def test_every_check_is_among_them() -> None:
    catalog = Catalog()
    checks = {name for name in catalog.names if catalog.get(name).kind == "check"}
    items = marked_items.items("http://127.0.0.1:1", {"host": "a@b", "host-keys": ""})
    assert {check for check, _ in items.values()} == checks


@pytest.mark.parametrize("names", [QUICK, pytest.param((), marks=pytest.mark.long)], ids=["quick", "all"])
def test_no_check_repeats_a_secret(
    repository: Repository, docker: Docker, telling: Sshd, names: tuple[str, ...]
) -> None:
    marked_items.write_shop(repository)
    given = {
        **dict.fromkeys(("SHOP_TOKEN", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"), GIVEN),
        "SHOP_DB": f"postgresql://erp:{GIVEN}@127.0.0.1:9/erp",
        "SHOP_DB_2": f"postgresql://erp:{GIVEN}x@127.0.0.1:9/erp",
        "SCRATCH_URL": f"postgresql://erp:{GIVEN}@127.0.0.1:9/scratch",
        "SHOP_CACHE": f"redis://:{GIVEN}@127.0.0.1:9/0",
        "SSH_PRIVATE_KEY": telling.key,
    }
    with tempfile.TemporaryDirectory(prefix="marked-") as folder, site(answer) as shop:
        given |= {"GITHUB_API_URL": shop.url, "no_proxy": "127.0.0.1"}
        items = marked_items.items(shop.url, {"host": telling.host, "host-keys": telling.pins})
        items = {key: one for key, one in items.items() if not names or key in names}
        repository.write("checklist.yml", checklist(items))
        stage = Stage(repository, Path(folder), given)
        report = stage.folder / "report"
        code, said = stage.run("gate", "--phase", "verify", "--report", str(report))
        assert code == 1, said
        results = {one["id"]: one for one in json.loads((report / "report.json").read_text())["items"]}
    assert set(results) == set(items)
    # They came as far as where the secrets are.
    found = {key: one["found"] for key, one in results.items()}
    for key, words in FAR.items():
        assert key not in found or words in found[key], found[key]
