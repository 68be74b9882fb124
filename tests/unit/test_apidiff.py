"""What breaks clients of an API, and what does not: the typical breaks, each beside its harmless twin."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from deploy_gate.facts import apidiff, openapi
from deploy_gate.result import CouldNotTell

Document = dict[str, Any]
Edit = Callable[[Document], object]


def document() -> Document:
    order = {
        "type": "object",
        "required": ["id", "total"],
        "properties": {
            "id": {"type": "integer"},
            "total": {"type": "number"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
        },
    }
    line = {
        "type": "object",
        "required": ["product"],
        "properties": {
            "product": {"type": "string", "maxLength": 20},
            "unit": {"type": "string", "enum": ["piece", "box"]},
            "parent": {"$ref": "#/components/schemas/Line"},
        },
    }
    new = {
        "type": "object",
        "additionalProperties": False,
        "required": ["lines"],
        "properties": {
            "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
            "note": {"type": "string"},
        },
    }

    def content(schema: str) -> Document:
        return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}

    return {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "paths": {
            "/orders": {
                "get": {
                    "parameters": [{"in": "query", "name": "page", "schema": {"type": "integer", "maximum": 100}}],
                    "responses": {"200": content("Order"), "422": {"description": "wrong"}},
                },
                "post": {
                    "requestBody": {"required": True, **content("NewOrder")},
                    "responses": {"201": content("Order")},
                },
            },
            "/orders/{id}": {
                "parameters": [{"in": "path", "name": "id", "required": True, "schema": {"type": "integer"}}],
                "get": {"responses": {"200": content("Order")}},
            },
        },
        "components": {"schemas": {"Order": order, "Line": line, "NewOrder": new}},
    }


def schemas(data: Document) -> Document:
    found: Document = data["components"]["schemas"]
    return found


def get(data: Document) -> Document:
    found: Document = data["paths"]["/orders"]["get"]
    return found


def breaks(edit: Edit) -> list[str]:
    new = copy.deepcopy(document())
    edit(new)
    return [str(one) for one in apidiff.breaking(document(), new)]


# The eight that everybody names first.
TYPICAL: dict[str, tuple[Edit, list[str]]] = {
    "path removed": (lambda d: d["paths"].pop("/orders/{id}"), ["GET /orders/{id}: is removed"]),
    "operation removed": (lambda d: d["paths"]["/orders"].pop("post"), ["POST /orders: is removed"]),
    "property removed from an answer": (
        lambda d: schemas(d)["Order"]["properties"].pop("total"),
        ["GET /orders: Order.total is removed from the answer"],
    ),
    "required property in a request": (
        lambda d: schemas(d)["NewOrder"].update(required=["lines", "customer"]),
        ["POST /orders: NewOrder.customer is new and required"],
    ),
    "required parameter": (
        lambda d: get(d)["parameters"].append({"in": "query", "name": "shop", "required": True}),
        ["GET /orders: query parameter shop is new and required"],
    ),
    "type changed": (
        lambda d: schemas(d)["Order"]["properties"].update(id={"type": "string"}),
        ["GET /orders: Order.id type changed from integer to string"],
    ),
    "enum narrowed": (
        lambda d: schemas(d)["Line"]["properties"]["unit"].update(enum=["piece"]),
        ['POST /orders: Line.unit values no longer accepted: "box"'],
    ),
    "answer removed": (
        lambda d: d["paths"]["/orders"]["post"].update(responses={"200": {}}),
        ["POST /orders: answer 201 is removed"],
    ),
}
FURTHER: dict[str, tuple[Edit, list[str]]] = {
    "parameter required now": (
        lambda d: get(d)["parameters"][0].update(required=True),
        ["GET /orders: query parameter page is required now"],
    ),
    "parameter narrowed": (
        lambda d: get(d)["parameters"][0]["schema"].update(maximum=50),
        ["GET /orders: query parameter page maximum changed from 100 to 50"],
    ),
    "property required now": (
        lambda d: schemas(d)["NewOrder"].update(required=["lines", "note"]),
        ["POST /orders: NewOrder.note is required now"],
    ),
    "property no longer accepted": (
        lambda d: schemas(d)["NewOrder"]["properties"].pop("note"),
        ["POST /orders: NewOrder.note is no longer accepted"],
    ),
    "not always in the answer": (
        lambda d: schemas(d)["Order"].update(required=["id"]),
        ["GET /orders: Order.total is no longer always in the answer"],
    ),
    "null in an answer": (
        lambda d: schemas(d)["Order"]["properties"].update(total={"type": ["number", "null"]}),
        ["GET /orders: Order.total may be null now"],
    ),
    "shorter text": (
        lambda d: schemas(d)["Line"]["properties"]["product"].update(maxLength=10),
        ["POST /orders: Line.product maxLength changed from 20 to 10"],
    ),
    "pattern": (
        lambda d: schemas(d)["Line"]["properties"]["product"].update(pattern="^[A-Z]+$"),
        ['POST /orders: Line.product pattern changed from none to "^[A-Z]+$"'],
    ),
    "authentication": (
        lambda d: get(d).update(security=[{"bearer": []}]),
        ["GET /orders: needs authentication now"],
    ),
    "media type": (
        lambda d: get(d)["responses"]["200"].update(content={"text/csv": {}}),
        ["GET /orders: answer 200 is no longer application/json"],
    ),
    "wider answer": (
        lambda d: schemas(d)["Order"]["properties"].update(id={"type": ["integer", "string"]}),
        ["GET /orders: Order.id type changed from integer to integer or string"],
    ),
    "everywhere at once": (
        lambda d: schemas(d)["Line"]["properties"].update(product={"type": "integer"}),
        [
            "GET /orders: Line.product type changed from string to integer",
            "POST /orders: Line.product type changed from string to integer",
        ],
    ),
    "body required now": (
        lambda d: d["paths"]["/orders/{id}"]["get"].update(requestBody={"required": True, "content": {}}),
        ["GET /orders/{id}: request body is required now"],
    ),
}
HARMLESS: dict[str, Edit] = {
    "nothing": lambda _: None,
    "new path": lambda d: d["paths"].update({"/stock": {"get": {}}}),
    "new optional parameter": lambda d: get(d)["parameters"].append({"in": "query", "name": "shop"}),
    "parameter gone": lambda d: get(d).pop("parameters"),
    "new property in an answer": lambda d: schemas(d)["Order"]["properties"].update(paid={"type": "boolean"}),
    "new optional property in a request": lambda d: schemas(d)["NewOrder"]["properties"].update(
        vip={"type": "boolean"}
    ),
    "fewer required in a request": lambda d: schemas(d)["NewOrder"].update(required=[]),
    "more required in an answer": lambda d: schemas(d)["Order"].update(required=["id", "total", "note"]),
    "wider enum": lambda d: schemas(d)["Line"]["properties"]["unit"].update(enum=["piece", "box", "ton"]),
    "longer text": lambda d: schemas(d)["Line"]["properties"]["product"].update(maxLength=50),
    "wider parameter": lambda d: get(d)["parameters"][0].update(schema={"type": "number", "maximum": 500}),
    "narrower answer": lambda d: schemas(d)["Order"]["properties"].update(total={"type": "integer"}),
    "never null": lambda d: schemas(d)["Order"]["properties"].update(note={"type": "string"}),
    "null accepted": lambda d: schemas(d)["NewOrder"]["properties"].update(note={"type": ["string", "null"]}),
    "null in old words": lambda d: schemas(d)["Order"]["properties"].update(note={"type": "string", "nullable": True}),
    "another name of a path's parameter": lambda d: d["paths"].update(
        {"/orders/{number}": d["paths"].pop("/orders/{id}")}
    ),
    "an error's answer gone": lambda d: get(d)["responses"].pop("422"),
    "another answer more": lambda d: get(d)["responses"].update({"204": {}}),
    "description": lambda d: get(d).update(description="All orders"),
    "written out": lambda d: get(d)["responses"]["200"]["content"]["application/json"].update(
        schema=schemas(d)["Order"]
    ),
    "allOf": lambda d: schemas(d).update(Order={"allOf": [schemas(d)["Order"]]}),
    "authentication that is optional": lambda d: get(d).update(security=[{}, {"bearer": []}]),
}


def test_the_eight_typical_breaks_are_all_found() -> None:
    found = {name: breaks(edit) for name, (edit, _) in TYPICAL.items()}
    assert found == {name: expected for name, (_, expected) in TYPICAL.items()}
    assert len(found) == 8


@pytest.mark.parametrize("name", FURTHER)
def test_further_breaks(name: str) -> None:
    edit, expected = FURTHER[name]
    assert breaks(edit) == expected


@pytest.mark.parametrize("name", HARMLESS)
def test_what_breaks_nobody(name: str) -> None:
    assert breaks(HARMLESS[name]) == []


def test_alternatives() -> None:
    old, new = document(), document()
    schemas(old)["Order"]["properties"]["by"] = {"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/Line"}]}
    schemas(new)["Order"]["properties"]["by"] = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    assert [one.what for one in apidiff.breaking(old, new)] == ["may be the new alternative ['integer']"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d.update(
            paths={"/x": None, "/y": {"get": 1}, "/orders": {"get": {"responses": [], "parameters": {}}}}
        ),
        lambda d: schemas(d).update(Order={"$ref": "#/components/schemas/Order"}),
        lambda d: schemas(d).update(
            Order={"$ref": "elsewhere.json"}, Line={"allOf": [{"$ref": "#/components/schemas/Line"}]}
        ),
        lambda d: schemas(d)["Order"].update(properties=7, required="id", type=["object", 1], enum={}),
        lambda d: schemas(d).update(Order={"anyOf": [{"$ref": "#/components/schemas/Order"}]}),
        lambda d: get(d).update(requestBody=[], security="x"),
    ],
)
def test_documents_that_make_no_sense_end(edit: Edit) -> None:
    new = document()
    edit(new)
    apidiff.breaking(document(), new)
    apidiff.breaking(new, document())
    list(openapi.differences(document(), new, []))


# --- the same by meaning ---

SAME: dict[str, Edit] = {
    "order of keys": lambda d: d.update(paths=dict(reversed(list(d["paths"].items())))),
    "order of required": lambda d: schemas(d)["Order"].update(required=["total", "id"]),
    "order of an enum": lambda d: schemas(d)["Line"]["properties"]["unit"].update(enum=["box", "piece"]),
    "order of alternatives": lambda d: schemas(d)["Order"]["properties"]["note"]["anyOf"].reverse(),
    "a whole number as a fraction": lambda d: schemas(d)["Line"]["properties"]["product"].update(maxLength=20.0),
}
OTHER: dict[str, tuple[Edit, tuple[str, str]]] = {
    "a new path": (lambda d: d["paths"].update({"/stock": {}}), ("paths › /stock", "added")),
    "a path gone": (lambda d: d["paths"].pop("/orders"), ("paths › /orders", "removed")),
    "a title": (lambda d: d["info"].update(title="Store"), ("info › title", 'changed from "Shop" to "Store"')),
    "true for one": (
        lambda d: schemas(d)["Line"].update(minProperties=True),
        ("components › schemas › Line › minProperties", "added"),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_by_meaning(name: str) -> None:
    new = document()
    SAME[name](new)
    assert list(openapi.differences(document(), new, [])) == []


@pytest.mark.parametrize("name", OTHER)
def test_not_the_same(name: str) -> None:
    edit, expected = OTHER[name]
    new = document()
    edit(new)
    assert list(openapi.differences(document(), new, [])) == [expected]
    assert list(openapi.differences(document(), new, [expected[0].replace(" › ", ".")])) == []


def test_order_counts_where_it_says_something() -> None:
    old, new = document(), document()
    old["info"]["example"], new["info"]["example"] = {"enum": [1, 2]}, {"enum": [2, 1]}
    assert len(list(openapi.differences(old, new, []))) == 1
    old, new = document(), document()
    # A property that somebody called `required`, with an example that is a list.
    schemas(old)["Order"]["properties"]["required"] = {"example": [1, 2]}
    schemas(new)["Order"]["properties"]["required"] = {"example": [2, 1]}
    assert len(list(openapi.differences(old, new, []))) == 1
    schemas(old)["Order"]["maximum"], schemas(new)["Order"]["maximum"] = 1, True
    assert len(list(openapi.differences(old, new, []))) == 2


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b'{"openapi": "2.0", "paths": {}}', b'{"openapi": "3.1.0"}', b'{"openapi": "3.1.0", "paths": []}',
     b"openapi: 3.1.0\nx: &x [1]\npaths: {/a: *x}\n", b"- 1", b"{" * 100_000, b"[" * 100_000, b"\xff\xfe",
     b'{"openapi": "3.1.0", "paths": ' + b'{"a": ' * 200 + b"1" + b"}" * 201],
)  # fmt: skip
def test_what_is_no_document_is_an_error(raw: bytes) -> None:
    with pytest.raises(CouldNotTell, match=r"openapi\.json"):
        openapi.parse(raw, "openapi.json")


def test_yaml_is_read() -> None:
    data = openapi.parse(b"openapi: 3.1.0\npaths:\n  /x:\n    get: {}\n", "openapi.yaml")
    assert data["paths"] == {"/x": {"get": {}}}
