"""The file of attestations: what is written can be read, and what cannot be read is told with its line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deploy_gate.facts.attestations import KEYS, MAX_BYTES, MAX_LINES, Attestation, parse
from deploy_gate.result import CouldNotTell

WHOLE = {"item": "qa", "release": "abc", "by": "alice", "at": "2027-01-31T12:00:00Z", "evidence": "ran it"}


def line(**changed: Any) -> bytes:
    return json.dumps({**WHOLE, **changed}).encode() + b"\n"


def test_reads_lines_in_order() -> None:
    found = parse(line() + b"\n  \r\n" + line(by="bob", run="an extra key")[:-1] + b"\r\n", "f")
    assert [(one.by, one.line) for one in found] == [("alice", 1), ("bob", 4)]
    assert found[0] == Attestation("qa", "abc", "alice", datetime(2027, 1, 31, 12, tzinfo=UTC), "ran it", 1)
    assert parse(b"", "f") == []
    assert len(parse(line()[:-1], "f")) == 1


@pytest.mark.parametrize("at", ["2027-01-31T12:00:00z", "2027-01-31t12:00:00+00:00", "2027-01-31T12:00:00.000000999Z"])
def test_reads_every_way_to_write_utc(at: str) -> None:
    assert parse(line(at=at), "f")[0].at == datetime(2027, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"{", "is not JSON"), (b'"text"', "is not a JSON object"), (b"[]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b"[" * 100_000, "is not JSON"), (b"9" * 5000, "is not JSON"), (b"\xff", "is not UTF-8"),
        (b"{}", "has no 'item'"),
        (line()[:-1] * 2, "is not JSON"), (line()[:-9], "is not JSON"),
        (b'{"item": "a", "item": "b"}', "names a key twice"),
        (line(by=None), "has a value for 'by' that is not a text"),
        (line(item=1), "has a value for 'item' that is not a text"),
        (line(evidence=["x"]), "has a value for 'evidence' that is not a text"),
        (line(at=1767225600), "has a value for 'at'"),
        *((line(at=at), "has an 'at' that is not a time") for at in (
            "", "2027-01-31", "2027-01-31T12:00:00", "2027-01-31T12:00:00+03:00", "2027-01-31 12:00:00Z",
            "2027-13-01T00:00:00Z",
            "2027-01-31T25:00:00Z", "2027-01-31T12:00Z", "٢٠٢٧-01-31T12:00:00Z", "2027-01-31T12:00:00Z\n",
            "0000-01-01T00:00:00Z")),
    ],
)  # fmt: skip
def test_says_which_line_cannot_be_read(bad: bytes, why: str) -> None:
    with pytest.raises(CouldNotTell) as caught:
        parse(line() + bad.rstrip(b"\n") + b"\n" + line(), "said.jsonl")
    assert caught.value.found.startswith(f"line 2 of said.jsonl {why}")
    entry = caught.value.evidence[0]
    assert (entry["path"], entry["line"]) == ("said.jsonl", 2)
    assert len(str(entry["message"])) < 400


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_needed(key: str) -> None:
    without = {name: value for name, value in WHOLE.items() if name != key}
    with pytest.raises(CouldNotTell, match=f"line 1 of f has no '{key}'"):
        parse(json.dumps(without).encode(), "f")


def test_the_limits() -> None:
    with pytest.raises(CouldNotTell, match="larger than 1024 KiB"):
        parse(b" " * (MAX_BYTES + 1), "f")
    assert parse(b"\n" * MAX_LINES, "f") == []
    with pytest.raises(CouldNotTell, match="more than 10000 lines"):
        parse(b"\n" * (MAX_LINES + 1), "f")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_NEARLY = st.fixed_dictionaries({}, optional={key: st.just(value) | _VALUES for key, value in WHOLE.items()}).map(
    json.dumps
)


@given(st.lists(st.binary() | _NEARLY.map(str.encode) | st.just(line())).map(b"\n".join))
@example(b'{"item": "\\ud800"}')
@example(b"NaN")
def test_raises_nothing_but_could_not_tell(raw: bytes) -> None:
    told = ""
    try:
        parse(raw, "f")
    except CouldNotTell as fault:
        told = fault.found + "".join(str(entry["message"]) for entry in fault.evidence)
    assert told.isprintable()


@given(st.text(), st.text(), st.text(), st.text(), st.datetimes())
def test_what_is_written_can_be_read(item: str, release: str, by: str, evidence: str, at: datetime) -> None:
    record = Attestation(item, release, by, at.replace(microsecond=0, tzinfo=UTC), evidence, 1)
    raw = record.as_line()
    assert raw.count(b"\n") == 1
    assert raw.isascii()
    assert parse(raw, "f") == [record]


def test_what_is_no_record_is_not_repeated() -> None:
    with pytest.raises(CouldNotTell) as fault:
        parse(b"PGPASSWORD=topsecret-pg\0HOME=/x", "/proc/self/environ")
    assert "topsecret" not in fault.value.found + str(fault.value.evidence)
