"""Commands in comments, role lists, and the rules: pure, by tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy_gate.problems import Misconfigured
from deploy_gate.signoff import commands, roles, rules
from deploy_gate.signoff.commands import Command, binding, parse
from deploy_gate.signoff.rules import Comment, Standing, Wanted

CODE = "0123456789ab"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (f"/approve {CODE}", [Command("approve", CODE)]),
        (f"/APPROVE `{CODE.upper()}`  well   done", [Command("approve", CODE, text="well done")]),
        (f"/approve qa {CODE} fine", [Command("approve", CODE, "", "fine", "qa")]),
        (f"/approve `Tech Lead` {CODE}", [Command("approve", CODE, role="Tech Lead")]),
        (f"/approve one two three four {CODE}", [Command("approve", text=f"two three four {CODE}")]),
        ("/approve qa", [Command("approve")]),
        ("/approve", [Command("approve")]),
        ("/approve 0123", [Command("approve")]),
        ("/approve it all", [Command("approve", text="all")]),
        (f"/attest qa-plan {CODE} ran it", [Command("attest", CODE, "qa-plan", "ran it")]),
        ("/attest qa-plan ran it", [Command("attest", "", "qa-plan", "it")]),
        ("/attest", [Command("attest")]),
        ("/reject  too slow ", [Command("reject", text="too slow")]),
        ("/hold", [Command("hold")]),
        ("/rollback orders fail", [Command("rollback", text="orders fail")]),
        (f"fine\r\n/approve {CODE}\r\nthanks", [Command("approve", CODE)]),
        (f"/approve {CODE}\n/hold", [Command("approve", CODE), Command("hold")]),
        (f"> /approve {CODE}", []),
        (f" /approve {CODE}", []),
        (f"    /approve {CODE}", []),
        (f"say /approve {CODE}", []),
        (f"/approved {CODE}", []),
        (f"//approve {CODE}", []),
        (f"```\n/approve {CODE}\n```", []),
        (f"~~~~ text\n/approve {CODE}\n~~~\n/approve {CODE}\n~~~~\n/hold", [Command("hold")]),
        (f"```\n/approve {CODE}", []),
        (f"<!-- \n/approve {CODE}\n-->", []),
        (f"<!--\n/approve {CODE}", []),
        (f"<details>\n/approve {CODE}\n</details>", [Command("approve", CODE)]),
        ("/deploy now", []),
        ("", []),
    ],
)
def test_what_is_a_command(body: str, found: list[Command]) -> None:
    assert parse(body) == found


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=400))
def test_no_text_breaks_it(body: str) -> None:
    assert len(parse(body)) <= commands.MAX_COMMANDS
    parse("/attest " + body)


def test_the_code_moves_with_each_part() -> None:
    parts = ["production", "tree", "app=sha256:1\nweb=sha256:2", "plan"]
    codes = {
        binding(*[part + "x" if index == moved else part for index, part in enumerate(parts)]) for moved in range(5)
    }
    assert len(codes) == 5
    assert binding("production", "tree", "web=sha256:2\n app=sha256:1\n", "plan") == binding(*parts)
    assert binding("a", "b", "", "") != binding("", "a", "", "b")


def test_roles() -> None:
    found = roles.parse("qa: @Ada, joan acme/testers\ndevops:\n")
    assert found["qa"].people == {"ada", "joan"}
    assert found["qa"].teams == (("acme", "testers"),)
    assert str(found["qa"]) == "ada or joan or acme/testers"
    assert not found["devops"]
    assert roles.everybody(found) == found["qa"]


@pytest.mark.parametrize("text", ["qa ada", ": ada", "qa: a/b/c", "qa: ad$a", "qa: Ådа", "qa: ada\nqa: joan"])
def test_roles_that_are_none(text: str) -> None:
    with pytest.raises(Misconfigured):
        roles.parse(text)
    with pytest.raises(Misconfigured, match="did you mean 'qa'"):
        roles.of("qaa", roles.parse("qa: ada"))


def said(author: str, *words: str, minutes: float = 10, **more: Any) -> Comment:
    at = NOW - timedelta(minutes=minutes)
    parsed = tuple(one for word in words for one in parse(word))
    fields: dict[str, Any] = {"edited": False, "genuine": True, "commands": parsed} | more
    return Comment(int(10_000 - minutes * 10), author, at, **fields)


def wanted(**more: Any) -> Wanted:
    given: dict[str, Any] = {"code": CODE, "max_age": 86400.0, "now": NOW, "authors": frozenset({"eve"})} | more
    return Wanted(**given)


YES = f"/approve {CODE}"


@pytest.mark.parametrize(
    ("comments", "expected"),
    [
        ([said("ada", YES)], {"ada": ("yes", "")}),
        ([said("ada", "/approve")], {"ada": ("yes", f"it does not name the release: `{CODE}` is missing")}),
        ([said("ada", "/approve ba9876543210")], {"ada": ("yes", "it is for another release or plan")}),
        ([said("ada", YES, edited=True)], {"ada": ("yes", "it was edited afterwards")}),
        ([said("ada", YES, genuine=False)], {"ada": ("yes", "a program wrote it")}),
        ([said("eve", YES)], {"eve": ("yes", "its author wrote the change")}),
        ([said("ada", YES, minutes=2000)], {"ada": ("yes", "it is 1 d 9 h old, the limit is 1 d")}),
        ([said("ada", YES, minutes=1439)], {"ada": ("yes", "")}),
        ([said("ada", YES, minutes=-6)], {"ada": ("yes", "it is dated in the future")}),
        ([said("ada", YES, minutes=-4)], {"ada": ("yes", "")}),
        ([said("", YES)], {}),
        ([said("ada", "/reject no", edited=True, genuine=False)], {"ada": ("reject", "")}),
        ([said("ada", YES, minutes=9), said("ada", "/reject no", minutes=5)], {"ada": ("reject", "")}),
        ([said("ada", "/reject no", minutes=9), said("ada", YES, minutes=5)], {"ada": ("yes", "")}),
        ([said("ada", YES, minutes=5), said("ada", "/hold", minutes=9)], {"ada": ("yes", "")}),
        ([said("ada", "/hold", minutes=9), said("ada", "/approve", minutes=5)], {"ada": ("hold", "")}),
        ([said("ada", "/hold", minutes=9), said("ada", YES, minutes=5, edited=True)], {"ada": ("hold", "")}),
        ([said("ada", YES, minutes=9), said("ada", "/approve", minutes=5)], {"ada": ("yes", "")}),
        ([said("ada", YES, "/hold")], {"ada": ("hold", "")}),
        ([said("ada", "/rollback bad")], {}),
        ([said("ada", YES), said("joan", "/hold")], {"ada": ("yes", ""), "joan": ("hold", "")}),
    ],
)
def test_the_last_word_of_each(comments: list[Comment], expected: dict[str, tuple[str, str]]) -> None:
    assert {one.author: (one.kind, one.void) for one in rules.words(comments, wanted())} == expected


QA, OPS = f"/approve qa {CODE}", f"/approve ops {CODE}"


@pytest.mark.parametrize(
    ("words", "both", "named"),
    [
        # What a person said, and whether it counts for qa and for ops: where one may sign for two, and where not.
        ((YES,), (True, True), (False, False)),
        ((QA,), (True, False), (True, False)),
        ((QA, OPS), (True, True), (False, True)),
        ((OPS, QA), (True, True), (True, False)),
        ((QA, YES), (True, True), (True, False)),
        ((QA, "/approve ops ba9876543210"), (True, False), (True, False)),
        ((f"/approve QA {CODE}",), (True, False), (True, False)),
        ((f"/approve qaa {CODE}",), (False, False), (False, False)),
        # A no is of no role, so whatever role a yes is for takes it back.
        (("/reject no", QA), (True, False), (True, False)),
        (("/reject no", YES), (True, True), (False, False)),
        ((QA, "/reject no"), (None, None), (None, None)),
        (("/reject no", "/approve qa"), (None, None), (None, None)),
    ],
)
def test_an_approval_for_one_role(
    words: tuple[str, ...], both: tuple[bool | None, ...], named: tuple[bool | None, ...]
) -> None:
    comments = [said("ada", word, minutes=20 - place) for place, word in enumerate(words)]
    for strict, expected in ((False, both), (True, named)):
        standing = [rules.words(comments, wanted(role=role, named=strict)) for role in ("qa", "ops")]
        counts = tuple(None if one.kind != "yes" else not one.void for [one] in standing)
        assert counts == expected, strict


def test_attestations_are_of_an_item() -> None:
    comments = [said("ada", f"/attest qa {CODE} all green"), said("joan", f"/attest qa {CODE}"), said("x", YES)]
    found = rules.words([*comments, said("y", f"/attest ops {CODE} fine")], wanted(item="qa"))
    assert [(one.author, one.text, one.void) for one in found] == [
        ("ada", "all green", ""), ("joan", "", "it names no evidence")
    ]  # fmt: skip


def test_decide_believes_nobody_it_knows_nothing_of() -> None:
    words = rules.words([said("ada", YES), said("joan", YES), said("kay", "/hold"), said("leo", "/hold")], wanted())
    found = rules.decide(words, {"ada": Standing(), "kay": Standing(may_stop=True), "leo": Standing()})
    assert [one.author for one in found.yes] == ["ada"]
    assert [one.author for one in found.no] == ["kay"]
    assert [(one.author, reason) for one, reason in found.void] == [
        ("joan", "that person holds no role"), ("leo", "does not hold any role")
    ]  # fmt: skip
