"""A whole phase through the gate: what it costs GitHub, and that nothing passes when GitHub fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import github_shop
import pytest
from github_server import GitHub
from policies import People, entry, recorded
from support import Repository

from deploy_gate import cli
from deploy_gate.github import cache


@pytest.fixture
def shop(github: GitHub, repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> GitHub:
    (tmp_path / "temp").mkdir()
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path / "temp"))
    monkeypatch.setenv("GITHUB_RUN_ID", str(github_shop.RUN))
    github_shop.build(github, repository)
    return github


@pytest.fixture
def afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look asks anew: what GitHub answered a moment ago is another run's."""
    monkeypatch.setattr(cache, "_run", lambda: uuid4().hex)


def phase(report: Path) -> tuple[int, dict[str, str]]:
    words = ["gate", "--phase", "pre-deploy", "--environment", "production", "--report", str(report), "--only"]
    code = cli.main([*words, *github_shop.ITEMS])
    data: dict[str, Any] = json.loads((report / "report.json").read_text())
    return code, {one["id"]: one["status"] for one in data["items"]}


def test_what_a_phase_costs(
    shop: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, statuses = phase(tmp_path / "one")
    expected = {name: "attested" if name.startswith("signoff") else "passed" for name in github_shop.ITEMS}
    assert (code, statuses) == (0, expected)
    asked = [path.partition("?")[0] for path in shop.asked]
    assert len(set(asked)) <= 12, asked
    # More only where an answer of one check was too old for another, on a machine that is very slow.
    assert shop.statuses.count(200) == len(set(asked))
    assert shop.statuses.count(200) + shop.statuses.count(304) == len(asked)
    monkeypatch.setattr(cache, "_run", lambda: "another run of this job")
    assert phase(tmp_path / "two") == (0, expected)
    assert shop.statuses.count(200) == len(set(asked)), "the second time everything was asked as: has it changed?"


SIGNED = [name for name in github_shop.ITEMS if name.startswith("signoff")]
DIGESTS = {"backend": f"sha256:{'a' * 64}", "web": f"registry.example/web@sha256:{'b' * 64}"}


def signatures(*more: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """How the four lines stand: status and what was found."""
    folder = Path("..", "report")
    words = ["gate", "--phase", "pre-deploy", "--environment", "production", "--report", str(folder), *more, "--only"]
    code = cli.main([*words, *SIGNED])
    data: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return code, {one["id"]: (one["status"], one["found"]) for one in data["items"]}


def test_a_signature_for_other_images_is_void(
    shop: GitHub, repository: Repository, afresh: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bundled lines are bound to tree, plan and digests: what was signed without images is not signed with them."""
    assert signatures()[0] == 0
    manifest = Path("..", "manifest.json")
    manifest.write_text(json.dumps({"images": DIGESTS}))
    code, found = signatures("--manifest", str(manifest))
    void = "0 of 1 needed from qa; joan approved (does not count: it is for another release or plan) (and 2 others)"
    assert (code, found["signoff-qa"]) == (3, ("pending", void))
    github_shop.sign(shop, repository, "\n".join(f"{name}={one}" for name, one in DIGESTS.items()))
    code, found = signatures("--manifest", str(manifest))
    assert (code, {status for status, _ in found.values()}) == (0, {"attested"})
    manifest.write_text(json.dumps({"images": DIGESTS | {"web": f"registry.example/web@sha256:{'c' * 64}"}}))
    code, found = signatures("--manifest", str(manifest))
    assert (code, found["signoff-qa"]) == (3, ("pending", void)), "one image was built anew"
    assert signatures()[1]["signoff-qa"] == ("pending", void), "and what was signed with them is not signed without"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "the manifest ../manifest.json is not there"),
        ('{"images": {"web": "latest"}}', "names images otherwise than"),
        ('{"images": {"web": "sha256:12"}}', "names images otherwise than"),
        (json.dumps({"images": {"web\nb": DIGESTS["backend"]}}), "names images otherwise than"),
        ('{"images": ["sha256:1"]}', "names images otherwise than"),
        ("[]", "is no JSON object"),
        ("{", "cannot be read"),
    ],
)
def test_a_manifest_that_is_none(shop: GitHub, capsys: pytest.CaptureFixture[str], text: str | None, says: str) -> None:
    if text is not None:
        Path("..", "manifest.json").write_text(text)
    words = ["gate", "--phase", "pre-deploy", "--environment", "production", "--manifest", "../manifest.json"]
    assert cli.main([*words, "--only", *SIGNED]) in (2, 3)
    assert says in capsys.readouterr().err
    assert shop.asked == []


def test_who_wrote_something_since_what_is_live_does_not_sign(
    shop: GitHub, repository: Repository, afresh: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Joan wrote a commit that this pull request does not show, since it came with another one."""
    live = repository.git("rev-parse", "HEAD~1")
    recorded(repository, entry(live, "b" * 40))
    commit = repository.git("rev-parse", "HEAD")
    People(shop).compared(live, commit, "kay", "joan")
    code, found = signatures()
    void = "0 of 1 needed from qa; joan approved (does not count: its author wrote the change) (and 2 others)"
    assert (code, found["signoff-qa"]) == (3, ("pending", void))
    assert found["signoff-devops"][0] == "attested"
    # No commit since what is live says that it breaks something.
    assert found["signoff-product-owner"][0] == "passed"
    assert not [path for path in shop.asked if "/pulls/7/commits" in path]
    People(shop).compared(live, commit, "kay")
    assert signatures()[0] == 0


def test_what_is_live_cannot_be_told(shop: GitHub, repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """Then nobody knows who wrote what is new; the way out says so, and is the one of the checklist's changes."""
    recorded(repository, entry("d" * 40, "e" * 40))
    code, found = signatures()
    status, told = found["signoff-qa"]
    assert (code, status) == (3, "error")
    assert told.startswith("dddddddddddd, which is live, is not in this clone")
    assert signatures("--policy", "own")[0] == 0


def test_nothing_passes_when_github_fails(shop: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop.fail("/", 403, {"message": "no"})
    code, statuses = phase(tmp_path / "one")
    assert code == 3
    assert statuses == dict.fromkeys(github_shop.ITEMS, "error") | {"commits-reviewed": "passed"}
