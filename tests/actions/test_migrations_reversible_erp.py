"""The example ERP's own migrations, run by its own env.py: whole, and with a fault planted in each."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from projects import answer
from runnable import INPUTS
from support import ROOT, Repository

from deploy_gate.catalog import Catalog
from deploy_gate.result import Result, Status

VERSIONS = "migrations/versions"


@pytest.fixture
def shop(repository: Repository) -> Repository:
    """A copy of the ERP whose last commit holds all revisions."""
    for name in ("alembic.ini", "migrations", "erp"):
        source = ROOT / "examples" / "erp" / name
        ignored = shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, repository.path / name, ignore=ignored)
        else:
            shutil.copy(source, repository.path / name)
    repository.commit()
    return repository


def check(name: str, **inputs: object) -> Result:
    defaults = {**INPUTS, "python": sys.executable}
    own: dict[str, object] = {"rows": True} if name == "migrations-reversible" else {"acknowledged": []}
    return answer(Catalog().get(name).function, **{**defaults, **own, **inputs})


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.long
def test_all_of_them_can_be_undone(shop: Repository) -> None:
    result = check("migrations-reversible", last=99)
    # 0009 checks that amounts add up, which made-up rows do not.
    found = [(one["revision"], one["rule"]) for one in result.evidence if one["rule"] != "no-rows"]
    assert (result.status, found) == (Status.WARNED, [("0009", "upgrade-fails-on-data")])
    assert "12 revisions tried" in result.found


def test_planted_faults_are_found_where_they_are(shop: Repository) -> None:
    folder = shop.path / VERSIONS
    replace(folder / "r0010_order_references.py", "def downgrade() -> None:", "def downgrade() -> None:\n    return")
    text = (folder / "r0012_sync_runs.py").read_text()
    (folder / "r0012_sync_runs.py").write_text(text.partition("def downgrade")[0] + "def downgrade(): ...\n")
    result = check("migrations-reversible", last=3)
    assert result.status is Status.FAILED
    assert {one["revision"] for one in result.evidence if "revision" in one} == {"0010", "0012"}
    assert all(str(one["path"]).startswith(VERSIONS) for one in result.evidence if "path" in one)


@pytest.mark.long
def test_the_whole_tree_as_a_first_release_does_no_harm(shop: Repository) -> None:
    result = check("migrations-safe")
    assert result.status is Status.PASSED, result.found
    assert "12 revisions (all, this is the first commit)" in result.found


def test_only_what_the_live_release_lacks_is_judged(shop: Repository) -> None:
    text = '"""Stock gets a place."""\nfrom alembic import op\n\nrevision = "0013"\ndown_revision = "0012"\n\n\n'
    text += 'def upgrade() -> None:\n    op.execute("ALTER TABLE products ALTER name TYPE varchar(20)")\n\n\n'
    text += 'def downgrade() -> None:\n    op.execute("ALTER TABLE products ALTER name TYPE varchar(200)")\n'
    (shop.path / VERSIONS / "r0013_place.py").write_text(text)
    shop.commit()
    result = check("migrations-safe")
    assert result.status is Status.FAILED
    assert [(one["revision"], one["rule"], one["line"]) for one in result.evidence] == [
        ("0013", "rewrite", 9),
        ("0013", "type-change", 9),
    ]
