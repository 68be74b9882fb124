"""settings-schema, in the interpreter of the ERP: names, what is required, types; and what its file may not be."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import pairs
import pytest
from support import Repository

from deploy_gate.catalog import Catalog
from deploy_gate.facts import settings_schema
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Status
from deploy_gate.sent import envcheck


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter with the ERP's packages."""
    return pairs.interpreter()


MODEL = """
    import os
    from typing import Annotated, Optional
    from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, field_validator
    from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
    print("loud")
    class Mail(BaseModel):
        host: str
        port: int = 25
    class Settings(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="APP_", env_nested_delimiter="__")
        mail: Mail
        tags: list[str]
        plain: Annotated[list[str], NoDecode] = []
        level: Optional[int] = None
        other: str = Field(validation_alias=AliasChoices("OTHER", "OLDER"))
        split: Annotated[list[str], BeforeValidator(lambda text: text.split(","))] = []
        code: str = Field(default="", pattern="^[a-z]+$")
        own: int = 3
        @field_validator("own", mode="before")
        @classmethod
        def _own(cls, value):
            return len(value)
"""


def test_prefix_aliases_nesting_and_validators(repository: Repository, python: str) -> None:
    repository.write("shop.py", MODEL)
    tree = repository.git("rev-parse", f"{repository.commit()}^{{tree}}")
    done = (
        Catalog()
        .get("settings-schema")
        .function(model="shop:Settings", file=repository.path / "out.json", python=python, env=[])
    )
    assert (done.status, done.found[:32]) == (Status.PASSED, "9 variables, 3 of them required,"), done
    found = settings_schema.read(repository.path / "out.json")
    assert found.tree == tree
    by_name = {one["names"][0]: one for one in found.fields}
    assert {name: (one["names"][1:], one["required"], one["above"]) for name, one in by_name.items()} == {
        "APP_mail__host": ([], True, ["APP_mail"]),
        "APP_mail__port": ([], False, ["APP_mail"]),
        "APP_tags": ([], True, []),
        "APP_plain": ([], False, []),
        "APP_level": ([], False, []),
        "OTHER": (["OLDER"], True, []),
        "APP_split": ([], False, []),
        "APP_code": ([], False, []),
        "APP_own": ([], False, []),
    }
    words = said(
        found, "APP_MAIL__HOST=a\nAPP_TAGS=a,b\nAPP_PLAIN=a,b\nOLDER=x\nAPP_SPLIT=a,b\nAPP_CODE=A\nAPP_OWN=x\n"
    )
    assert words == {"APP_tags": "wrong", "APP_code": "wrong"}
    good = 'APP_MAIL={"host": "a"}\nAPP_TAGS=["a"]\nOTHER=x\nAPP_LEVEL=\n'
    assert said(found, good) == {"APP_level": "wrong"}
    # Of another release it proves nothing.
    repository.write("more", "x")
    repository.commit()
    with pytest.raises(CouldNotTell, match="is checked out"):
        settings_schema.read(repository.path / "out.json")


def said(schema: settings_schema.Schema, text: str) -> dict[str, str]:
    Path("app.env").write_text(text)
    given = {"files": ["app.env"], "options": dict(schema.options), "fields": list(schema.fields)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resource, "setrlimit", lambda *_: None)
        words: dict[str, str] = envcheck.main(given)["words"]
        return {name: word for name, word in words.items() if word}


def test_a_model_that_cannot_be_read(repository: Repository, python: str) -> None:
    repository.write("shop.py", "class Settings: pass\n")
    function = Catalog().get("settings-schema").function
    for model, words in (
        ("shop:Settings", "TypeError"),
        ("shop:Nothing", "AttributeError"),
        ("none:X", "ModuleNotFound"),
    ):
        with pytest.raises(CouldNotTell, match=words):
            function(model=model, file=Path("out.json"), python=python, env=[])
    with pytest.raises(Misconfigured):
        function(model="shop", file=Path("out.json"), python=python, env=[])


OPTIONS: dict[str, Any] = {"sensitive": False, "delimiter": "", "ignore_empty": False, "none": None}
FIELD: dict[str, Any] = {"names": ["A"], "above": [], "required": True, "shape": {}}


NONE: list[dict[str, Any]] = [
    {},
    {"options": OPTIONS, "fields": []},
    {"options": OPTIONS, "fields": [{**FIELD, "names": ["A; rm"]}]},
    {"options": OPTIONS, "fields": [{**FIELD, "names": []}]},
    {"options": OPTIONS, "fields": [{**FIELD, "shape": 3}]},
    {"options": OPTIONS, "fields": [{**FIELD, "shape": {"pattern": "a" * 501}}]},
    {"options": {**OPTIONS, "sensitive": "yes"}, "fields": [FIELD]},
    {"options": OPTIONS, "fields": [FIELD] * 2001},
]


@pytest.mark.parametrize("data", NONE)
def test_a_file_that_describes_no_settings(tmp_path: Path, data: dict[str, Any]) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps(data))
    with pytest.raises(CouldNotTell):
        settings_schema.read(file)


def test_one_answer_for_each_variable(repository: Repository) -> None:
    """Two fields of one name would tell two things of its value, a thousand of them all of it."""
    assert repository.path.is_dir()
    shapes = [{"pattern": one, "type": "string"} for one in "xyz"]
    fields = [{**FIELD, "names": [name], "shape": one} for name, one in zip("AaA", shapes, strict=True)]
    assert said(settings_schema.Schema("", OPTIONS, fields), "A=y\n") == {"A": "wrong"}
    both = [fields[0], {**fields[1], "names": ["B", "A"]}]
    assert said(settings_schema.Schema("", OPTIONS, both), "A=y\n") == {"A": "wrong"}
