"""env-valid on a real ssh server, against the settings of the ERP: names and words only, whatever is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pairs
import pytest
from pairs import Pair
from support import ROOT

from deploy_gate.facts import settings_schema
from deploy_gate.result import Result, Status
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
