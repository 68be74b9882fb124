"""The law of a protected environment is the live release's: what a release loosens in it must be signed, or is red."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from github_server import GitHub
from ledgers import key_pair
from policies import WAIVED, People, checklist, entry, recorded, written
from support import ROOT, Actions, Repository

from deploy_gate import cli, yamlfile
from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Checklist
from deploy_gate.commands import gate_command
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger import signing
from deploy_gate.ledger.branch import Trust
from deploy_gate.ledger.entry import Entry, Kind, Outcome
from deploy_gate.policy import changes, live
from deploy_gate.policy.lines import Policy
from deploy_gate.policy.live import Law
from deploy_gate.result import CouldNotTell
from deploy_gate.rollout.servers import Login
from deploy_gate.signoff.commands import binding
from deploy_gate.watch import making

ITEMS: dict[str, Any] = {"log": {}, "place": {}}
ROLES = {"qa": ["ada"]}


def model(items: dict[str, Any], **more: Any) -> Checklist:
    return loading.laid(yamlfile.parse(checklist(items, **more).encode(), "checklist.yml")).checklist


ITEM = {"check": "probe", "with": {"limit": "5m"}}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (ITEM, None, "items.a removed"),
        (ITEM, {**ITEM, "severity": "warn"}, "items.a.severity block → warn"),
        (ITEM, {**ITEM, "phases": ["verify"]}, "items.a.phases pre-deploy → verify"),
        (ITEM, {**ITEM, "planned": True}, "items.a.planned false → true"),
        (ITEM, {**ITEM, "waived": WAIVED}, "items.a.waived added"),
        ({**ITEM, "waived": {**WAIVED, "until": "2026-01-01"}}, {**ITEM, "waived": WAIVED}, "items.a.waived changed"),
        (ITEM, {**ITEM, "not-applicable": "no"}, "items.a.not-applicable added"),
        (ITEM, {**ITEM, "when": {"branch": ["x"]}}, "items.a.when added"),
        (ITEM, {**ITEM, "with": {"limit": "9m"}}, "items.a.with {'limit': '5m'} → {'limit': '9m'}"),
        (ITEM, {**ITEM, "check": "changelog"}, "items.a.check probe → changelog"),
        (ITEM, {**ITEM, "section": "there"}, "items.a.section only for staging"),
        ({**ITEM, "runs-code": True}, ITEM, "items.a.runs-code true → false"),
        (ITEM, {**ITEM, "runs-code": True}, "items.a.runs-code false → true"),
        (ITEM, {**ITEM, "needs": ["url"]}, "items.a.needs nothing → url"),
    ],
)
def test_what_may_loosen_a_line(old: dict[str, Any], new: dict[str, Any] | None, expected: str) -> None:
    there = {"quality": {"part": "B", "title": "Q"}, "there": {"part": "B", "title": "S", "environment": "staging"}}
    kept = {"other": ITEM}
    before = model({"a": old, **kept}, sections=there)
    after = model({**({"a": new} if new else {}), **kept}, sections=there)
    found = changes.between(before, after, "production")
    assert [(str(one), one.looser) for one in found] == [(expected, True)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({**ITEM, "severity": "warn"}, ITEM),
        (ITEM, {**ITEM, "phases": ["pre-deploy", "verify"]}),
        ({**ITEM, "waived": WAIVED}, ITEM),
        ({**ITEM, "not-applicable": "no"}, ITEM),
        ({**ITEM, "when": {"branch": ["x"]}}, ITEM),
        ({**ITEM, "planned": True}, ITEM),
    ],
)
def test_what_is_stricter_is_free(old: dict[str, Any], new: dict[str, Any]) -> None:
    found = changes.between(model({"a": old}), model({"a": new, "b": ITEM}), "production")
    assert [one.looser for one in found] == [False, False]
    assert str(found[1]) == "items.b added"
    assert changes.between(model({"a": old}), model({"a": {**old, "title": "Other words"}}), "production") == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"roles": {"qa": ["eve"]}}, "roles.qa ada → eve"),
        ({"roles": {"qa": ["ada"], "ops": ["eve"]}}, "roles.ops added"),
        ({"environments": {"production": {"branch": "main"}}}, "environments.production.protected true → false"),
        (
            {"environments": {"production": {"branch": "x", "protected": True}}},
            "environments.production.branch main → x",
        ),
        ({"environments": {"other": {}}}, "environments.production removed"),
        ({"triggers": {}}, "triggers.t removed"),
        ({"thresholds": {}}, "thresholds.times removed"),
    ],
)
def test_what_may_loosen_the_rest(more: dict[str, Any], expected: str) -> None:
    band = {"title": "B", "target": "1s", "warning": "2s", "critical": "3s"}
    usual: dict[str, Any] = {"roles": ROLES}
    usual["triggers"] = {"t": {"title": "T", "rule": "R", "band": "immediate", "check": "probe"}}
    usual["thresholds"] = {"times": {"title": "T", "columns": ["a", "b", "c", "d"], "rows": {"health": band}}}
    found = changes.between(model({"a": ITEM}, **usual), model({"a": ITEM}, **{**usual, **more}), "production")
    assert [str(one) for one in found if one.looser] == [expected]


def test_which_release_is_live() -> None:
    """The newest that was confirmed and not taken back."""
    one, two, three = (entry(char * 40, char * 40) for char in "abc")
    assert live.live([one, two], "production") == two
    assert live.live([one, entry("d" * 40, "d" * 40, outcome=Outcome.NOT_SWITCHED)], "production") == one
    assert live.live([one, entry("d" * 40, "d" * 40, outcome=Outcome.FELL_BACK)], "production") == one
    assert live.live([one, entry("d" * 40, "d" * 40, outcome=Outcome.UNKNOWN)], "production") == one
    assert live.live([one, entry("d" * 40, "d" * 40, environment="staging")], "production") == one
    back = {"kind": Kind.ROLLBACK, "outcome": Outcome.ROLLED_BACK}
    assert live.live([one, two, entry("", "a" * 40, **back)], "production") == one
    assert live.live([one, two, three, entry("", "a" * 40, from_release="c" * 40, **back)], "production") == two
    assert live.live([one, two, entry("", "a" * 40, from_release="e" * 40, **back)], "production") == two
    assert live.live([one, entry("", "a" * 40, **back), entry("", "a" * 40, **back)], "production") is None


class Shop:
    """A repository whose first commit is live on production, on a runner."""

    def __init__(self, github: GitHub, repository: Repository, folder: Path) -> None:
        self.repository, self.people, self.folder = repository, People(github), folder
        self.origin = repository.origin()
        self.github = github
        self.first = ""
        self.first = self.commit(ITEMS)
        recorded(repository, entry(self.first, repository.git("rev-parse", "HEAD^{tree}")))

    def commit(self, items: dict[str, Any], **more: Any) -> str:
        self.repository.write("checklist.yml", checklist(items, **{"roles": ROLES, **more}))
        commit = self.repository.commit("feat: a change")
        self.people.pull(commit)
        if self.first:
            self.people.compared(self.first, commit, "eve")
        return commit

    def gate(self, environment: str = "production", *more: str) -> tuple[int, dict[str, dict[str, Any]]]:
        folder = self.folder / str(len(list(self.folder.iterdir())))
        words = ("--phase", "pre-deploy", "--environment", environment, "--report", str(folder), *more)
        code = cli.main(["gate", *words])
        path = folder / "report.json"
        items = json.loads(path.read_text())["items"] if path.exists() else []
        return code, {one["id"]: one for one in items}

    def code(self, plan: str) -> str:
        return binding("production", self.repository.git("rev-parse", "HEAD^{tree}"), "", plan)


@pytest.fixture
def shop(
    github: GitHub, repository: Repository, actions: Actions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shop:
    actions.add("fine", "return passed('well')")
    actions.add("broken", "return failed('not well', 'mend it')")
    actions.add("coder", "return passed('ran')", about="runs_code=True")
    for name in ("sign-off", "waivers"):
        (actions.root / name).symlink_to(ROOT / "actions" / name)
    monkeypatch.setattr(gate_command, "Catalog", lambda: actions.catalog)
    (tmp_path / "reports").mkdir()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_REF", "refs/heads/main")
    monkeypatch.setenv("GITHUB_REF_NAME", "main")
    return Shop(github, repository, tmp_path / "reports")


def test_nothing_changed(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    code, items = shop.gate()
    assert (code, list(items)) == (0, ["log", "place"])
    assert f"note: judged by the checklist of {shop.first[:12]}, which is live; this release changes nothing in it" in (
        capsys.readouterr().out
    )
    assert shop.github.asked == []


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ({"log": {}}, "items.place removed"),
        ({**ITEMS, "log": {"severity": "warn"}}, "items.log.severity block → warn"),
        ({**ITEMS, "log": {"not-applicable": "not here"}}, "items.log.not-applicable added"),
    ],
)
def test_what_loosens_the_law_waits_for_a_signature(
    shop: Shop, items: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.commit(items)
    code, found = shop.gate()
    assert (code, found["policy"]["status"]) == (3, "pending")
    reason = f"this release changes the checklist of {shop.first[:12]}, which is live: {told}"
    assert found["policy"]["found"] == f"{reason}; 0 of 1 needed from any role of the live checklist"
    assert found["policy"]["fix"].startswith("have ada comment `/attest policy ")
    assert f"this release changes these lines: {told}" in capsys.readouterr().out
    # Staging is free, and so is the job that runs the code: it has no token, and the other one decides.
    assert [one for one in shop.gate("staging")[1] if one == "policy"] == []
    assert "policy" not in shop.gate("production", "--code", "only")[1]


def test_signed_by_the_live_release_s_people(shop: Shop) -> None:
    """Who is named by the release itself cannot sign for it; and a signature is for this checklist alone."""
    shop.commit({"log": {}}, roles={"qa": ["mallory"]})
    word = shop.gate()[1]["policy"]["fix"].split("`")[1].replace("EVIDENCE", "we dropped it")
    shop.people.say("mallory", word)
    code, found = shop.gate()
    assert (code, found["policy"]["status"]) == (3, "pending")
    shop.people.say("ada", word)
    code, found = shop.gate()
    assert (code, found["policy"]["status"]) == (0, "attested")
    assert "signed off by ada on #7" in found["policy"]["found"]
    shop.commit({"log": {"severity": "warn"}}, roles={"qa": ["mallory"]})
    assert shop.gate()[1]["policy"]["status"] == "pending"


def test_it_cannot_unprotect_itself(shop: Shop) -> None:
    shop.commit(ITEMS, environments={"production": {"branch": "main"}, "staging": {"branch": "develop"}})
    code, found = shop.gate()
    assert (code, found["policy"]["status"]) == (3, "pending")
    assert "environments.production.protected true → false" in found["policy"]["found"]


def test_the_way_out_is_kept(shop: Shop) -> None:
    """Where the live checklist names nobody, nobody can sign; then somebody says so in the workflow, and it is seen."""
    shop.first = shop.commit(ITEMS, roles={})
    recorded(shop.repository, entry(shop.first, "b" * 40))
    shop.commit({"log": {}}, roles={"qa": ["eve"]})
    code, found = shop.gate()
    assert (code, found["policy"]["status"]) == (3, "error")
    assert "it names nobody under `roles:`, so nobody can sign that" in found["policy"]["found"]
    code, found = shop.gate("production", "--policy", "own")
    assert (code, found["policy"]["status"], found["policy"]["severity"]) == (0, "error", "warn")
    assert "items.place removed" in found["policy"]["found"]


@pytest.mark.parametrize("name", ["policy", "waivers"])
def test_no_item_answers_for_a_line_of_the_gate(
    shop: Shop, actions: Actions, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    actions.add("rudest", "return passed('well')", about="rude=1")
    shop.commit({"log": {}, name: {"check": "rudest"}})
    assert shop.gate() == (2, {})
    told = f"'{name}' is the name of a line that the gate adds itself: call this item otherwise"
    assert told in "".join(capsys.readouterr())


def test_stricter_is_free(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.commit({**ITEMS, "more": {}})
    assert shop.gate()[0] == 0
    assert "this release changes these lines: stricter: items.more added" in capsys.readouterr().out


def test_nobody_knows_what_is_live(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tip = shop.repository.git("rev-parse", "refs/remotes/origin/deploy-ledger")
    raw = shop.repository.git("cat-file", "blob", f"{tip}:ledger.jsonl").encode()
    written(shop.repository, raw + b'\n{"seq":7}\n')
    code, found = shop.gate()
    assert (code, found["policy"]["status"]) == (3, "error")
    assert found["policy"]["found"].startswith("the ledger does not hold together")
    recorded(shop.repository, entry("d" * 40, "e" * 40))
    assert (
        shop.gate()[1]["policy"]["found"]
        == "dddddddddddd, which is live, is not in this clone, so its checklist is not known"
    )
    shop.repository.git("clone", "-q", "--depth=1", f"file://{shop.repository.path}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    code, found = shop.gate()
    assert (code, found["policy"]["status"]) == (3, "error")
    assert "this clone is shallow" in found["policy"]["found"]


REF = "refs/remotes/origin/deploy-ledger"


def test_the_first_deployment(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.repository.git("update-ref", "-d", REF)
    assert shop.gate()[0] == 0
    said = "note: judged by this release's own checklist: there is no ledger (branch deploy-ledger)"
    assert said in capsys.readouterr().out


def test_a_clone_of_one_branch_is_no_first_deployment(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no ref of the ledger; the remote has the ledger. What the release loosens, its own protection too, waits."""
    loose = {"production": {"branch": "main"}, "staging": {"branch": "develop"}}
    shop.commit({"log": {}}, environments=loose)
    shop.repository.git("push", "-q", "origin", "main", f"{REF}:refs/heads/deploy-ledger")
    shop.repository.git("clone", "-q", "--single-branch", "-b", "main", f"file://{shop.origin}", str(tmp_path / "one"))
    monkeypatch.chdir(tmp_path / "one")
    code, found = shop.gate()
    assert (code, found["policy"]["status"]) == (3, "pending")
    assert "items.place removed; environments.production.protected true → false" in found["policy"]["found"]


def test_a_remote_that_does_not_answer_is_no_first_deployment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.repository.git("update-ref", "-d", REF)
    shop.origin.rename(shop.origin.with_name("away.git"))
    code, found = shop.gate()
    assert (code, found["policy"]["status"]) == (3, "error")
    assert found["policy"]["found"].startswith("the remote cannot be asked: ")
    shop.repository.git("remote", "remove", "origin")
    code, found = shop.gate()
    assert (code, found["policy"]["status"]) == (3, "error")
    assert found["policy"]["found"] == "this clone has no remote origin"
    # Where nothing is decided, nobody waits for a network.
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert shop.gate()[0] == 0


COUNTED = {"counts": {"passed": 2}}


def test_a_moved_checklist_stays_law(shop: Shop) -> None:
    """The ledger knows where it was: neither another name nor a decoy at the usual place puts another into its place."""
    shop.repository.write("checklist.yml", checklist({"log": {}}, roles={"qa": ["mallory"]}))
    shop.repository.write("ops/gate.yml", checklist(ITEMS, roles=ROLES))
    shop.first = shop.repository.commit("chore: a gate of its own")
    recorded(shop.repository, entry(shop.first, "a" * 40, checklist="ops/gate.yml", **COUNTED))
    shop.repository.git("rm", "-q", "ops/gate.yml")
    shop.commit({"log": {}}, roles={"qa": ["mallory"]})
    code, found = shop.gate()
    assert (code, found["policy"]["status"]) == (3, "pending")
    assert "items.place removed; roles.qa ada → mallory" in found["policy"]["found"]


def test_a_checklist_that_is_not_in_what_is_live_is_no_free_choice(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older line does not say which file it was; only what no gate judged leaves the release its own."""
    shop.repository.git("mv", "checklist.yml", "gate.yml")
    shop.first = shop.repository.commit("chore: a gate of its own")
    recorded(shop.repository, entry(shop.first, "a" * 40, **COUNTED))
    shop.commit({"log": {}}, roles={"qa": ["mallory"]})
    code, found = shop.gate()
    assert (code, found["policy"]["status"]) == (3, "error")
    told = (
        f"{shop.first[:12]}, which is live, was judged by a checklist that its commit does not have: no checklist.yml, "
    )
    assert found["policy"]["found"].startswith(told)
    assert shop.gate("production", "--policy", "own")[0] == 0
    assert shop.gate("staging")[0] == 0
    # Left where it was, it is found.
    assert "policy" not in shop.gate("production", "--checklist", "gate.yml")[1]
    recorded(shop.repository, entry(shop.first, "a" * 40))
    capsys.readouterr()
    assert shop.gate()[0] == 0
    assert f"{shop.first[:12]}, which is live, was judged by no checklist" in capsys.readouterr().out


@pytest.fixture
def pinned(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The public key of a ledger whose first line, at the remote, is signed by it and has the first release live."""
    private, public = key_pair(tmp_path, "ledger-key")
    monkeypatch.setenv("LEDGER_SIGNING_KEY", private)
    shop.repository.git("update-ref", "-d", REF)
    pushed(shop, entry(shop.first, "a" * 40))
    return public


def pushed(shop: Shop, one: Entry, *, signed: bool = True, here: bool = True) -> None:
    """One line more at the remote, and in the clone unless it has no such branch."""
    with branches.opened() as branch:
        if signed:
            with signing.signer("LEDGER_SIGNING_KEY") as sign:
                branches.append(branch, one, {}, Trust(sign=sign))
        else:
            branches.append(branch, one, {})
    shop.repository.git("fetch", "-q", "origin", f"+refs/heads/deploy-ledger:{REF}")
    if not here:
        shop.repository.git("update-ref", "-d", REF)


@pytest.mark.parametrize("here", [True, False])
def test_a_line_that_nobody_signed_makes_no_law(shop: Shop, pinned: str, here: bool) -> None:
    """Whoever may push to the ledger's branch writes his own release into it, whose checklist names him."""
    loose = {"roles": {"qa": ["mallory"]}, "environments": {"production": {"branch": "main"}}}
    mine = shop.commit({"log": {}}, **loose)
    with_signers = ("--ledger-signers", pinned)
    assert shop.gate("production", *with_signers)[1]["policy"]["found"].startswith("this release changes the checklist")
    pushed(shop, entry(mine, "b" * 40), signed=False, here=here)
    code, found = shop.gate("production", *with_signers)
    assert (code, found["policy"]["status"]) == (3, "error")
    told = "the ledger cannot be believed: line 2, the newest, has no signed statement beside it"
    assert found["policy"]["found"].startswith(told)
    # A run that did not look signed over it: the line itself is still nobody's.
    pushed(shop, entry("c" * 40, "c" * 40, outcome=Outcome.NOT_SWITCHED), here=here)
    code, found = shop.gate("production", *with_signers)
    assert (code, found["policy"]["status"]) == (3, "error")
    told = "the ledger cannot be believed: line 2 has no signed statement beside it"
    assert found["policy"]["found"].startswith(told)
    assert shop.gate("production", *with_signers, "--policy", "own")[0] == 0


def test_a_signed_ledger_is_believed(shop: Shop, pinned: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What was written before the release that is live need not be signed: so a ledger begins to be."""
    pushed(shop, entry("d" * 40, "d" * 40), signed=False)
    live_ = shop.commit(ITEMS)
    pushed(shop, entry(live_, "b" * 40))
    assert shop.gate("production", "--ledger-signers", pinned)[0] == 0
    assert f"judged by the checklist of {live_[:12]}, which is live" in capsys.readouterr().out
    # Taken back on nobody's word, the one before would be law.
    pushed(
        shop, entry("", "d" * 40, kind=Kind.ROLLBACK, outcome=Outcome.ROLLED_BACK, from_release="b" * 40), signed=False
    )
    assert shop.gate("production", "--ledger-signers", pinned)[1]["policy"]["status"] == "error"
    # What is protected there is not known either.
    assert shop.gate("staging", "--ledger-signers", pinned)[1]["policy"]["status"] == "error"


def test_a_ledger_that_was_taken_away_is_no_first_deployment(shop: Shop, pinned: str) -> None:
    shop.commit({"log": {}}, environments={"production": {"branch": "main"}})
    shop.repository.git("update-ref", "-d", REF)
    shop.repository.git("push", "-q", "origin", ":refs/heads/deploy-ledger")
    code, found = shop.gate("production", "--ledger-signers", pinned)
    assert (code, found["policy"]["status"]) == (3, "error")
    told = "there is no ledger (branch deploy-ledger), and `ledger-signers` says who signs it"
    assert found["policy"]["found"].startswith(told)
    assert shop.gate("production", "--ledger-signers", pinned, "--policy", "own")[0] == 0
    written(shop.repository, b"")
    assert shop.gate("production", "--ledger-signers", pinned)[1]["policy"]["found"].startswith(told)


def test_the_plan_of_a_signature_is_of_both(repository: Repository) -> None:
    def source(items: dict[str, Any]) -> loading.Source:
        return loading.laid(yamlfile.parse(checklist(items).encode(), "checklist.yml"))

    one, two, three = source({"a": ITEM}), source({"b": ITEM}), source({"c": ITEM})
    assert Policy().plan(one) == one.sha256
    assert Policy(Law(one, "a")).plan(one) == one.sha256
    plans = {Policy(law).plan(three) for law in (Law(), Law(one, "a"), Law(two, "a"))}
    assert len(plans) == 3


def test_a_waiver_counts_when_its_person_is_proven(shop: Shop) -> None:
    commit = shop.commit({**ITEMS, "log": {"check": "broken", "waived": WAIVED}})
    recorded(shop.repository, entry(commit, "b" * 40))
    shop.people.commit(commit, "eve", "ada")
    code, found = shop.gate()
    assert (code, found["waivers"]["status"], found["log"]["status"]) == (1, "failed", "failed")
    assert found["log"]["found"].startswith(
        f"the waiver by ada does not count: commit {commit[:12]} was brought in by eve; "
    )
    shop.people.commit(commit, "ada")
    code, found = shop.gate()
    assert (code, found["waivers"]["status"], found["log"]["status"]) == (0, "passed", "waived")
    assert found["log"]["found"].startswith(f"waived by ada (commit {commit[:12]}, verified), until ")
    assert found["log"]["evidence"][0]["waived_by"] == "ada"


def test_github_does_not_answer(shop: Shop) -> None:
    recorded(shop.repository, entry(shop.commit({**ITEMS, "log": {"check": "broken", "waived": WAIVED}}), "b" * 40))
    shop.github.fail("/", 403, {"message": "no"})
    code, found = shop.gate()
    assert (code, found["waivers"]["status"], found["log"]["status"]) == (1, "error", "failed")


def test_where_nobody_is_asked_it_counts_and_is_shown(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.commit({**ITEMS, "log": {"check": "broken", "waived": WAIVED}})
    assert shop.gate("staging")[1]["log"]["found"].startswith("waived by ada (not proven), until ")
    monkeypatch.delenv("GITHUB_ACTIONS")
    found = shop.gate()[1]
    assert "waivers" not in found
    assert found["log"]["found"].startswith("waived by ada (not proven), until ")
    assert shop.github.asked == []


def test_the_first_hour_is_watched_by_what_was_deployed(
    shop: Shop, actions: Actions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trigger that the branch dropped guards the live release until a release without it was let through."""

    def watched(release: str, phase: Literal["verify", "monitor"] = "monitor", signers: str = "") -> bool:
        question = making.Question(None, "production", phase, release, signers=signers)
        made, _ = making.make(question, Login(["deploy@shop.example"], "", "slots.json", "python3", False))
        return "t-gone" in [one.id for one in made.metrics]

    monkeypatch.setattr(making, "Catalog", lambda: actions.catalog)
    trigger = {"title": "Gone", "rule": "it is gone", "band": "immediate", "check": "fine"}
    there = shop.commit(ITEMS, triggers={"t-gone": trigger})
    tree = shop.repository.git("rev-parse", "HEAD^{tree}")
    shop.commit(ITEMS, triggers={})
    assert watched(tree)
    assert f"watched by the checklist of {tree[:12]}, which is live" in capsys.readouterr().err
    assert not watched(tree, "verify")
    assert not watched(shop.repository.git("rev-parse", "HEAD^{tree}"))
    # A release that is named otherwise is found by the ledger.
    assert not watched("f" * 40)
    recorded(shop.repository, entry(there, tree))
    assert watched("f" * 40)
    with pytest.raises(CouldNotTell, match="the ledger cannot be believed"):
        watched("f" * 40, signers=key_pair(tmp_path, "ledger")[1])
    written(shop.repository, b'{"seq":7}\n')
    assert watched(tree)
    with pytest.raises(CouldNotTell, match="the ledger does not hold together"):
        watched("f" * 40)
    shop.repository.git("update-ref", "-d", REF)
    assert not watched("f" * 40)
    said = "note: watched by the checklist that is checked out: there is no ledger (branch deploy-ledger)"
    assert said in capsys.readouterr().err


def test_planning_shows_it(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.commit({"log": {}})
    assert cli.main(["plan", "--phase", "pre-deploy", "--environment", "production"]) == 0
    out = capsys.readouterr().out
    assert (
        f"judged by the checklist of {shop.first[:12]}, which is live; this release changes these lines: items.place removed"
        in out
    )
    assert yaml.safe_load(Path("checklist.yml").read_text())["items"].keys() == {"log"}
