"""openapi-valid: the ERP's own document, and documents that are invalid, hostile or none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sites import Reply, Site, site
from support import ROOT

from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
ERP = ROOT / "examples" / "erp" / "openapi.json"
INFO: dict[str, Any] = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}}
GET = {"get": {"responses": {"200": {"description": "ok"}}}}


def run(ask: Ask, document: Any, **more: object) -> tuple[Result, Site]:
    with site(lambda _: Reply(200, document)) as shop:
        return ask("openapi-valid", url=f"{shop.url}/openapi.json", **more), shop


def test_the_erps_document_is_valid(ask: Ask) -> None:
    result, _ = run(ask, ERP.read_bytes())
    assert result.status is Status.PASSED, result.found
    assert "OpenAPI 3.1.0, " in result.found
    assert result.found.endswith(", valid")


def test_both_versions_are_known(ask: Ask) -> None:
    assert run(ask, {**INFO, "paths": {"/a": GET}})[0].status is Status.PASSED
    assert run(ask, {**INFO, "openapi": "3.0.3", "paths": {"/a": GET}})[0].status is Status.PASSED


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"openapi": "3.1.0", "paths": {"no-slash": 7}}, "is no valid OpenAPI document"),
        ({**INFO, "paths": {"/a": {"get": {"responses": {"200": {}}}}}}, "description"),
        ({**INFO, "openapi": "2.0", "paths": {}}, "`openapi` is 2.0, expected 3.0 or 3.1"),
        ({"swagger": "2.0"}, "`openapi` is missing"),
        ({**INFO, "paths": {}}, "0 paths, 73 B, expected 1 or more paths"),
        ([1], "it is no JSON object"),
        ("<html>", "it is no JSON object"),
        ({**INFO, "paths": {"/a": {"$ref": "#/nowhere"}}}, "is no valid OpenAPI document"),
        ({**INFO, "paths": {"/a/{id}": GET}}, "id"),
    ],
)
def test_invalid(ask: Ask, document: Any, says: str) -> None:
    result, _ = run(ask, document)
    assert result.status is Status.FAILED, result.found
    assert says in str(result.as_json())
    assert result.fix


@pytest.mark.parametrize("reference", ["http://127.0.0.1:%d/evil", "file:///etc/passwd", "other.json#/x"])
def test_a_reference_to_outside_is_not_fetched(ask: Ask, reference: str) -> None:
    with site(lambda _: Reply(200, {})) as evil:
        where = reference % int(evil.url.rpartition(":")[2]) if "%d" in reference else reference
        result, _ = run(ask, {**INFO, "paths": {"/a": {"$ref": where}}})
    assert result.status is Status.FAILED
    assert "outside of the document; it is not fetched" in result.found
    assert evil.seen == []


def test_hostile_shapes_are_bounded(ask: Ask) -> None:
    deep = '{"openapi": "3.1.0", "x": ' + "[" * 500 + "]" * 500 + "}"
    loop = {**INFO, "paths": {"/a": GET}, "components": {"schemas": {"A": {"$ref": "#/components/schemas/A"}}}}
    large = json.dumps({**INFO, "paths": {"/a": GET}, "x-more": "a" * 20_000})
    assert "nested deeper than 60 levels" in run(ask, deep)[0].found
    assert run(ask, loop)[0].status in (Status.PASSED, Status.FAILED)
    assert "it is larger than 10 kB, the limit" in run(ask, large, max_size="10kB")[0].found


@pytest.mark.parametrize(("status", "expected"), [(404, Status.FAILED), (500, Status.ERROR), (429, Status.ERROR)])
def test_another_status(ask: Ask, status: int, expected: Status) -> None:
    with site(lambda _: Reply(status)) as shop:
        assert ask("openapi-valid", url=shop.url).status is expected
