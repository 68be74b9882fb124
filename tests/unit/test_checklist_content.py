"""What the bundled checklist says: every line of the text of record, in its order, proven by a check that exists."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from support import ROOT

from deploy_gate.catalog import Catalog
from deploy_gate.checklist import document, loading, variables
from deploy_gate.checklist.loading import Source
from deploy_gate.checklist.model import Phase
from deploy_gate.engine import plan
from deploy_gate.engine.entry import State
from deploy_gate.problems import Misconfigured

RECORD = "dc325df8674c13411ab6486ec106f3f58aa0c1ab5728a1df79e38a4bc2c19970"
GUARDS = (
    "examples/tsh.yml over checklist.yml no longer renders TSH's checklist word for word: a title, a limit, the order "
    "or the text around them has changed. Put the wording back; only TSH can change that text."
)
ORDER = {
    "code-quality": "lint types security-scan unit-tests integration-tests no-todo",
    "documentation": "api-docs changelog env-documented migrations-documented rollback-verified",
    "environment-parity": "config-parity schema-parity env-valid secrets-rotated tls",
    "database": "migrations-staged migrations-reversible backup-fresh backup-uploaded rollback-migration",
    "docker-infrastructure": "images-build image-size healthchecks limits image-secrets",
    "blue-green": "slots-coexist slot-health nginx-config zero-downtime rollback-tested",
    "pre-deployment-actions": "team-notified maintenance-window staging-succeeded commits-reviewed ci-green",
    "during-deployment": "workflow-progress server-logs db-pool redis tls-live",
    "health-checks": "health docs openapi database redis-up neurolink tds",
    "smoke-tests": "auth-smoke products customer-login order inventory notifications",
    "verification": "all-healthy public consumer tds-live no-log-errors no-db-errors cache",
    "monitoring": "p95 errors cpu memory db-connections webhooks",
    "business-validation": "wholesale retail inventory-sync gps whatsapp zoho",
    "communication": "success-sent issues-told interventions log-updated",
    "staging-deployment": "staging-server staging-ssh-key staging-branch staging-db staging-env-loaded staging-debug "
    "staging-data",
    "production-deployment": "production-server production-ssh-key production-branch production-db "
    "production-env-loaded production-debug production-data",
    "pre-deployment-security": "rotation git-secrets cert-30 headers rate-limit cors",
    "post-deployment-security": "auth rbac api-key exposed audit intrusion",
    "approval": "signoff-tech-lead signoff-devops signoff-qa signoff-product-owner",
    "migrations": "migrations-safe",
    "host-resources": "disk-io",
}
PHASES = {
    "pull-request pre-deploy": "code-quality documentation docker-infrastructure",
    "pre-deploy": "environment-parity database blue-green pre-deployment-actions staging-deployment "
    "production-deployment pre-deployment-security approval migrations",
    "idle-slot verify": "health-checks smoke-tests",
    "verify": "during-deployment verification business-validation post-deployment-security",
    "monitor": "monitoring host-resources",
    "close": "communication",
}
OWN_PHASES = {
    "pull-request pre-deploy": "git-secrets",
    "pre-deploy": "rollback-verified",
    "idle-slot verify": "rate-limit auth rbac api-key exposed",
    # They look at the running site: before the deployment at the old release, after it at the new one.
    "pre-deploy verify": "headers cors staging-debug production-debug",
}


@pytest.fixture(scope="module")
def bundled() -> Source:
    return loading.load(None)


@pytest.fixture(scope="module")
def tsh() -> Source:
    return loading.load(ROOT / "examples" / "tsh.yml")


def test_every_item_stands_in_its_section_in_order(bundled: Source) -> None:
    checklist = bundled.checklist
    found = {
        section: " ".join(name for name, item in checklist.items.items() if item.section == section)
        for section in checklist.sections
    }
    assert found == ORDER
    assert list(found) == list(ORDER)
    assert list(checklist.items) == [name for names in ORDER.values() for name in names.split()]


def test_all_is_there(bundled: Source) -> None:
    checklist = bundled.checklist
    assert len(checklist.items) - 2 == 107, "disk-io and migrations-safe are no boxes"
    assert Counter(trigger.band for trigger in checklist.triggers.values()) == {"immediate": 6, "consider": 4}
    assert {name: len(table.rows) for name, table in checklist.thresholds.items()} == {
        "response-times": 4,
        "resources": 4,
    }
    assert len(checklist.metrics) == 6
    assert checklist.roles == {"tech-lead": [], "devops": [], "qa": [], "product-owner": []}
    assert (len(checklist.improvement), len(checklist.review)) == (5, 6)
    assert checklist.environments == {}


def test_phases_are_those_of_the_section_or_the_item(bundled: Source) -> None:
    sections = {section: phases for phases, names in PHASES.items() for section in names.split()}
    own = {item: phases for phases, names in OWN_PHASES.items() for item in names.split()}
    found = {name: " ".join(item.phases) for name, item in bundled.checklist.items.items()}
    assert found == {name: own.get(name, sections[item.section]) for name, item in bundled.checklist.items.items()}


def test_what_only_closes_can_only_warn(bundled: Source) -> None:
    closing = {name for name, item in bundled.checklist.items.items() if item.phases == ["close"]}
    assert closing == {name for name, item in bundled.checklist.items.items() if item.severity == "warn"}


def test_thresholds_rise(bundled: Source) -> None:
    for table in bundled.checklist.thresholds.values():
        for name, row in table.rows.items():
            limits = [float(re.sub(r"(ms|%)$", "", text)) for text in (row.target, row.warning, row.critical)]
            assert all(low < high for low, high in pairwise(limits)), name


@pytest.mark.parametrize("kind", ["items", "triggers"])
def test_planned_means_that_the_check_is_not_built_yet(bundled: Source, kind: str) -> None:
    built = set(Catalog().names)
    for name, entry in getattr(bundled.checklist, kind).items():
        if entry.planned:
            assert entry.check not in built, f"{kind}.{name}: {entry.check} is built, take `planned: true` away"
        else:
            assert entry.check in built, f"{kind}.{name}: actions/{entry.check} is missing"


def test_what_runs_the_repositorys_code_says_so(bundled: Source) -> None:
    runs = {name for name, item in bundled.checklist.items.items() if item.runs_code}
    migrations = {"migrations-reversible", "migrations-safe"}
    images = {"images-build", "image-size", "image-secrets"}
    assert runs == {"types", "unit-tests", "integration-tests", "api-docs", *images, *migrations}


def test_it_knows_no_host_and_no_company() -> None:
    for name in ("checklist.yml", "docs/checklist.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"\btsh|https?://|\d+\.\d+\.\d+\.\d+|@\w|\$schema=/", text, re.IGNORECASE), name


def test_the_first_line_names_the_schema() -> None:
    for name in ("checklist.yml", "examples/tsh.yml"):
        path = ROOT / name
        schema = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / schema).resolve() == ROOT / "docs" / "checklist.schema.json"


def test_tsh_knows_every_name(tsh: Source) -> None:
    checklist = tsh.checklist
    for name, item in checklist.items.items():
        place = checklist.sections[item.section].environment or "production"
        known = {**checklist.environments[place].variables(), **checklist.variables()}
        # The run itself knows its environment; of staging's front door TSH's text of record says nothing.
        known |= {"environment": place, "item": name, "plan": "", **({"url": ""} if place == "staging" else {})}
        used = {*item.needs, *variables.names(item.title), *variables.names(list(item.with_.values()))}
        assert used - {*variables.MAY_BE_EMPTY} <= set(known), name


@pytest.mark.parametrize("phase", list(Phase))
def test_it_binds(bundled: Source, tsh: Source, phase: Phase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert plan.make(bundled, Catalog(), phase=phase).entries
    # As a deployment leads to it.
    monkeypatch.setenv(variables.SLOT_URL, "http://127.0.0.1:8002")
    entries = plan.make(tsh, Catalog(), phase=phase, environment="production").entries
    assert [entry.id for entry in entries if entry.state in (State.SET_UP, State.UNKNOWN)] == []


def test_the_idle_slot_is_not_asked_for_at_the_front_door(
    tsh: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(variables.SLOT_URL, raising=False)
    made = plan.make(tsh, Catalog(), phase=Phase.IDLE_SLOT, environment="production")
    [health] = [entry for entry in made.entries if entry.id == "health"]
    assert (health.state, health.reason) == (State.SET_UP, "not set up: url of the environment")
    assert health.fix.startswith("let `deploy` look at the idle slot, or set slot_url in environments.production, ")


def test_tsh_reads_word_for_word(tsh: Source) -> None:
    text = document.document(tsh)
    assert hashlib.sha256(text.encode()).hexdigest() == RECORD, GUARDS
    assert text.count("\n- [ ] ") == 107
    assert text == (ROOT / "examples" / "tsh-checklist.md").read_text(encoding="utf-8")


def test_the_reference_is_current_and_shows_everything(bundled: Source) -> None:
    text = document.reference(bundled)
    assert text == (ROOT / "docs" / "checklist.md").read_text(encoding="utf-8"), "run: python3 scripts docs"
    assert text.startswith(document.COMMENT)
    for name in (*bundled.checklist.items, *bundled.checklist.triggers):
        assert text.count(f"\n| `{name}` |") == 1, name
    for path in re.findall(r"\]\(\.\./([^)]+)\)", text):
        assert (ROOT / path).is_file(), path


def test_a_part_that_does_not_exist_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "checklist.yml"
    path.write_text("version: 1\nextends: default\ndocument: |\n  ${part.sign-of}\n", encoding="utf-8")
    with pytest.raises(Misconfigured) as fault:
        document.document(loading.load(path))
    assert str(fault.value).endswith(
        "checklist.yml:3: document: unknown '${part.sign-of}'; did you mean 'part.sign-off'?"
    )


def test_a_cell_of_a_table_cannot_end_it(tmp_path: Path) -> None:
    path = tmp_path / "checklist.yml"
    path.write_text('version: 1\nextends: default\nitems:\n  lint: {title: "a | b\\n| c"}\n', encoding="utf-8")
    assert "| `lint` | a \\| b \\| c | [`ruff-lint`]" in document.reference(loading.load(path))
