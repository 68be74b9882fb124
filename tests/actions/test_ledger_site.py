"""The site from the ledger's branch: with the newest evidence, and never from a ledger that does not hold."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from deployments import entry
from ledgers import p95, report
from support import Repository

from deploy_gate.catalog import Catalog
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger.chain import Head
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]


@pytest.fixture
def head(repository: Repository) -> Head:
    """The newest line of a ledger with three deployments and their evidence."""
    origin = repository.path.parent / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", str(origin)], check=True)
    repository.git("remote", "add", "origin", str(origin))
    repository.write("app.py", "x = 1\n")
    repository.commit("feat: one")
    with branches.opened() as there:
        found = [
            branches.append(there, entry(days, release), {"reports": [report(p95(200.0 + days))]})
            for days, release in ((3, "a"), (2, "b"), (1, "c"))
        ]
    return found[-1]


def test_the_newest_bring_their_evidence(ask: Ask, head: Head) -> None:
    result = ask("ledger-site", evidence=2, known=head)
    assert (result.status, result.found) == (Status.PASSED, "7 pages of 3 deployments in deploy-gate-site")
    pages = Path("deploy-gate-site")
    shown = ["p95 passed" in (pages / f"deployments/{number}.html").read_text() for number in (1, 2, 3)]
    assert shown == [False, True, True]
    assert ask("ledger-site", evidence=0).status is Status.PASSED, "an older site is replaced"
    assert "p95 passed" not in (pages / "deployments/3.html").read_text()


def test_nothing_is_built_of_what_does_not_hold(ask: Ask, head: Head) -> None:
    other = f"{head.number}:{'0' * 64}"
    assert "line 3, which is known from elsewhere, is another one" in ask("ledger-site", known=other).found
    assert "there is no ledger on branch other" in ask("ledger-site", branch="other").found
    with branches.opened() as there:
        state = there.read()
        assert there.push(state, {branches.LEDGER: state.raw.replace(b"aaaa", b"dddd", 1)}, "forged")
    result = ask("ledger-site")
    assert (result.status, "nothing is built from it: line 2" in result.found) == (Status.ERROR, True)
    assert not Path("deploy-gate-site").exists()


def test_mistakes_in_the_inputs(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    faults = Catalog().get("ledger-site").faults
    usual = {"evidence": 100, "known": [], "signers": ""}
    assert "holds something else than a site of ours" in faults({**usual, "out": tmp_path})[0]
    assert faults({**usual, "out": tmp_path / "new", "evidence": -1}) == ["evidence is -1, expected 0 to 10000"]
