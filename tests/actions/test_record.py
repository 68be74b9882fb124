"""A deployment is written down as what it was: also one that was cut off, taken back, or stopped by a gate."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import Repository

from deploy_gate.ledger import branch as branches
from deploy_gate.ledger import chain
from deploy_gate.ledger.entry import Entry, Kind, Outcome, from_json
from deploy_gate.ledger.gathered import Gathered
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, Status

Load = Callable[[str], Callable[..., Result]]


@pytest.fixture(autouse=True)
def clone(repository: Repository) -> Repository:
    """A repository with one commit and a bare origin, and the working directory."""
    origin = repository.path.parent / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", str(origin)], check=True)
    repository.git("remote", "add", "origin", str(origin))
    repository.write("app.py", "x = 1\n")
    repository.commit("feat: wholesale prices")
    return repository


def report(phase: str, verdict: str = "go", decided_by: str | None = None, **statuses: str) -> dict[str, Any]:
    """What a gate writes."""
    items = [{"id": name, "status": status, "found": f"{name} is {status}"} for name, status in statuses.items()]
    head = {"phase": phase, "verdict": verdict, "decided_by": decided_by, "started": "2026-11-25T02:00:00.000Z"}
    return {**head, "items": items}


def told(status: str, measured: str | None = None, *evidence: dict[str, Any]) -> dict[str, Any]:
    """What an operation answers."""
    return {"status": status, "found": f"it {status}", "measured": measured, "evidence": list(evidence)}


def file(name: str, data: dict[str, Any]) -> Path:
    path = Path(name)
    path.write_text(json.dumps(data))
    return path


def record(load: Load, **more: Any) -> Result:
    given: dict[str, Any] = {"environment": "production", "kind": "deploy", "reports": [], "code_reports": []}
    given |= {"deploy": None, "manifest": None, "checklist": None}
    given |= {"digests": "", "signers": "", "signing_key": "LEDGER_SIGNING_KEY", "predicate": None}
    given |= {"host": [], "host_keys": "", "config": "", "python": "python3", "sudo": False}
    given |= {
        "rollback": None,
        "verdict": "",
        "watch": None,
        "release": "",
        "from_release": "",
        "reason": "",
        "known": [],
    }
    return load("record")(**{**given, "branch": "deploy-ledger", "remote": "origin", **more})


def newest() -> Entry:
    with branches.opened() as branch:
        lines = list(chain.records(branch.read().raw))
    entry = from_json(lines[-1])
    assert entry is not None
    return entry


def test_a_deployment_that_went_in(load: Load, clone: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TRIGGERING_ACTOR", "ada")
    first = file("report.json", report("pre-deploy", lint="passed", tls="waived"))
    result = record(load, reports=[str(first)], deploy=file("deploy.json", told("passed", "deployed")))
    assert (result.status, result.measured) == (Status.PASSED, 1)
    entry, tree = newest(), clone.git("rev-parse", "HEAD^{tree}")
    assert (entry.release, entry.commit, entry.outcome) == (tree, clone.git("rev-parse", "HEAD"), Outcome.DEPLOYED)
    assert (entry.actor, entry.author, entry.subject) == ("ada", "Ada", "feat: wholesale prices")
    assert (entry.began, entry.counts) == ("2026-11-25T02:00:00Z", {"passed": 1, "waived": 1})
    assert entry.waivers == [{"item": "tls", "why": "tls is waived"}]
    with branches.opened() as branch:
        document = json.loads(branch.file(branch.read().commit, "entries/1.json"))
    assert document["reports"][0]["items"][1]["id"] == "tls"


def test_digests_signoffs_and_interventions_are_kept(load: Load) -> None:
    data = report("close", tech="attested", qa="pending", interventions="passed")
    word = {"message": "grace approved", "by": "grace", "at": "2026-11-25T01:00:00+00:00", "counts": True}
    void = {**word, "by": "eve", "counts": False}
    for item in data["items"]:
        item |= {"check": "ledger" if item["id"] == "interventions" else "sign-off", "evidence": [word, void]}
    # What was done before this deployment began is another's.
    before, meanwhile = "2026-11-25T01:59:59+00:00", "2026-11-25T02:00:30+00:00"
    data["items"][2]["evidence"] = [
        {"message": "line 2: stop by grace: moved", "at": before},
        {"message": "line 3: stop by grace: disk was full", "at": meanwhile},
    ]
    image = "backend=sha256:" + "a" * 64
    given = {"reports": [str(file("report.json", data))], "digests": f"{image}\n", "predicate": Path("predicate.json")}
    assert record(load, **given).status is Status.PASSED
    entry = newest()
    assert entry.digests == {"backend": "sha256:" + "a" * 64}
    assert entry.signoffs == [{"item": "tech", "by": "grace", "at": "2026-11-25T01:00:00+00:00"}]
    assert entry.interventions == [{"found": "line 3: stop by grace: disk was full", "status": "passed"}]
    predicate = json.loads(Path("predicate.json").read_text())
    assert predicate["passedTests"] == ["close: tech", "close: interventions"]
    # The evidence that GitHub is handed is that of the line.
    assert predicate["configuration"][-1]["digest"] == {"sha256": entry.evidence}


def test_what_code_could_have_written_is_not_what_people_said(load: Load) -> None:
    """A report of a job that ran the repository's code: counted and kept, but nobody signed, waived or stepped in there."""
    word = {"message": "cto approved", "by": "cto", "at": "2026-11-25T02:01:00+00:00", "counts": True}
    forged = report("verify", "go", a="attested", interventions="passed", tls="waived", lint="waived", p95="passed")
    for item in forged["items"]:
        item |= {"check": "ledger" if item["id"] == "interventions" else "sign-off", "evidence": [word]}
    forged["items"][2]["evidence"] = forged["items"][3]["evidence"] = [{"waived_by": "cto", "why": "he said so"}]
    forged["items"][4]["measured"] = 1.5
    forged["started"] = "2000-01-01T00:00:00Z"
    # The job without code proved one of the two waivers, and of another line one that the code did not use.
    mine = report("pre-deploy", qa="attested", waivers="failed")
    mine["items"][0] |= {"check": "sign-off", "evidence": [{**word, "by": "grace"}]}
    proof = {"waived_by": "ada", "until": "2027-01-31", "why": "cold cache", "proof": "commit 1a2b3c4d5e6f, verified"}
    lines = [("lint", True), ("tls", False), ("mypy", True)]
    mine["items"][1]["evidence"] = [{"item": name, "proven": proven, **proof} for name, proven in lines]
    given = {"reports": [str(file("rest.json", mine))], "code_reports": [str(file("code.json", forged))]}
    record(load, **given, deploy=file("deploy.json", told("passed", "deployed")))
    entry = newest()
    assert entry.signoffs == [{"item": "qa", "by": "grace", "at": "2026-11-25T02:01:00+00:00"}]
    assert entry.waivers == [
        {
            "item": "lint",
            "by": "ada",
            "until": "2027-01-31",
            "why": "cold cache",
            "proof": "commit 1a2b3c4d5e6f, verified",
        }
    ]
    assert (entry.interventions, entry.met, entry.began) == ([], {}, "2026-11-25T02:00:00Z")
    assert entry.counts == {"attested": 2, "passed": 2, "waived": 2, "failed": 1}
    with branches.opened() as branch:
        document = json.loads(branch.file(branch.read().commit, "entries/1.json"))
    assert [one.get("ran_code") for one in document["reports"]] == [True, None]


@pytest.mark.parametrize("odd", ["{}", "[", '{"items": [1]}', None, {"decided_by": {"a": []}}])
def test_code_cannot_prevent_a_line(load: Load, odd: Any) -> None:
    """What a job that ran the repository's code left behind as its report may be anything."""
    if odd is not None:
        text = odd if isinstance(odd, str) else json.dumps(report("verify", "no-go", lint="failed") | odd)
        Path("code.json").write_text(text)
    mine = [str(file("rest.json", report("pre-deploy", tls="passed")))]
    said = file("deploy.json", told("failed", "fell back"))
    record(load, reports=mine, code_reports=["code.json"], deploy=said)
    assert (newest().outcome, newest().counts["passed"]) == (Outcome.FELL_BACK, 1)


def test_a_report_cannot_write_a_line_that_ends_the_ledger(load: Load) -> None:
    """A line that no reader takes would be the last one: nobody writes on a broken ledger."""
    odd = report("pre-deploy", "no-go", lint="failed")
    odd["items"] += [{"id": f"i{n}", "found": "x", "status": f"{n}" + "\U0001f600" * 490} for n in range(200)]
    record(load, code_reports=[str(file("report.json", odd))])
    assert newest().counts == {"failed": 1}
    long = report("pre-deploy", **{f"i{n}": "waived" for n in range(50)})
    people = dict.fromkeys(("waived_by", "until", "why", "proof"), "😀" * 500)
    for item in long["items"]:
        item["evidence"] = [people]
    with pytest.raises(CouldNotTell, match=r"the line is not written, .*: line 2 cannot be read"):
        record(load, reports=[str(file("long.json", long))])
    with branches.opened() as branch:
        assert chain.faults(branch.read().raw) == []


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ({"images": {"backend": f"shop/backend@sha256:{'a' * 64}", "web": f"sha256:{'b' * 64}"}}, ["a" * 64, "b" * 64]),
        ({}, []),
        ({"images": {"backend": "latest"}}, []),
        ("{", []),
        (None, []),
    ],
)
def test_the_manifest_tells_the_digests(load: Load, manifest: Any, expected: list[str]) -> None:
    """What happened is written down, whatever the manifest is."""
    if manifest is not None:
        Path("manifest.json").write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    given = {"manifest": Path("manifest.json"), "deploy": file("deploy.json", told("passed", "deployed"))}
    record(load, **given)
    found = dict(zip(("backend", "web"), (f"sha256:{one}" for one in expected), strict=False))
    assert newest().digests == found
    explicit = {"backend": "sha256:" + "c" * 64}
    record(load, **given, digests=f"backend={explicit['backend']}")
    assert newest().digests == explicit


def test_the_checklist_that_judged_is_told(load: Load, clone: Repository) -> None:
    """By its path in the commit: the next release may have it elsewhere."""
    (clone.path / "ops").mkdir()
    given = {"reports": [str(file("report.json", report("pre-deploy", lint="passed")))]}
    for name in ("checklist.yml", "ops/gate.yml"):
        clone.write(name, "version: 1\nextends: default\n")
        record(load, **given, release="a" * 40)
        assert newest().checklist == "", "it is in no commit"
    clone.commit("chore: a gate")
    expected = {"": "checklist.yml", "ops/gate.yml": "ops/gate.yml", "away.yml": "", str(clone.path / "x.yml"): ""}
    for word, path in expected.items():
        record(load, **given, checklist=Path(word) if word else None)
        assert newest().checklist == path
    # Where no gate looked, nothing was judged.
    record(load, deploy=file("deploy.json", told("passed", "deployed")))
    assert newest().checklist == ""


def test_a_digest_that_is_none_is_told(load: Load) -> None:
    with pytest.raises(Misconfigured, match="service=sha256"):
        record(load, digests="backend=latest")


def test_times_of_a_fall_back_are_kept(load: Load) -> None:
    evidence = {"detect": 1.5, "decide": 0.1, "restore": 0.4}
    record(load, deploy=file("deploy.json", told("failed", "fell back", evidence, {"restore": 0.9})))
    times = newest().times
    assert (times.detect, times.decide, times.restore) == (1.5, 0.1, 0.9)
    assert times.total is None, "without a report nobody knows when it began"


@pytest.mark.parametrize("given", [{}, {"release": "b" * 40}, {"from_release": "b" * 40}])
def test_a_rollback_says_what_it_left_and_where_it_went(load: Load, given: dict[str, str]) -> None:
    facts = {"left": True, "changed": True, "from": "b" * 40, "to": "a" * 40, "detect": 1, "decide": 2, "restore": 3}
    said = file("back.json", told("passed", None, facts))
    record(load, kind="rollback", rollback=said, reason="orders fail", **given)
    entry = newest()
    assert (entry.from_release, entry.release, entry.outcome) == ("b" * 40, "a" * 40, Outcome.ROLLED_BACK)
    assert (entry.commit, entry.subject, entry.author) == ("", "", ""), "what is checked out is another release"
    assert (entry.times.recover, entry.reason) == (6, "orders fail")


def test_a_rollback_after_which_nobody_knows_what_is_live(load: Load, clone: Repository) -> None:
    record(load, kind="rollback", rollback=file("back.json", told("failed", None, {"from": "b" * 40, "to": ""})))
    assert (newest().from_release, newest().release, newest().outcome) == ("b" * 40, "b" * 40, Outcome.NOT_BACK)
    record(load, kind="rollback", rollback=file("none.json", told("failed")))
    assert newest().release == clone.git("rev-parse", "HEAD^{tree}")


def test_clocks_that_are_apart_measure_nothing(load: Load) -> None:
    """The job that began it was ahead of the one that writes it down; a moment without a zone is none."""
    early, odd = (
        report("pre-deploy") | {"started": "2199-01-01T00:00:00Z"},
        report("verify") | {"started": "2026-11-25"},
    )
    both = [str(file("early.json", early)), str(file("odd.json", odd))]
    record(load, reports=both, deploy=file("deploy.json", told("passed", "deployed")))
    assert (newest().times.total, newest().outcome) == (None, Outcome.DEPLOYED)


LEFT = told("passed", None, {"left": True, "changed": True, "detect": 0})
GONE = told("passed", None, {"left": True, "changed": False})
REPLACED = told("passed", None, {"left": True, "changed": False, "already": False})
OTHERS = told("passed", None, {"left": True, "changed": False, "already": True})
STAYS = told("passed", None)


@pytest.mark.parametrize(
    ("kind", "verdicts", "deploy", "rollback", "said", "expected"),
    [
        ("deploy", ["go"], told("passed", "deployed"), {}, "", Outcome.DEPLOYED),
        # The pipeline leaves a switch unconfirmed until somebody has looked.
        ("deploy", ["go", "go"], told("passed", "switched"), {}, "go", Outcome.DEPLOYED),
        ("deploy", ["go", "no-go"], told("passed", "switched"), LEFT, "no-go", Outcome.FELL_BACK),
        ("deploy", ["go"], told("passed", "switched"), GONE, "", Outcome.FELL_BACK),
        ("deploy", ["go"], told("passed", "switched"), STAYS, "", Outcome.UNKNOWN),
        ("deploy", ["go"], told("passed", "switched"), {}, "could-not-tell", Outcome.UNKNOWN),
        ("deploy", ["go"], told("passed", "switched"), {}, "", Outcome.UNKNOWN),
        ("deploy", ["go", "no-go"], told("passed", "switched"), told("error"), "no-go", Outcome.NOT_BACK),
        ("deploy", ["go"], told("failed", "not switched"), STAYS, "", Outcome.NOT_SWITCHED),
        ("deploy", ["go"], told("failed", "fell back"), {}, "", Outcome.FELL_BACK),
        ("deploy", ["go"], told("failed", "not back"), {}, "", Outcome.NOT_BACK),
        ("deploy", ["no-go"], {}, {}, "", Outcome.NOT_SWITCHED),
        ("deploy", ["could-not-tell"], {}, {}, "", Outcome.NOT_SWITCHED),
        # The gate said go and nothing more was heard: nobody knows.
        ("deploy", ["go"], {}, {}, "", Outcome.UNKNOWN),
        ("deploy", ["go"], told("passed", None), {}, "", Outcome.UNKNOWN),
        ("rollback", [], {}, LEFT, "", Outcome.ROLLED_BACK),
        # The guard was quicker; or another release had taken its place, and stays.
        ("rollback", [], {}, OTHERS, "", Outcome.ROLLED_BACK),
        ("rollback", [], {}, REPLACED, "", Outcome.NOT_SWITCHED),
        ("rollback", [], {}, {**REPLACED, "status": "failed"}, "", Outcome.NOT_BACK),
        ("deploy", ["go"], told("passed", "switched"), REPLACED, "", Outcome.FELL_BACK),
        # A person's word about what was held.
        ("confirm", [], told("passed"), {}, "", Outcome.DEPLOYED),
        ("confirm", [], told("failed", "not switched"), {}, "", Outcome.UNKNOWN),
        ("confirm", [], told("error"), {}, "", Outcome.UNKNOWN),
        ("rollback", [], {}, told("failed"), "", Outcome.NOT_BACK),
        ("rollback", ["go"], {}, {}, "", Outcome.UNKNOWN),
    ],
)
def test_outcomes(
    kind: str, verdicts: list[str], deploy: dict[str, Any], rollback: dict[str, Any], said: str, expected: Outcome
) -> None:
    found = Gathered([report("verify", one) for one in verdicts], deploy, rollback, said)
    assert found.outcome(Kind(kind)) is expected


WATCHED = {
    "verdict": "no-go",
    "decided_by": "t-errors",
    "why": "6 % failed",
    "times": {"detect": 2.0, "decide": 0.5, "restore": 1.5},
    "lines": [],
    "points": [{"at": f"+0:{place:02}", "p95_ms": 240, "errors_share": 0.06, "health_share": 1} for place in range(60)],
    "timeline": [{"text": "long"}] * 300,
}


def test_what_the_watch_saw_and_decided_is_kept(load: Load) -> None:
    watch = file("watch.json", WATCHED)
    reports = [str(file("report.json", report("pre-deploy", lint="passed")))]
    switched, back = file("deploy.json", told("passed", "switched")), file("rollback.json", GONE)
    record(load, reports=reports, deploy=switched, rollback=back, verdict="no-go", watch=watch)
    entry = newest()
    assert (entry.outcome, entry.decided_by, entry.why) == (Outcome.FELL_BACK, "t-errors", "6 % failed")
    assert (entry.times.detect, entry.times.decide, entry.times.restore) == (2.0, 0.5, 1.5)
    assert entry.met == {"p95": 240, "errors": 0.06}, "its worst moment, since no line measured it"
    with branches.opened() as branch:
        kept = json.loads(branch.file(branch.read().commit, "entries/1.json"))["watch"]
    assert kept == {name: value for name, value in WATCHED.items() if name != "timeline"}


@pytest.mark.parametrize("own", ["", "version: 1\nextends: default\n", "no: checklist\n"])
def test_what_users_met_is_in_the_line(load: Load, own: str) -> None:
    """What the lines after the switch measured, and the last of them; what was looked at before it is not of users."""
    if own:
        Path("checklist.yml").write_text(own)
    slow = report("pre-deploy", p95="passed")
    slow["items"][0] |= {"measured": 999.0}
    seen = [report(phase, p95="passed", errors="passed", health="passed") for phase in ("verify", "monitor")]
    for place, one in enumerate(seen):
        for item, value in zip(one["items"], (210.0 + place, 0.0, "soon"), strict=True):
            item["measured"] = value
    files = [str(file(f"{place}.json", one)) for place, one in enumerate([slow, *seen])]
    record(
        load, reports=files, deploy=file("deploy.json", told("passed", "deployed")), watch=file("watch.json", WATCHED)
    )
    assert newest().met == {"p95": 211.0, "errors": 0.0}


def test_a_watch_that_went_well_or_was_held_decided_nothing() -> None:
    well = {**WATCHED, "verdict": "go"}
    reports = [report("verify", "no-go", "orders", orders="failed")]
    assert Gathered(reports, {}, LEFT, "no-go", well).decided(Outcome.FELL_BACK) == ("orders", "orders is failed")
    held = {**WATCHED, "verdict": "could-not-tell", "times": {"detect": 2.0, "decide": 0.5, "restore": None}}
    times = Gathered([], told("passed", "switched"), {}, "could-not-tell", held).times(9)
    assert (times.detect, times.decide, times.restore) == (2.0, 0.5, None)


@pytest.mark.parametrize("text", ["[]", "{}", '{"schema": 1, "verdict": "go"}'])
def test_what_is_no_record_of_a_watch(load: Load, text: str) -> None:
    Path("watch.json").write_text(text)
    with pytest.raises(CouldNotTell, match=r"no record of a watch|holds no JSON object"):
        record(load, deploy=file("deploy.json", told("passed", "deployed")), watch=Path("watch.json"))


def test_what_is_looked_at_after_the_verdict_decides_nothing() -> None:
    """The close can only warn, and is recorded for what people did by hand."""
    close = report("close", "could-not-tell", interventions="error")
    deployed = report("verify", "no-go", "orders", orders="failed")
    assert Gathered([deployed, close], {}, LEFT, "no-go").decided(Outcome.FELL_BACK)[0] == "orders"
    assert Gathered([report("pre-deploy"), close], {}, {}).outcome(Kind.DEPLOY) is Outcome.UNKNOWN


def test_who_decided_is_told() -> None:
    found = Gathered([report("pre-deploy"), report("verify", "no-go", "errors", errors="failed")], {}, told("passed"))
    assert found.decided(Outcome.FELL_BACK) == ("errors", "errors is failed")
    assert found.decided(Outcome.DEPLOYED) == (None, "it passed")


def test_nothing_is_not_recorded(load: Load) -> None:
    with pytest.raises(Misconfigured, match="nothing to record"):
        record(load)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no file report.json"),
        ("[]", "holds no JSON object"),
        ("{", "holds no JSON object"),
        ("{}", "no report"),
    ],
)
def test_what_is_no_report(load: Load, text: str | None, said: str) -> None:
    if text is not None:
        Path("report.json").write_text(text)
    with pytest.raises(CouldNotTell, match=said):
        record(load, reports=["report.json"])
    with branches.opened() as branch:
        assert branch.read().raw == b""


def test_who_waived_and_what_nobody_signed(load: Load, clone: Repository) -> None:
    kept = report("pre-deploy", tls="waived", policy="pending")
    told_by = {"waived_by": "ada", "until": "2027-01-31", "why": "cold cache", "proof": "commit 1a2b3c4d5e6f, verified"}
    kept["items"][0]["evidence"] = [{"message": "waived by ada", **told_by}]
    kept["items"][1]["severity"] = "warn"
    record(load, reports=[str(file("report.json", kept))], deploy=file("deploy.json", told("passed", "deployed")))
    proof = "commit 1a2b3c4d5e6f, verified"
    assert newest().waivers == [
        {"item": "tls", "by": "ada", "until": "2027-01-31", "why": "cold cache", "proof": proof},
        {"item": "policy", "why": "policy is pending"},
    ]
