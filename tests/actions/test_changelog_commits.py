"""changelog: which commits need an entry, and which entries are new."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_gate.catalog import Catalog


@pytest.fixture(scope="module")
def module() -> Any:
    return Catalog().get("changelog").module


@pytest.mark.parametrize(
    ("message", "needed"),
    [
        ("feat: x", True), ("fix(api): x", True), ("perf: x", True), ("revert: x", True), ("security: x", True),
        ("FEAT: x", True),
        ("chore: x", False), ("docs(readme): x", False), ("test: x", False), ("ci: x", False), ("style: x", False),
        ("refactor: x", False), ("build(deps): x", False), ("Chore: x", False), ("chore(): x", False),
        ("chore!: x", True), ("refactor(api)!: x", True), ("chore: x\n\nBREAKING CHANGE: y", True),
        ("ci: x\n\na\nBREAKING-CHANGE: y", True),
        ("chore: no BREAKING CHANGE: here", False), ("wip: x", True), ("Sort orders", True), ("chore x", True),
        ("chore:x", True), ("", True),
        ("fixup! chore: x", False), ("fixup! feat: x", True), ("squash! fixup! docs: x", False),
        ('Revert "docs: x"', True),
    ],
)  # fmt: skip
def test_which_commits_need_an_entry(module: Any, message: str, needed: bool) -> None:
    assert module.needs_entry(message) is needed


@given(st.text())
def test_any_message_can_be_judged(message: str) -> None:
    module = Catalog().get("changelog").module
    assert module.needs_entry(message) in (True, False)
    assert module.Commit("abc1234", message).subject.isprintable()


def test_a_rewritten_file_counts_by_its_growth(module: Any) -> None:
    old = [module.Bullet(f"old entry number {n} of the list", n) for n in range(400)]
    new = [module.Bullet(f"{n}: quite another wording of it", n) for n in range(403)]
    assert len(module.new_bullets(old, new)) == 3
    assert module.new_bullets(old, new[:400]) == []
    assert module.new_bullets(old, [*old, new[0]]) == [new[0]]
