"""env-valid on a real ssh server, against the settings of the ERP: names and words only, whatever is wrong."""

from __future__ import annotations

import json
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pairs
import pytest
from pairs import Pair
from support import ROOT, Repository

from deploy_gate.catalog import Catalog
from deploy_gate.facts import settings_schema
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, Status
from deploy_gate.sent import envcheck

KEY = "k8Jq2mZx" * 5
GOOD = f"DATABASE_URL=postgresql://erp@db/erp\nSECRET_KEY={KEY}\nENVIRONMENT=production\nDB_POOL_SIZE=7\nDEBUG=off\n"


@pytest.fixture(scope="session")
def python() -> str:
    """An interpreter with the ERP's packages."""
    return pairs.interpreter()


@pytest.fixture(scope="session")
def schema(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the ERP reads, told by itself, without the tree: tests run on what is not committed, too."""
    file = tmp_path_factory.mktemp("schema") / "settings.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT / "examples" / "erp")
        made = settings_schema.export("erp.settings:Settings", python, [])
    file.write_text(settings_schema.dumps(settings_schema.Schema("", made.options, made.fields)))
    return file


@pytest.fixture
def look(ask: Callable[..., Result], pair: Pair, schema: Path) -> Callable[..., Result]:
    door, file = pair.production.door, pair.production.env_file

    def run(text: str, **given: object) -> Result:
        file.write_text(text)
        inputs = {"host": door.host, "host_keys": door.pins, "env_files": file, "schema": schema}
        result = ask("env-valid", **{**inputs, **given})
        assert not [one for one in (KEY, "hunter2") if one in str(result)]
        return result

    return run


def test_settings_that_fit(look: Callable[..., Result]) -> None:
    result = look(GOOD)
    assert (result.status, result.measured) == (Status.PASSED, 0), result
    told = r"0 of \d+ variables \(2 required\) missing, empty or of a wrong type, the limit is 0"
    assert re.fullmatch(told, result.found), result


def test_missing_empty_and_mistyped(look: Callable[..., Result]) -> None:
    text = GOOD.replace("DATABASE_URL=postgresql://erp@db/erp\n", "").replace(KEY, "")
    result = look(text.replace("=7", "=seven hunter2").replace("=off", "=perhaps").replace("production", "prod"))
    assert (result.status, result.measured) == (Status.FAILED, 5), result
    assert [one["message"] for one in result.evidence] == [
        "DATABASE_URL is missing",
        "SECRET_KEY is empty",
        "DB_POOL_SIZE is not a whole number, at least 1, at most 100",
        "DEBUG is not true or false",
        "ENVIRONMENT is not one of development, test, staging, production",
    ]
    assert look(GOOD.replace("=7", "=101")).measured == 1


def test_names_that_come_from_elsewhere_or_are_wanted_besides(look: Callable[..., Result]) -> None:
    without = GOOD.replace(f"SECRET_KEY={KEY}\n", "")
    assert look(without).measured == 1
    assert look(without, elsewhere="SECRET_KEY").status is Status.PASSED
    result = look(GOOD, required="REDIS_URL,TELEGRAM_BOT_TOKEN")
    assert [one["message"] for one in result.evidence] == ["REDIS_URL is missing", "TELEGRAM_BOT_TOKEN is missing"]
    result = look("A=1\n", schema="", required="A")
    assert (result.status, result.found[:6]) == (Status.PASSED, "0 of 1"), result


def test_a_file_that_cannot_be_read(look: Callable[..., Result], pair: Pair) -> None:
    result = look(GOOD + "hunter2 is the password\n")
    assert (result.status, "line 6 is not NAME=value" in result.found) == (Status.ERROR, True), result
    result = look(GOOD, env_files=f"{pair.production.env_file},/nowhere/app.env")
    assert (result.status, "No such file" in result.found) == (Status.ERROR, True), result


def test_a_server_that_answers_something_else(look: Callable[..., Result], pair: Pair) -> None:
    for answer in ('{"words": {"database_url": "hunter2"}}', '{"words": {}}', '{"words": {"x": ""}}', "3"):
        pair.production.program("python3", f"cat > /dev/null; echo '{answer}'")
        assert look(GOOD).status is Status.ERROR


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


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        ({"type": "integer", "minimum": 1}, ["1", "+7", " 1_000 ", "2.0"], ["0", "x", "1.5", "", "1__0"]),
        ({"type": "integer", "multipleOf": 2, "exclusiveMaximum": 9}, ["8"], ["7", "10"]),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, ["0.5", "1e-3", "1"], ["0", "2", "one"]),
        ({"type": "boolean"}, ["true", "NO", "1", "off"], ["2", "ja", ""]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "abc"], ["a", "abcd"]),
        ({"type": "string", "pattern": "^a"}, ["ab"], ["ba"]),
        ({"type": "string", "format": "uri"}, ["redis://x"], ["x"]),
        ({"type": "string", "format": "uuid"}, ["12345678-1234-5678-1234-567812345678"], ["1"]),
        ({"type": "string", "format": "date"}, ["2027-01-31"], ["2027-13-01"]),
        ({"enum": ["a", 1]}, ["a", "1"], ["b"]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, ["3"], ["x", ""]),
        ({"type": "array"}, ["[]"], ["{}", "a,b"]),
        ({"type": "object"}, ["{}"], ["[]"]),
        ({}, ["anything"], []),
    ],
)
def test_texts_and_types(shape: dict[str, Any], good: list[str], bad: list[str]) -> None:
    assert [one for one in good if not envcheck.fits(one, shape)] == []
    assert [one for one in bad if envcheck.fits(one, shape)] == []


def test_one_answer_for_each_variable(repository: Repository) -> None:
    """Two fields of one name would tell two things of its value, a thousand of them all of it."""
    assert repository.path.is_dir()
    shapes = [{"pattern": one, "type": "string"} for one in "xyz"]
    fields = [{**FIELD, "names": [name], "shape": one} for name, one in zip("AaA", shapes, strict=True)]
    assert said(settings_schema.Schema("", OPTIONS, fields), "A=y\n") == {"A": "wrong"}
    both = [fields[0], {**fields[1], "names": ["B", "A"]}]
    assert said(settings_schema.Schema("", OPTIONS, both), "A=y\n") == {"A": "wrong"}
