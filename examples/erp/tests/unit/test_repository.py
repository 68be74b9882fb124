"""The files around the code: they must say the same as the code."""

import re
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from erp import __version__
from erp.export_openapi import main, schema_text
from erp.seed import SeedSettings
from erp.settings import Settings
from neurolink.app import NeurolinkSettings

ROOT = Path(__file__).parents[2]
ENVIRON = re.compile(r"environ(?:\.get\(|\[)\"([A-Z0-9_]+)\"")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_committed_openapi_is_what_the_code_says() -> None:
    assert read("openapi.json") == schema_text(), "run: python -m erp.export_openapi openapi.json"


def test_export_writes_to_a_file_or_to_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "out.json")]) == 0
    assert main([]) == 0
    assert capsys.readouterr().out == (tmp_path / "out.json").read_text(encoding="utf-8")
    assert main(["one", "two"]) == 2


def test_every_setting_is_documented_and_nothing_else() -> None:
    documented = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]*)=", read(".env.example"), re.MULTILINE))
    fields = {**Settings.model_fields, **SeedSettings.model_fields, **NeurolinkSettings.model_fields}
    compose = set(re.findall(r"\$\{([A-Z0-9_]+)", read("compose.yaml")))
    read_directly = {name for path in ROOT.glob("erp/**/*.py") for name in ENVIRON.findall(path.read_text("utf-8"))}
    assert documented == {name.upper() for name in fields} | compose | read_directly


def test_migrations_are_one_line_with_real_docstrings() -> None:
    script = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
    revisions = list(script.walk_revisions())
    assert len(script.get_heads()) == 1
    assert len(revisions) >= 8
    for revision in revisions:
        text = revision.longdoc
        assert "Locks:" in text, revision.revision
        assert "Downgrade:" in text, revision.revision


def test_versions_agree() -> None:
    assert f'version = "{__version__}"' in read("pyproject.toml")
    assert re.findall(r"^## \[(\d.*?)\]", read("CHANGELOG.md"), re.MULTILINE)[0] == __version__
