"""Secrets that come in one variable: taken apart, masked one by one, and seen by whom they are meant for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from support import Actions, Repository

from deploy_gate import catalog, cli, dotenv
from deploy_gate.commands import gate_command, plan_command, single
from deploy_gate.engine import bundle
from deploy_gate.engine.masking import NAMES
from deploy_gate.problems import Misconfigured

Gate = Callable[..., tuple[int, str, str]]
LOOKS = "return passed(repr({n: v for n, v in os.environ.items() if 'LINK' in n or 'DEPLOY_GATE' in n}))"
ASKS = "return passed(f'{os.environ.get(url_variable)}')"
TEXT = "SHOP_LINK=hunter2hunter2\nOTHER_LINK='hunter3 hunter3'\nEMPTY_LINK=\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=1\nB = two words  \n", {"A": "1", "B": "two words"}),
        ("# note\n\n  export A=1 # why\r\nB=a#b\n", {"A": "1", "B": "a#b"}),
        ('A=\'it "is" $A\\n\' # why\nB="a\\nb\\"c\\\\"\n', {"A": 'it "is" $A\\n', "B": 'a\nb"c\\'}),
        ("KEY='-----BEGIN\nabc=\n-----END'\nB=2", {"KEY": "-----BEGIN\nabc=\n-----END", "B": "2"}),
        ('KEY="one\ntwo"', {"KEY": "one\ntwo"}),
        ("A=", {"A": ""}),
        ("A=postgresql://ada:p=w#d@db/shop?x=1&y='2'", {"A": "postgresql://ada:p=w#d@db/shop?x=1&y='2'"}),
        ("\ufeffA=1", {"A": "1"}),
        ("", {}),
    ],
)
def test_what_a_text_says(text: str, found: dict[str, str]) -> None:
    assert dotenv.parse(text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=1\nhunter2hunter2\n", "line 2 is not NAME=value"),
        ("A='hunter2", "line 1 is not NAME=value, or its quotes do not close"),
        ('A="hunter2" hunter3', "line 1 is not"),
        ("A-B=1", "line 1 is not"),
        ("A=1\nB='x\ny'\nA=hunter2", "line 4 names A again"),
    ],
)
def test_what_is_wrong_is_told_without_a_value(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        dotenv.parse(text)
    assert "hunter" not in str(caught.value)


def test_a_long_text_is_read_at_once() -> None:
    text = "A=" + "x" * 100_000 + "\n" + "\n".join(f"N{number}='{'y' * 50}'" for number in range(2000))
    assert len(dotenv.parse(text)) == 2001
    with pytest.raises(ValueError, match="line 1"):
        dotenv.parse("A='" + "\\'x" * 50_000)


@pytest.fixture
def gate(
    repository: Repository, actions: Actions, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Gate:
    """A command in a repository with these items, of two made-up checks."""
    for module in (gate_command, single, plan_command):
        if hasattr(module, "Catalog"):
            monkeypatch.setattr(module, "Catalog", lambda: actions.catalog)
    monkeypatch.setattr(catalog, "ACTIONS", actions.root)
    actions.add("looks", LOOKS)
    actions.add("asks", ASKS, "{url-variable: {description: A name, required: true}}", "url_variable: Variable")
    repository.commit()

    def run(items: dict[str, Any], *argv: str) -> tuple[int, str, str]:
        usual = {"section": "quality", "title": "T", "phases": ["verify"], "check": "looks"}
        sections = {"quality": {"part": "Before", "title": "Quality"}}
        lines = {name: usual | item for name, item in items.items()}
        whole = {
            "version": 1,
            "sections": sections,
            "items": lines,
            "environments": {"production": {"protected": True}},
        }
        repository.write("checklist.yml", yaml.safe_dump(json.loads(json.dumps(whole)), sort_keys=False))
        code = cli.main(list(argv or ("gate", "--phase", "verify", "--code", "without")))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a bundle into the environment; what it leaves there is taken away again."""
    for name in ("SHOP_LINK", "OTHER_LINK", "EMPTY_LINK", NAMES):
        monkeypatch.setenv(name, "")
    return lambda text: monkeypatch.setenv(bundle.VARIABLE, text)


def test_an_item_sees_what_it_lists(gate: Gate, given: Callable[[str], None]) -> None:
    given(TEXT)
    items: dict[str, Any] = {"a": {"secrets": ["SHOP_LINK"]}, "b": {}, "c": {"runs-code": True}}
    code, out, err = gate(items, "gate", "--phase", "verify", "--mixed", "accept")
    assert code == 0, err
    assert "a  {'SHOP_LINK': '***'}" in out
    assert "b  {}" in out
    assert "c  {}" in out
    assert "note: c ran the repository's code in a job that holds OTHER_LINK, SHOP_LINK" in out
    assert "hunter" not in out + err


def test_code_does_not_meet_a_bundle_where_it_matters(gate: Gate, given: Callable[[str], None]) -> None:
    given(TEXT)
    code, _, err = gate({"a": {"runs-code": True}}, "gate", "--phase", "verify", "--environment", "production")
    assert (code, "in a job that holds OTHER_LINK, SHOP_LINK" in err) == (2, True)


def test_each_value_is_masked_by_the_runner(
    given: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given("SHOP_LINK='-----BEGIN%\nhunter2hunter2\nab\n'\nOTHER_LINK=hunter3\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    bundle.unpack(["OTHER_LINK"])
    expected = ["::add-mask::-----BEGIN%25", "::add-mask::hunter2hunter2", "::add-mask::hunter3"]
    assert capsys.readouterr().out.splitlines() == expected
    assert (os.environ["SHOP_LINK"], os.environ["OTHER_LINK"]) == ("", "hunter3")
    assert bundle.VARIABLE not in os.environ


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hunter2", "DEPLOY_GATE_SECRETS: line 1 is not NAME=value"),
        ("PATH=/hunter2/bin", "PATH is no name for a secret"),
        ("GITHUB_OUTPUT=/hunter2", "GITHUB_OUTPUT is no name for a secret"),
        ("LD_PRELOAD=hunter2.so", "LD_PRELOAD is no name for a secret"),
        ("PYTHONPATH=hunter2", "PYTHONPATH is no name for a secret"),
        ("SHOP_LINK=hunter2", "SHOP_LINK is a variable of this step too, with another value"),
    ],
)
def test_mistakes(given: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    given(text)
    monkeypatch.setenv("SHOP_LINK", "hunter9hunter9")
    with pytest.raises(Misconfigured) as caught:
        bundle.unpack()
    assert said in str(caught.value)
    assert "hunter" not in str(caught.value)


def test_a_single_check_and_the_plan_take_it_too(gate: Gate, given: Callable[[str], None]) -> None:
    items = {"a": {"check": "asks", "with": {"url-variable": "SHOP_LINK"}}}
    given(TEXT)
    code, out, _ = gate(items, "check", "asks", "--url-variable", "SHOP_LINK")
    assert (code, "asks  ***" in out) == (0, True), out
    assert os.environ["OTHER_LINK"] == ""
    given(TEXT)
    assert "secret SHOP_LINK" in gate(items, "plan", "--phase", "verify")[1]
