"""No input makes the checklist's reader raise anything but its own error, and none keeps it busy for long."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT

from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Checklist
from deploy_gate.problems import Misconfigured, Problem

HEAD = "version: 1\nextends: default\n"
QUIET = settings(deadline=None, database=None, derandomize=True, max_examples=150)
REAL = (ROOT / "checklist.yml").read_bytes()
WORDS = ["items", "lint", "with", "extends", "phases", "when", "sections", "environments", "roles", "str", "[key]", "x"]
MARKS = [": ", "\n  ", "\n- ", "<<", "---", "..."]


def hostile() -> Iterator[tuple[str, bytes]]:
    yield "keys", b"".join(b"k%d: 1\n" % number for number in range(80_000))
    yield "items", b"items:\n" + b"".join(b"  k%d: {x: 1}\n" % number for number in range(50_000))
    yield "list", b"items:\n  lint:\n    with: {a: [" + b"null," * 200_000 + b"]}\n"
    yield "key", b"k" * 900_000 + b": 1\n"
    yield "braces", b"{" * 1_000_000
    yield "dashes", b"- " * 500_000


@pytest.mark.parametrize(("name", "text"), [pytest.param(*case, id=case[0]) for case in hostile()])
def test_a_hostile_megabyte_is_refused_briefly(tmp_path: Path, name: str, text: bytes) -> None:
    path = tmp_path / "checklist.yml"
    path.write_bytes(HEAD.encode() + text)
    with pytest.raises(Misconfigured) as fault:
        loading.load(path)
    assert len(fault.value.problems) <= 51
    assert all(len(problem.message) < 500 for problem in fault.value.problems)
    if name in ("keys", "items"):
        assert fault.value.problems[-1].message.startswith("has ")


def judge(raw: bytes) -> None:
    """The property: a checklist, or problems that fit on a line each."""
    handle, name = tempfile.mkstemp(suffix=".yml")
    with os.fdopen(handle, "wb") as stream:
        stream.write(raw)
    problems = []
    try:
        assert isinstance(loading.load(Path(name)).checklist, Checklist)
    except Misconfigured as fault:
        problems = fault.problems or [Problem("", 0, "\0")]
    finally:
        Path(name).unlink()
    for problem in problems:
        assert problem.message.isprintable(), problem.message
        assert len(problem.message) < 1000
        # YAML breaks lines at more characters than editors do.
        assert problem.line <= len(raw.decode("utf-8", "replace").splitlines()) + 1


LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(WORDS)
)
KEY = st.sampled_from(WORDS) | st.text(max_size=4)
TREE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=4), max_leaves=12
)
PIECE = st.sampled_from(WORDS) | st.sampled_from(": -?,[]{}&*!|>'\"%@`#~\n\t") | st.sampled_from(MARKS)
PLACE = st.sampled_from(["title: {}", "{}: x", "items:\n  lint:\n    {}: {}", "roles: {{qa: [{}]}}"])


def in_a_place(text: str, place: str) -> bytes:
    return (HEAD + place.replace("{}", text)).encode("utf-8", "surrogatepass")


def as_json(tree: dict[str, object], overlay: bool) -> bytes:
    head = {"version": 1, "extends": "default"} if overlay else {"version": 1}
    return json.dumps({**tree, **head}, ensure_ascii=False).encode("utf-8", "surrogatepass")


INPUTS: dict[str, st.SearchStrategy[bytes]] = {
    "bytes": st.binary(max_size=300),
    "yaml-like": st.lists(PIECE).map(lambda pieces: (HEAD + "".join(pieces)).encode()),
    "text-in-a-place": st.builds(in_a_place, st.text(max_size=60), PLACE),
    "wrong-types": st.builds(
        as_json, st.dictionaries(st.sampled_from([*Checklist.model_fields, "x"]), TREE, max_size=5), st.booleans()
    ),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_no_input_breaks_it(kind: str) -> None:
    QUIET(given(INPUTS[kind])(judge))()


@pytest.mark.long
@pytest.mark.parametrize("kind", INPUTS)
def test_a_long_hunt_breaks_nothing(kind: str) -> None:
    settings(deadline=None, database=None, max_examples=4000)(given(INPUTS[kind])(judge))()


@given(st.data())
@settings(QUIET, max_examples=80)
def test_no_mutation_of_the_real_file_breaks_it(data: st.DataObject) -> None:
    raw = bytearray(REAL)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw)))
        end = min(len(raw), start + data.draw(st.sampled_from([0, 1, 2, 7, 40, 400])))
        source = data.draw(st.integers(0, len(raw)))
        replacement = (
            st.binary(max_size=4) | st.just(bytes(raw[source : source + 30])) | st.sampled_from([b"\n", b"  ", b": "])
        )
        raw[start:end] = data.draw(replacement)
    judge(bytes(raw))
