"""Binding: declared once, typed once, every fault named."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_gate import units
from deploy_gate.inputs import Input, bind, convert
from deploy_gate.units import Duration, Percent, Size, Variable


def declared(**inputs: str | None) -> dict[str, Input]:
    return {
        name.replace("_", "-"): Input(name.replace("_", "-"), "…", default is None, default or "")
        for name, default in inputs.items()
    }


@pytest.mark.parametrize(
    ("raw", "hint", "value"),
    [
        ("30m", Duration, 1800.0),
        ("1h30m", Duration, 5400.0),
        ("500ms", Duration, 0.5),
        ("400MB", Size, 400_000_000),
        ("1.5GiB", Size, 1610612736),
        ("80%", Percent, 80.0),
        (80, Percent, 80.0),
        (True, bool, True),
        ("false", bool, False),
        ("a, b\nc", list[str], ["a", "b", "c"]),
        (["a", 1], list[str], ["a", "1"]),
        ("x/y", Path, Path("x/y")),
        ("", Path | None, None),
        ("", Size | None, None),
        ("2027-01-31", date, date(2027, 1, 31)),
        ("low", Literal["low", "high"], "low"),
        (3, str, "3"),
        ("STAGING_DATABASE_URL", Variable, "STAGING_DATABASE_URL"),
        ("", Variable, ""),
    ],
)
def test_converts(raw: Any, hint: Any, value: Any) -> None:
    assert convert(raw, hint) == value


@pytest.mark.parametrize(
    ("raw", "hint", "legal"),
    [
        ("30", Duration, "30s"),
        ("30 minutes", Duration, "30s"),
        ("4 parsecs", Size, "500MB"),
        ("101%", Percent, "0 to 100"),
        ("yes", bool, "true or false"),
        ("1", bool, "true or false"),
        ("1.5", int, "whole number"),
        ("²", int, "whole number"),
        ("nan", float, "finite"),
        ("2027-02-31", date, "2027-01-31"),
        ("hihg", Literal["low", "high"], "did you mean 'high'"),
        (["a"], str, "single value"),
        ({"a": 1}, str, "single value"),
        ("a\0b", Path, "NUL"),
        ("postgresql://ada:hunter2@db/shop", Variable, "the name of an environment variable"),
    ],
)
def test_refuses_and_says_what_is_legal(raw: Any, hint: Any, legal: str) -> None:
    with pytest.raises(ValueError, match=legal):
        convert(raw, hint)


def test_an_empty_text_is_not_given() -> None:
    bound = bind(declared(max_age="30m"), {"max_age": Duration}, {"max-age": ""})
    assert bound.values == {"max_age": 1800.0}


def test_all_faults_at_once() -> None:
    bound = bind(declared(bucket=None, size="1kB"), {"bucket": str, "size": Size}, {"buket": "b", "size": "big"})
    assert bound.missing == ["bucket"]
    assert [name for name, _ in bound.wrong] == ["buket", "size"]
    assert "did you mean 'bucket'?" in bound.wrong[0][1]
    assert "input 'size' is 'big', expected a size such as 500MB" in bound.wrong[1][1]


def test_an_address_in_place_of_its_variables_name_is_not_repeated() -> None:
    given = {"url-variable": "postgresql://ada:hunter2@db/shop"}
    bound = bind(declared(url_variable=None), {"url_variable": Variable}, given)
    expected = (
        "input 'url-variable' is something else, expected the name of an environment variable such as DATABASE_URL"
    )
    assert bound.wrong == [("url-variable", expected)]


@given(st.text() | st.integers() | st.booleans() | st.none() | st.lists(st.text()))
def test_nothing_but_value_errors(raw: Any) -> None:
    for hint in (str, int, float, bool, date, Path, Duration, Size, Percent, Variable, list[str], Literal["a"]):
        try:
            convert(raw, hint)
        except ValueError as fault:
            assert str(fault)  # noqa: PT017 - both outcomes are fine, a silent one is not


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.12, "120 ms"), (1, "1 s"), (47 * 60, "47 min"), (7500, "2 h 5 min"), (273600, "3 d 4 h"), (20 * 86400, "20 d")],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert units.show_duration(seconds) == text
