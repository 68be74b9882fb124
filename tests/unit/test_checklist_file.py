"""From a file to a checklist: each fault is told with its file, line, value and what is legal."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Actions

from deploy_gate import yamlfile
from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Phase
from deploy_gate.engine import plan
from deploy_gate.problems import Misconfigured

HEAD = "version: 1\nextends: default\n"

WRONG = {
    "unknown key": ("itmes: {}", ":3: unknown key 'itmes' in the file; did you mean 'items'?"),
    "unknown key of an item": (
        "items:\n  lint:\n    tittle: x",
        ":5: unknown key 'tittle' in items.lint; did you mean 'title'?",
    ),
    "unknown key, nothing near": (
        "items:\n  lint:\n    waived: {zzz: x, why: x, by: x, until: 2027-01-31}",
        ":5: unknown key 'zzz' in items.lint.waived; legal: by, until, why",
    ),
    "python's name of a key": (
        "items:\n  lint: {runs_code: true}",
        ": unknown key 'runs_code' in items.lint; did you mean",
    ),
    "missing keys": (
        "items:\n  mine: {check: x, phases: [close]}",
        ":4: items.mine lacks the keys 'section', 'title'",
    ),
    "overlay on no item": ("items:\n  lnt: {severity: warn}", "'title', 'check', 'phases'; did you mean 'lint'?"),
    "text for a list": (
        "items:\n  lint: {phases: close}",
        ":4: items.lint.phases is 'close': expected a list, such as",
    ),
    "number for a text": (
        "items:\n  lint: {title: 5}",
        ":4: items.lint.title is 5: expected a text (put it in quotes)",
    ),
    "number in an environment": (
        "environments:\n  home:\n    port: 80",
        ":5: environments.home.port is 80: expected a text",
    ),
    "nothing for a mapping": ("items:", ":3: items is empty: expected a mapping of names to values"),
    "nothing for an input": (
        "items:\n  lint: {with: {a: }}",
        ":4: items.lint.with.a is empty: expected a text, a number",
    ),
    "mapping for an input": (
        "items:\n  lint: {with: {a: {str: 1}}}",
        ":4: items.lint.with.a is {'str': 1}: expected a text",
    ),
    "bare on": ("items:\n  lint: {planned: on}", ":4: items.lint.planned is 'on': expected true or false"),
    "bare on as a key": ("on: x", ":3: unknown key 'on' in the file"),
    "empty list": ("items:\n  lint: {phases: []}", ":4: items.lint.phases is []: expected at least 1 value"),
    "long title": ("title: " + "x" * 1001, ": expected at most 1000 characters"),
    "bad choice": (
        "items:\n  lint: {severity: wran}",
        "is 'wran': expected 'block', 'warn' or 'info'; did you mean 'warn'?",
    ),
    "bad phase": (
        "items:\n  lint: {phases: [predeploy]}",
        "items.lint.phases.0 is 'predeploy': expected 'pull-request', ",
    ),
    "bad duration": ("items:\n  lint: {timeout: 5x}", "items.lint.timeout is '5x': expected a duration such as 500ms"),
    "bad id": (
        "items:\n  Lint it: {}",
        ":4: items.Lint it is 'Lint it': expected lower-case letters, digits and hyphens",
    ),
    "day that is none": (
        "items:\n  lint:\n    waived:\n      why: x\n      by: y\n      until: 2027-02-31",
        ":8: items.lint.waived.until is '2027-02-31': expected a date such as 2027-01-31",
    ),
    "day as a number": (
        "items:\n  lint: {waived: {until: 20270131}}",
        "until is 20270131: expected a date such as 2027",
    ),
    "day of a week": (
        "items:\n  lint: {waived: {until: 2027-W05-1}}",
        "until is '2027-W05-1': expected a date such as",
    ),
    "duplicate id": (
        "items:\n  lint: {severity: warn}\n  types: {}\n  lint: {severity: info}",
        ":6: has the key 'lint' twice (first on line 4); keep one",
    ),
    "duplicate key, two lines": ('"a\\nb": 1\n"a\\nb": 2', ":4: has the key 'a\\nb' twice (first on line 3); keep one"),
    "anchor": ("title: &name x", ":3: uses the anchor &name; write the value out where it is needed"),
    "alias": ("title: *name", ":3: uses the alias *name; write the value out"),
    "tag": (
        "title: !!python/name:os.system x",
        ":3: uses the tag 'tag:yaml.org,2002:python/name:os.system'; only plain",
    ),
    "merge key": ("environments:\n  home:\n    <<: {a: b}", ":5: uses the merge key <<; write the values out"),
    "key that is a list": ("? [a]\n: b", ":3: has a key that is not a plain text"),
    "two documents": ("---\nversion: 1", ":3: holds more than one document; keep one"),
    "deep": ("x: " + "[" * 30, ":3: is nested deeper than 20 levels"),
    "tab": ("items:\n\tlint: {}", ":4: is not YAML: found character that cannot start any token; indent with blanks"),
    "colon": ("title: a: b", ":3: is not YAML: mapping values are not allowed in this context; check the indentation"),
    "control character": ("title: \x07", ":3: is not YAML: unacceptable character #x0007"),
    "unclosed": ("title: [a, b", ": is not YAML: "),
    "band": ("triggers:\n  t-db: {band: imediate}", ":4: triggers.t-db.band is 'imediate': expected 'immediate' or"),
}
WRONG_FILES = {
    "empty": (b"", ": is empty; it needs at least `version: 1`"),
    "comments": (b"# nothing\n\n# at all\n", ": is empty; it needs at least `version: 1`"),
    "list": (b"- a\n", ":1: is not a mapping; it starts with `version: 1`"),
    "text": (b"hello\n", ":1: is not a mapping; it starts with `version: 1`"),
    "not UTF-8": (b"version: 1\ntitle: caf\xe9\n", ":2: is not UTF-8; save the file as UTF-8"),
    "UTF-16": ("version: 1\n".encode("utf-16"), ":1: is not UTF-8; save the file as UTF-8"),
    "huge": (b"#" * (1024 * 1024 + 1), ": is larger than 1024 KiB; a checklist is a few pages"),
    "no version": (b"extends: default\n", ":1: lacks the key 'version'; it starts with `version: 1`"),
    "later version": (b"version: 2\nx: 1\n", ":1: version is '2': this deploy-gate reads version 1"),
    "true version": (b"version: true\n", ":1: version is 'True': this deploy-gate reads version 1"),
    "wrong base": (b"version: 1\nextends: defualt\nx: 1\n", ":2: extends is 'defualt': expected 'default', or no such"),
    "forgotten base": (b"version: 1\nitems:\n  lint: {severity: warn}\n", "; did you forget `extends: default`?"),
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "checklist.yml"


def refusal(path: Path) -> list[str]:
    with pytest.raises(Misconfigured) as fault:
        loading.load(path)
    return [str(problem) for problem in fault.value.problems]


@pytest.mark.parametrize("name", WRONG)
def test_a_fault_is_told_with_file_line_value_and_what_is_legal(path: Path, name: str) -> None:
    text, message = WRONG[name]
    path.write_text(f"{HEAD}{text}\n", encoding="utf-8")
    found = refusal(path)
    assert any(message in one and one.startswith("checklist.yml:") for one in found), found


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_file_that_is_no_checklist_is_told_in_one_line(path: Path, name: str) -> None:
    raw, message = WRONG_FILES[name]
    path.write_bytes(raw)
    found = refusal(path)
    assert len(found) == 1
    assert found[0].startswith("checklist.yml")
    assert message in found[0]


def test_a_file_that_cannot_be_read_is_told(path: Path) -> None:
    assert refusal(path) == ["checklist.yml: cannot be read: No such file or directory"]
    path.mkdir()
    assert refusal(path) == ["checklist.yml: is not a regular file"]


def test_all_faults_come_at_once_in_the_order_of_the_lines(path: Path) -> None:
    path.write_text(HEAD + "title: 1\nitems:\n  lint: {planned: on, severity: x}\nroles: {qa: bob}\nzzz: 1\n")
    lines = [one.split(":")[1] for one in refusal(path)]
    assert lines == ["3", "5", "5", "6", "7"]


def test_an_unknown_section_is_told_by_the_plan(path: Path, actions: Actions) -> None:
    actions.add("plain", "return passed('fine')")
    path.write_text("version: 1\nsections:\n  quality: {part: P, title: Q}\nitems:\n  mine:\n    section: qualiti\n"
                    "    title: T\n    check: plain\n    phases: [verify]\n")  # fmt: skip
    with pytest.raises(Misconfigured) as fault:
        plan.make(loading.load(path), actions.catalog, phase=Phase.VERIFY)
    message = "checklist.yml:6: items.mine.section: unknown section 'qualiti'; did you mean 'quality'?"
    assert [str(one) for one in fault.value.problems] == [message]


def test_an_overlay_changes_only_what_it_says(path: Path) -> None:
    bundled = loading.load(None)
    path.write_text(
        HEAD + "items:\n  p95: {severity: warn}\n  own: {section: database, title: T, check: c, phases: [close]}\n"
    )
    source = loading.load(path)
    items = dict(source.checklist.items)
    assert items.pop("own").title == "T"
    assert items.pop("p95") == bundled.checklist.items["p95"].model_copy(update={"severity": "warn"})
    assert items == {name: item for name, item in bundled.checklist.items.items() if name != "p95"}
    assert source.sha256 != bundled.sha256
    assert source.problem(("items", "p95", "severity"), "x").line == 4
    assert source.problem(("items", "lint", "title"), "x").path == "", "the bundled file is not the user's to mend"


def test_the_address_is_the_host_without_its_user(path: Path) -> None:
    path.write_text(
        HEAD + "environments:\n  home: {host: me@10.0.0.1}\n  far: {host: me@10.0.0.2, address: 192.0.2.7}\n"
    )
    blocks = loading.load(path).checklist.environments
    assert blocks["home"].variables() == {"host": "me@10.0.0.1", "address": "10.0.0.1"}
    assert blocks["far"].variables()["address"] == "192.0.2.7"


def test_plain_values_are_those_of_yaml_1_2() -> None:
    text = b"a: on\nb: 2027-01-31\nc: 007\nd: 1.5\ne: true\nf:\ng: 0x10\nh: 12\ni: '12'\n'null': no\n"
    values = ["on", "2027-01-31", "007", 1.5, True, None, "0x10", 12, "12", "no"]
    assert list(yamlfile.parse(text, "x").data.items()) == list(zip([*"abcdefghi", "null"], values, strict=True))
