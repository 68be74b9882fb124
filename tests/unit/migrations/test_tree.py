"""The static reader of Alembic trees, against Alembic's own reading and against what neither may swallow."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from support import ROOT, Repository

from deploy_gate.migrations import tree
from deploy_gate.migrations.tree import Tree
from deploy_gate.result import CouldNotTell

INI = "[alembic]\nscript_location = %(here)s/migrations\n"


def revision(
    repository: Repository, name: str, down: object, more: str = "", folder: str = "migrations/versions"
) -> None:
    """A revision file such as `alembic revision` writes."""
    text = f'"""{name}."""\nrevision: str = {name!r}\ndown_revision = {down!r}\n{more}\n'
    path = repository.path / folder / f"{name}_made_up.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\ndef upgrade():\n    pass\n\ndef downgrade():\n    pass\n")


@pytest.fixture
def shop(repository: Repository) -> Repository:
    repository.write("alembic.ini", INI)
    repository.write("migrations/env.py", "context.configure(connection=connection)\n")
    (repository.path / "migrations/versions").mkdir()
    return repository


def alembics(config: str = "alembic.ini") -> ScriptDirectory:
    return ScriptDirectory.from_config(Config(config))


def agree(found: Tree, theirs: ScriptDirectory) -> None:
    """What Alembic says of the same tree; its `_real_heads` is what the version table holds in the end."""
    map_ = theirs.revision_map
    assert sorted(found.heads) == sorted(theirs.get_heads())
    assert sorted(found.tips) == sorted(map_._real_heads)
    names = {one.revision: one for one in theirs.walk_revisions()}
    assert set(found.revisions) == set(names)
    for name, one in names.items():
        above = map_._get_ancestor_nodes([map_.get_revision(name)], include_dependencies=True)
        assert found.closure([name]) == {node.revision for node in above}, name
        assert found.revisions[name].docstring.startswith(one.doc)
    done: set[str] = set()
    for name in found.order:
        assert set(found.parents[name]) <= done
        done.add(name)


def test_the_erp_reads_as_alembic_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "examples" / "erp")
    found = tree.read()
    agree(found, alembics())
    assert found.heads == ("0012",)
    assert found.order == tuple(f"{number:04}" for number in range(1, 13))
    assert [one.id for one in found.pending(["0010"])] == ["0011", "0012"]
    assert (found.version_table.name, found.version_table.schema, found.version_table.unsure) == (
        "alembic_version",
        "",
        "",
    )
    assert found.revisions["0011"].upgrade is not None
    assert found.revisions["0011"].line == 10


def test_branches_merges_and_dependencies(shop: Repository) -> None:
    revision(shop, "a1", None, "branch_labels = ('stock',)")
    revision(shop, "a2", "a1")
    revision(shop, "b1", None, "depends_on = 'a1'\nbranch_labels = 'sales'")
    revision(shop, "b2", "b1", "depends_on = ['a2']")
    revision(shop, "c1", "a1")
    revision(shop, "m", ("c1", "a2"))
    revision(shop, "d1", None, "depends_on = ('sales',)")
    found = tree.read()
    agree(found, alembics())
    assert found.heads == ("b2", "d1", "m")
    assert [one.id for one in found.pending(["m"])] == ["b1", "b2", "d1"]
    assert found.pending(found.tips) == []
    with pytest.raises(KeyError):
        found.pending(["elsewhere"])


@pytest.mark.parametrize(
    "ini",
    [
        "script_location = migrations",
        "script_location = %(here)s/migrations\nversion_locations = %(here)s/one:%(here)s/two\npath_separator = os",
        "script_location = migrations\nversion_locations = one, two",
        "script_location = migrations\nversion_locations =\n    one\n    two\npath_separator = newline",
        "script_location = migrations\nversion_locations = one two\nversion_path_separator = space",
        "script_location = migrations\nversion_locations = deep\nrecursive_version_locations = true",
        "script_location = migrations\nversion_locations = deep",
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_configurations(shop: Repository, ini: str) -> None:
    shop.write("alembic.ini", f"[alembic]\n{ini}\n")
    for folder in ("migrations/versions", "one", "deep"):
        revision(shop, "a", None, folder=folder)
    for folder in ("two", "deep/er"):
        revision(shop, "b", "a", folder=folder)
    revision(shop, "never", "a", folder="deep/__pycache__")
    shop.write("deep/__init__.py", "raise SystemExit")
    shop.write("deep/notes.txt", "no Python")
    shop.write("deep/.#a_lock.py", "no Python either")
    found = tree.read()
    agree(found, alembics())
    shop.commit()
    (shop.path / "alembic.ini").unlink()
    assert tree.read(ref="HEAD").order == found.order


def test_pyproject_and_package(shop: Repository) -> None:
    (shop.path / "alembic.ini").unlink()
    revision(shop, "a", None, folder="src/shop/db/versions")
    shop.write("src/shop/db/env.py", "")
    shop.write("pyproject.toml", '[tool.alembic]\nscript_location = "%(here)s/src/shop/db"\n')
    assert tree.read().heads == ("a",)
    shop.write("alembic.ini", "[alembic]\nscript_location = shop.db:\nprepend_sys_path = src\n")
    assert tree.read().heads == ("a",)
    shop.write("alembic.ini", "[alembic]\nscript_location = shop:db\n")
    assert tree.read().heads == ("a",)
    shop.write("alembic.ini", "[alembic]\nscript_location = shop:elsewhere\n")
    with pytest.raises(CouldNotTell, match="there is no such folder"):
        tree.read()


def test_a_folder_of_its_own_and_from_inside(shop: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    revision(shop, "a", None, folder="back/db/versions")
    shop.write("back/db/env.py", "context.configure(version_table='v', version_table_schema=SCHEMA)\nSCHEMA = 'ops'\n")
    shop.write("back/alembic.ini", "[alembic]\nscript_location = db\n")
    shop.commit()
    for config, ref in (("back/alembic.ini", ""), ("back/alembic.ini", "HEAD")):
        found = tree.read(config, ref)
        assert (found.heads, found.revisions["a"].path) == (("a",), "back/db/versions/a_made_up.py")
        assert (found.version_table.name, found.version_table.schema) == ("v", "ops")
    monkeypatch.chdir(shop.path / "back")
    assert tree.read(ref="HEAD").revisions["a"].path == "db/versions/a_made_up.py"
    assert tree.read().revisions["a"].path == "db/versions/a_made_up.py"
    shop.write("db/versions/x.py", "")
    monkeypatch.chdir(shop.path)
    with pytest.raises(CouldNotTell, match=r"may be back/db or db"):
        tree.read("back/alembic.ini")


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("revision = make()\ndown_revision = None", "`revision` cannot be told without running", 1),
        ("down_revision = None", "there is no `revision`", 1),
        ("revision = 'b'", "there is no `down_revision`", 1),
        ("revision = 'b'\ndown_revision = 5", "`down_revision` is neither", 2),
        ("revision = 'b'\nif x:\n    revision = 'c'\ndown_revision = None", "`revision` cannot be told", 3),
        ("revision = 'b'\ndown_revision = None\nfrom there import *", "`revision` cannot be told", 3),
        ("revision = 'b'\ndown_revision = f'{a}'", "`down_revision` cannot be told", 2),
        ("revision = 'b'\ndown_revision = None\nrevision += 'c'", "`revision` cannot be told", 3),
        ("revision = 5\ndown_revision = None", "`revision` is not a text", 1),
        ("revision = 'b+c'\ndown_revision = None", "a sign that Alembic refuses", 1),
        ("revision = 'b'\ndown_revision = 'gone'", "its down_revision 'gone' is in no file", 1),
        ("revision = 'b'\ndown_revision = 'a'\ndepends_on = 'gone'", "depends on, 'gone', is in no file", 1),
        ("revision = 'a'\ndown_revision = None", "stands in migrations/versions/a_made_up.py too", 1),
        ("revision = 'b'\ndown_revision = 'b'", "in a circle: b → b", 1),
        ("revision = 'b'\ndown_revision = 'a'\ndepends_on = 'c'", "in a circle: b → c → b", 1),
        ("revision = 'b'\ndown_revision = 'a'\nbranch_labels = 'a'", "branch label a is in use", 1),
        ("revision = (", "no Python that this Python reads: '(' was never closed", 1),
        ("\0", "no Python", 1),
        ("# coding: nonsense\nrevision = 'b'", "no Python", 1),
        ("x = " + "(" * 5000, "no Python", 1),
        ("x = " + "-" * 200_000 + "1", "no Python", 1),
    ],
)
def test_what_cannot_be_told_is_never_skipped(shop: Repository, text: str, message: str, line: int) -> None:
    revision(shop, "a", None)
    revision(shop, "c", "b")
    path = "migrations/versions/zz_b.py"
    (shop.path / path).write_text(text)
    for ref in ("", shop.commit()):
        with pytest.raises(CouldNotTell) as fault:
            tree.read(ref=ref)
        assert message in fault.value.found
        found = [one for one in fault.value.evidence if message in str(one["message"])]
        assert [(one["path"], one["line"]) for one in found] == [(path, line)]


def test_ordinary_spellings_are_told(shop: Repository) -> None:
    revision(shop, "a", None)
    shop.write(
        "migrations/versions/b.py",
        "from typing import Sequence, Union\nX = 'a'\nrevision: str = 'b' 'c'\ndown_revision: Union[str, None] = X\nbranch_labels: Union[str, Sequence[str], None] = None\n",
    )
    shop.write("migrations/versions/d.py", "revision, down_revision = 'd', ['bc']\n")
    shop.write("migrations/versions/e0f.py", "down_revision = ('d',)\n")
    found = tree.read()
    assert found.order == ("a", "bc", "d", "e0f")
    agree(found, alembics())


def test_nothing_to_look_at(shop: Repository) -> None:
    with pytest.raises(CouldNotTell, match="no revision in migrations/versions"):
        tree.read()
    assert tree.read(may_be_missing=True).order == ()
    first = shop.commit()
    (shop.path / "alembic.ini").unlink()
    with pytest.raises(CouldNotTell, match=r"there is no alembic\.ini"):
        tree.read()
    assert tree.read(may_be_missing=True).heads == ()
    assert tree.read(ref=first, may_be_missing=True).heads == ()
    with pytest.raises(CouldNotTell, match="is not in this clone"):
        tree.read(ref="nowhere")
    shop.write("alembic.ini", "[loggers]\n")
    with pytest.raises(CouldNotTell, match="has no section of Alembic"):
        tree.read(may_be_missing=True)


def test_hostile_names_and_links(shop: Repository) -> None:
    revision(shop, "a", None)
    (shop.path / "migrations/versions/b\n::error::\x1b[31m.py").write_text("revision = 'b'\ndown_revision = 'a'\n")
    assert tree.read().order == ("a", "b")
    assert tree.read(ref=shop.commit()).order == ("a", "b")
    (shop.path / "migrations/versions/again.py").symlink_to("a_made_up.py")
    assert tree.read().order == ("a", "b"), "the same file by a link"
    shop.commit()
    with pytest.raises(CouldNotTell, match=r"again\.py at \w{12} is a symbolic link"):
        tree.read(ref="HEAD")
    (shop.path / "migrations/versions/again.py").unlink()
    os.mkfifo(shop.path / "migrations/versions/pipe.py")
    with pytest.raises(CouldNotTell, match="is not a regular file"):
        tree.read()


@pytest.mark.parametrize(
    "text",
    ["context.configure(version_table=name())", "a(version_table='x')\nb(version_table='y')", "def (", ""],
)
def test_a_version_table_that_nobody_tells(shop: Repository, text: str) -> None:
    revision(shop, "a", None)
    shop.write("migrations/env.py", text)
    if not text:
        (shop.path / "migrations/env.py").unlink()
    found = tree.read().version_table
    with pytest.raises(CouldNotTell):
        found.overridden("", "")
    given = found.overridden("mine", "ops")
    assert (given.name, given.schema) == ("mine", "ops")


def test_a_thousand_revisions_are_read_in_a_second(shop: Repository) -> None:
    for number in range(1000):
        revision(shop, f"r{number:04}", f"r{number - 1:04}" if number else None, "import sqlalchemy\n" * 30)
    shop.commit()
    for ref in ("", "HEAD"):
        started = time.process_time()
        found = tree.read(ref=ref)
        assert (len(found.order), found.heads) == (1000, ("r0999",))
        assert time.process_time() - started < 5, "a tenth of that on an idle machine"


def test_it_leaves_nothing_behind(shop: Repository) -> None:
    shop.write("migrations/versions/a.py", "revision = 'a'\ndown_revision = None\nopen('ran', 'w').close()\n")
    before = shop.commit()
    tree.read()
    tree.read(ref=before)
    assert not Path("ran").exists()
    assert shop.git("status", "--porcelain", "--ignored") == ""
