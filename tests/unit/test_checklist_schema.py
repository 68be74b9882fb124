"""The JSON Schema for editors: it accepts every checklist of ours and refuses what the gate refuses."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support import ROOT

from deploy_gate import yamlfile
from deploy_gate.checklist import schema

OURS = ["checklist.yml", "examples/tsh.yml", "examples/erp/checklist.yml"]
WRONG: dict[str, dict[str, Any]] = {
    "no version": {"version": None},
    "later version": {"version": 2},
    "base": {"extends": "defualt"},
    "key": {"itmes": {}},
    "key of an item": {"items": {"lint": {"tittle": "x"}}},
    "python's name of a key": {"items": {"lint": {"runs_code": True}}},
    "id": {"items": {"Lint it": {}}},
    "phase": {"items": {"lint": {"phases": ["predeploy"]}}},
    "no phase": {"items": {"lint": {"phases": []}}},
    "severity": {"items": {"lint": {"severity": "wran"}}},
    "duration": {"items": {"lint": {"timeout": "5x"}}},
    "input": {"items": {"lint": {"with": {"a": {"b": 1}}}}},
    "waiver without an end": {"items": {"lint": {"waived": {"why": "x", "by": "y"}}}},
    "day": {"items": {"lint": {"waived": {"why": "x", "by": "y", "until": "31.01.2027"}}}},
    "condition": {"items": {"lint": {"when": {"envronment": ["x"]}}}},
    "number in an environment": {"environments": {"home": {"port": 80}}},
    "band": {"triggers": {"t-db": {"band": "imediate"}}},
    "role": {"roles": {"qa": "bob"}},
}


def faults(data: object) -> list[str]:
    return [error.message for error in Draft202012Validator(schema.schema()).iter_errors(data)]


def test_the_committed_schema_is_current_and_a_schema() -> None:
    assert (ROOT / "docs" / "checklist.schema.json").read_text(encoding="utf-8") == schema.text(), (
        "run: python3 scripts docs"
    )
    Draft202012Validator.check_schema(schema.schema())


@pytest.mark.parametrize("name", OURS)
def test_our_own_checklists_are_valid(name: str) -> None:
    if not (ROOT / name).exists():
        pytest.skip(f"{name} is not there")
    assert faults(yamlfile.read(ROOT / name).data) == []


def test_an_overlay_may_say_only_what_differs() -> None:
    assert faults({"version": 1, "extends": "default", "items": {"p95": {"severity": "warn"}}}) == []


@pytest.mark.parametrize("name", WRONG)
def test_what_the_gate_refuses_is_refused(name: str) -> None:
    data = {key: value for key, value in ({"version": 1} | WRONG[name]).items() if value is not None}
    assert len(faults(data)) == 1


def test_every_key_is_described() -> None:
    parts = {"Checklist": schema.schema(), **schema.schema()["$defs"]}
    bare = [f"{name}.{key}" for name, part in parts.items() for key, node in part.get("properties", {}).items()
            if "description" not in node]  # fmt: skip
    assert bare == []


def test_legal_keys_follow_the_path() -> None:
    assert "title" in schema.legal_keys(("items", "lint"))
    assert schema.legal_keys(("items", "lint", "waived")) == ["why", "by", "until"]
    assert schema.legal_keys(("items", "lint", "with")) == []
    assert schema.legal_keys(("thresholds", "x", "rows", "y")) == ["title", "target", "warning", "critical"]
