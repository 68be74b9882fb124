"""Journeys without a server: the file is read strictly, names are filled, answers compared, walks judged."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as some

from deploy_gate import yamlfile
from deploy_gate.catalog import Catalog
from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Phase
from deploy_gate.engine import plan
from deploy_gate.engine.entry import State
from deploy_gate.facts.http import Answer, NoAnswer, parse
from deploy_gate.journeys import expect, reading, template
from deploy_gate.journeys.expect import MISSING
from deploy_gate.journeys.judge import Band, Bands, judge
from deploy_gate.journeys.model import Expectations, Journey, Wanted
from deploy_gate.journeys.walk import Outcome, Walk
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Status

SHOP = Path(__file__).parents[2] / "examples" / "erp"
HEAD = "version: 1\njourney: shop\nsteps:\n"


def journey(text: str) -> Journey:
    return reading.parse(yamlfile.parse(text.encode(), "j.yml"))


def faults(text: str) -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        journey(text)
    return [str(one) for one in caught.value.problems]


def test_defaults_are_sober() -> None:
    found = journey(HEAD + "  - request: GET /a\n  - request: POST /b\n")
    assert (found.timeout, found.secrets, found.cleanup) == (30.0, (), ())
    assert [(one.name, one.kind, one.line, one.until) for one in found.steps] == [
        ("GET /a", "read", 4, None),
        ("POST /b", "write", 5, None),
    ]


def test_secrets_are_those_it_names() -> None:
    text = HEAD + '  - request: POST /in\n    json: {a: "${env.PASSWORD}", b: ["x ${env.KEY}"]}\n'
    assert journey(text).secrets == ("PASSWORD", "KEY")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("version: 2\nsteps: [{request: GET /}]\n", ["j.yml:1: this is no journey of version 1: it starts with `version: 1`"]),
        ("version: 1\nsteps: []\n", ["j.yml:2: there are no steps: a journey that does nothing proves nothing"]),
        ("version: 1\nsteps: 5\n", ["j.yml:2: 'steps' is 5, expected a list of steps"]),
        ("version: 1\nstep: []\nsteps: [{request: GET /}]\n", ["j.yml:2: unknown key 'step'; did you mean 'steps'?"]),
        (
            HEAD + "  - requst: GET /\n",
            [
                "j.yml:4: a step has one of `request: METHOD /path`, `open: websocket /path` and `receive: NAME`",
                "j.yml:4: unknown key 'requst'; did you mean 'request'?",
            ],
        ),
        (HEAD + "  - request: FETCH /\n", ["j.yml:4: 'request' is 'FETCH /', expected a method and a path such as `POST /api/orders`"]),
        (HEAD + "  - request: GET http://elsewhere/\n", ["j.yml:4: 'request' is 'GET http://elsewhere/', expected a method and a path such as `POST /api/orders`"]),
        (HEAD + "  - request: GET /\n    class: reed\n", ["j.yml:5: unknown class 'reed'; did you mean 'read'?"]),
        (HEAD + "  - request: GET /\n    expect: {status: 20}\n", ["j.yml:5: 'status' is 20, expected a status such as 200, or a list of them"]),
        (
            HEAD + "  - request: GET /\n    expect:\n      json:\n        total: {at-leest: 1}\n",
            ["j.yml:7: unknown comparison 'at-leest'; did you mean 'at-least'?"],
        ),
        (HEAD + "  - request: GET /\n    expect: {json: {total: null}}\n", ["j.yml:5: 'equals' needs a value"]),
        (HEAD + "  - request: GET /\n    expect: {json: {total: {exists: 1}}}\n", ["j.yml:5: 'exists' needs true or false"]),
        (HEAD + "  - request: GET /${ordr}\n", ["j.yml:4: unknown name '${ordr}'; legal: unique"]),
        (
            HEAD + "  - request: GET /\n    capture: {order: id}\n  - request: GET /${ordr}\n",
            ["j.yml:6: unknown name '${ordr}'; did you mean 'order'?"],
        ),
        (HEAD + "  - request: GET /${order}\n    capture: {order: id}\n", ["j.yml:4: unknown name '${order}'; legal: unique"]),
        (
            HEAD + '  - request: GET /\n    headers: {X: "${__import__(1)}"}\n',
            ["j.yml:4: a '${…}' of this step is not a name, env.NAME, or whole numbers and names with + - * // and parentheses"],
        ),
        (HEAD + "  - request: GET /\n    send: {}\n", ["j.yml:5: 'send' does not belong to a step with `request`"]),
        (HEAD + "  - receive: news\n    expect: {json: {a: 1}}\n", ["j.yml:4: no step before opens 'news'"]),
        (HEAD + "  - open: websocket /ws\n", ["j.yml:4: 'open' needs `as: NAME`, by which later steps call it"]),
        (
            HEAD + "  - request: GET /\n    until: {within: 10m}\n",
            ["j.yml:5: 'within' is '10m', expected 100 ms to 1 min"],
        ),
        ("version: 1\ntimeout: 5m\nsteps: [{request: GET /}]\n", ["j.yml:2: 'timeout' is '5m', expected 1 s to 1 min 30 s"]),
        (HEAD + "  - request: GET /\n    json: {}\n    form: {a: 1}\n", ["j.yml:6: a request has `json` or `form`, not both"]),
        (HEAD + "  - request: GET /\n    capture: {Order: id}\n", ["j.yml:5: 'Order' is no name: lower-case letters, digits and _, starting with a letter"]),
        (HEAD + "  - request: GET /\n    unless: unique\n", ["j.yml:4: no step before captures 'unique'"]),
        ("version: 1\nsteps:\n" + "  - request: GET /\n" * 51, ["j.yml:2: has 51 steps, at most 50 are walked: split the journey"]),
    ],
)  # fmt: skip
def test_every_fault_has_its_line_and_what_is_legal(text: str, wanted: list[str]) -> None:
    assert faults(text) == wanted


def test_a_bad_path_is_told() -> None:
    (one,) = faults(HEAD + "  - request: GET /\n    capture: {order: 'items[?'}\n")
    assert one.startswith("j.yml:5: is no JMESPath: ")


def test_all_faults_are_told_at_once() -> None:
    assert len(faults(HEAD + "  - request: GET\n    clas: read\n  - receive: x\n    within: 1y\n")) == 5


@given(some.text(max_size=200))
def test_whatever_the_file_holds_nothing_else_is_raised(text: str) -> None:
    for body in (text, HEAD + text, HEAD + f"  - request: GET /{text}\n"):
        with suppress(Misconfigured):
            journey(body)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${price}", 7),
        ("${price * 3 - 1}", 20),
        ("${-(price + 1) // 2}", -4),
        ("a ${name} b ${price}", "a tea b 7"),
        ("/${evil}", "/..%2F%3Fa"),
        ({"x": ["${yes}", 1, None]}, {"x": [True, 1, None]}),
        ("$price {price}", "$price {price}"),
    ],
)
def test_names_are_filled(text: Any, filled: Any) -> None:
    known = {"price": 7, "name": "tea", "evil": "../?a", "yes": True, "env.A": "s"}
    assert template.fill(text, known, lambda one: quote(one, safe="")) == filled


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("${a}", "a is not known: the step that captures it gave nothing"),
        ("${text * 2}", "text is no whole number"),
        ("${yes + 1}", "yes is no whole number"),
        ("${big * big}", "a number beyond 10^18"),
        ("${1 // 0}", "a division by zero"),
        ("x ${yes}", "a list, a mapping, true, false or null cannot stand within a text"),
    ],
)
def test_what_cannot_be_filled_says_why(text: str, why: str) -> None:
    with pytest.raises(template.NotComputed) as fault:
        template.fill(text, {"text": "7", "yes": True, "big": 10**10})
    assert str(fault.value) == why


@pytest.mark.parametrize(
    "text", ["a.b", "a()", "a ** 2", "1.5", "'a'", "[a]", "a if b else c", "(", "env.a.b", "a / b"]
)
def test_only_arithmetic_is_legal(text: str) -> None:
    with pytest.raises(ValueError, match=r"env\.NAME"):
        template.parse(text)


DOCUMENT = {"id": 5, "ok": True, "items": [{"sku": "tea", "n": 2}], "none": None, "text": "well done", "half": 0.5}


@pytest.mark.parametrize(
    ("what", "operator", "value", "wrong"),
    [
        ("id", "equals", 5, ""),
        ("id", "equals", 5.0, ""),
        ("id", "equals", "5", 'id is 5, expected "5"'),
        ("id", "equals", "${five}", ""),
        ("ok", "equals", 1, "ok is true, expected 1"),
        ("ok", "equals", True, ""),
        ("id", "not", 5, "id is 5, expected anything but 5"),
        ("nothing", "not", 5, "nothing is missing, expected anything but 5"),
        ("id", "at-least", 6, "id is 5, expected at least 6"),
        ("half", "at-most", 1, ""),
        ("text", "at-least", 1, 'text is "well done", expected at least 1'),
        ("ok", "at-least", 0, "ok is true, expected at least 0"),
        ("text", "contains", "done", ""),
        ("items[].sku", "contains", "tea", ""),
        ("items[].sku", "contains", "salt", 'items[].sku is ["tea"], expected to contain "salt"'),
        ("none", "exists", False, ""),
        ("none", "exists", True, "none is missing, expected a value"),
        ("id", "exists", False, "id is 5, expected none"),
        ("length(id)", "equals", 1, "length(id) is missing, expected 1"),
        ("items", "equals", [{"sku": "tea", "n": 2}], ""),
        ("id", "equals", "${unknown}", "id cannot be compared: unknown is not known: the step that captures it gave nothing"),
    ],
)  # fmt: skip
def test_values_are_compared_as_json(what: str, operator: Any, value: Any, wrong: str) -> None:
    found = expect.wrong_values(DOCUMENT, [Wanted(what, operator, value)], {"five": 5})
    assert found == ([wrong] if wrong else [])


@given(some.recursive(some.none() | some.booleans() | some.integers() | some.text(), some.lists, max_leaves=10))
def test_everything_equals_itself(value: Any) -> None:
    assert expect.same(value, value)


def answer(status: int, body: bytes = b"{}", *, whole: bool = True) -> Answer:
    return Answer(parse("http://shop/"), status, (("Content-Type", "text/plain"),), body, whole, 0.1)


@pytest.mark.parametrize(
    ("given_answer", "wrong"),
    [
        (answer(204), []),
        (answer(500), ["answered 500, expected 2xx"]),
        (answer(302), ["answered 302, expected 2xx"]),
        (answer(200, b"<html>"), ["the body is no JSON of at most 1 MiB"]),
        (answer(200, b"[" * 100_000), ["the body is no JSON of at most 1 MiB"]),
        (answer(200, b'{"a": 1}', whole=False), ["the body is no JSON of at most 1 MiB"]),
    ],
)
def test_status_and_body(given_answer: Answer, wrong: list[str]) -> None:
    body = (Wanted("a", "equals", 1),) if given_answer.status == 200 else ()
    assert expect.differences(given_answer, Expectations(json=body), {}) == wrong


def test_headers_are_found_in_any_case() -> None:
    wanted = (Wanted("content-type", "equals", "text/plain"), Wanted("x-more", "exists", True))
    assert expect.differences(answer(200), Expectations(headers=wanted), {}) == [
        "header x-more is missing, expected a value"
    ]


def test_value_of_a_hostile_document_is_missing() -> None:
    assert expect.value_at({"a": [[]]}, "sum(a)") is MISSING


BANDS: Bands = {"read": Band(0.3, 0.6, 1.0), "write": Band(0.5, 1.0, 2.0)}
ONE = Outcome("look", 4, "GET /a", "read", 0.1, 200)
TWO = Outcome("order", 5, "POST /b", "write", 0.2, 201)
WALKED = Walk(journey(HEAD + "  - request: GET /a\n  - request: POST /b\n"), (ONE, TWO), (), 0.31)
STOPPED = (
    "shop: step 2 of 2 'order': POST /b: answered 500, expected 201; "
    "and the clean-up 'cancel' failed: answered 500, expected 2xx"
)
LEFT = Outcome("cancel", 9, "POST /c", "write", 0.1, 500, troubles=("answered 500, expected 2xx",))


@pytest.mark.parametrize(
    ("walk", "status", "found"),
    [
        (WALKED, Status.PASSED, "shop: 2 steps as expected in 310 ms; slowest for its kind 'order' (write), 200 ms, within 500 ms"),
        (
            replace(WALKED, steps=(ONE, replace(TWO, seconds=0.51))),
            Status.PASSED,
            "shop: 2 steps as expected in 310 ms; slowest for its kind 'order' (write), 510 ms, over the target of 500 ms",
        ),
        (
            replace(WALKED, steps=(ONE, replace(TWO, seconds=1.01))),
            Status.WARNED,
            "shop: write step 'order' (POST /b) took 1 s, the warning is 1 s",
        ),
        (
            replace(WALKED, steps=(replace(ONE, seconds=1.2), replace(TWO, seconds=1.9))),
            Status.FAILED,
            "shop: read step 'look' (GET /a) took 1.2 s, the limit is 1 s",
        ),
        (
            replace(WALKED, cleanup=(LEFT,)),
            Status.WARNED,
            "shop: 2 steps as expected in 310 ms, but the clean-up 'cancel' failed: answered 500, expected 2xx",
        ),
        (
            replace(WALKED, steps=(ONE, replace(TWO, status=500, troubles=("answered 500, expected 201",))), cleanup=(LEFT,)),
            Status.FAILED,
            STOPPED,
        ),
    ],
)  # fmt: skip
def test_a_walk_is_judged(walk: Walk, status: Status, found: str) -> None:
    result = judge(walk, BANDS)
    assert (result.status, result.found) == (status, found)
    assert bool(result.fix) is (status is not Status.PASSED)


def test_no_answer_at_all_is_not_told_as_broken() -> None:
    lost = NoAnswer("refused", "POST http://shop/b: connection refused on port 80", "start the service")
    silent = replace(TWO, seconds=None, status=None, troubles=(lost.found,), lost=lost)
    with pytest.raises(NoAnswer) as fault:
        judge(replace(WALKED, steps=(silent,)), BANDS)
    assert fault.value.found == f"shop: {lost.found}"
    assert judge(replace(WALKED, steps=(ONE, silent)), BANDS).status is Status.FAILED


def test_the_shops_checklist_finds_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SHOP)
    source = loading.load(SHOP / "checklist.yml")
    entries = plan.make(source, Catalog(), phase=Phase.VERIFY, environment="staging").entries
    walked = [one for one in entries if one.item.check == "journey"]
    assert {one.state for one in walked} == {State.RUN}
    found = {one.id: one.values["file"].stem for one in walked}
    assert len(found) == len(list((SHOP / "journeys").glob("*.yml"))) == 11
    assert {name for name, file in found.items() if name != file} == {"auth-smoke"}
    assert {one.values["search"] for one in walked} == {"400ms 800ms 1500ms"}
    assert {one.values["url"] for one in walked} == {"https://127.0.0.1:8443"}


def test_the_shops_own_journeys_are_legal() -> None:
    files = sorted((SHOP / "journeys").glob("*.yml"))
    assert len(files) == 11
    for path in files:
        assert reading.read(path).steps
