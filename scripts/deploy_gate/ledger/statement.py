"""A deployment as an in-toto statement with a test-result predicate: what other tools can read and verify.

After https://github.com/in-toto/attestation (statement v1, test-result v0.1). The line of the ledger is a subject too,
by its hash; it holds the hash of the line before, so whoever signs the statement signs all that went before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deploy_gate.facts.findings import called
from deploy_gate.ledger import chain
from deploy_gate.ledger.chain import Head
from deploy_gate.result import Status

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
_TESTS = {
    "passedTests": (Status.PASSED, Status.ATTESTED),
    "warnedTests": (Status.WARNED, Status.WAIVED, Status.PENDING),
    "failedTests": (Status.FAILED, Status.ERROR),
}
_RESULTS = {"deployed": "PASSED", "rolled-back": "PASSED", "unknown": "WARNED"}


def of(fields: Mapping[str, Any], head: Head, document: Mapping[str, Any]) -> dict[str, Any]:
    """The statement of the line that `fields` became, with the results of its `document`."""
    return {
        "_type": STATEMENT,
        "subject": _subjects(fields, head),
        "predicateType": PREDICATE,
        "predicate": _predicate(fields, document),
    }


def names(raw: bytes, head: Head) -> bool:
    """Whether a statement is about exactly that line."""
    try:
        subjects = json.loads(raw)["subject"]
        found = {one["name"]: one["digest"] for one in subjects}
    except (ValueError, RecursionError, KeyError, TypeError):
        return False
    return found.get(_line(head.number)) == {"sha256": head.digest}


def _line(number: int) -> str:
    return f"ledger.jsonl#{number}"


def _subjects(fields: Mapping[str, Any], head: Head) -> list[dict[str, Any]]:
    found = [
        {"name": _line(head.number), "digest": {"sha256": head.digest}},
        {"name": "release", "digest": {"gitTree": fields["release"]}},
    ]
    if commit := fields.get("commit"):
        found.append({"name": "commit", "digest": {"gitCommit": commit}})
    pairs = (
        (f"image:{name}", str(text).removeprefix("sha256:")) for name, text in sorted(fields.get("digests", {}).items())
    )
    return found + [{"name": name, "digest": {"sha256": text}} for name, text in pairs]


def _predicate(fields: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    reports = [one for one in document.get("reports", []) if isinstance(one, Mapping)]
    checklists = dict.fromkeys(str(one["checklist_sha256"]) for one in reports if one.get("checklist_sha256"))
    # The hash of the whole evidence too: the names below leave out what was found.
    configuration = [{"name": "checklist", "digest": {"sha256": one}} for one in checklists]
    configuration.append({"name": f"evidence of {fields['environment']}", "digest": {"sha256": fields["evidence"]}})
    found: dict[str, Any] = {
        "result": _RESULTS.get(fields["outcome"], "FAILED"),
        "configuration": configuration,
        **_tests(reports),
    }
    return {**found, "url": fields["run_url"]} if fields.get("run_url") else found


def _tests(reports: list[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Names by how they ended; one line may have been looked at in several phases."""
    items = [(str(item["status"]), f"{called(one)}: {item['id']}") for one in reports for item in one.get("items", [])]
    return {key: [name for status, name in items if status in which] for key, which in _TESTS.items()}


def written(fields: Mapping[str, Any], head: Head, document: Mapping[str, Any]) -> bytes:
    """The statement's one text, which is what is signed."""
    return chain.canonical(of(fields, head, document))
