"""The whole checklist is bound before anything runs: every fault has its file, line, value and what is legal."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Actions, Repository

from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Phase
from deploy_gate.engine import plan
from deploy_gate.engine.entry import Entry, State
from deploy_gate.problems import Misconfigured

HEAD = """\
version: 1
sections:
  quality: {part: Before, title: Quality}
  there: {part: Places, title: Staging, environment: staging}
environments:
  staging: {branch: develop, url: "https://staging.shop.example"}
  production: {branch: main, url: "https://shop.example", protected: true, shop_url: "https://buy.shop.example"}
items:
"""


@pytest.fixture
def made(repository: Repository, actions: Actions) -> Actions:
    """Three checks: one with nothing to set, one with inputs, one that runs code."""
    repository.commit()
    actions.add("plain", "return passed('fine')")
    inputs = "{url: {description: u, required: true}, limit: {description: l, default: 5m}}"
    actions.add("probe", "return passed(url)", inputs, "url: str, limit: Duration")
    actions.add("coder", "return passed('ran')")
    module = actions.root / "coder" / "coder.py"
    module.write_text(module.read_text() + "\nABOUT = About(runs_code=True)\n")
    return actions


def planned(made: Actions, items: str, environment: str = "", phase: str = "pre-deploy", **more: object) -> list[Entry]:
    path = Path("checklist.yml")
    path.write_text(HEAD + items)
    source = loading.load(path)
    found = plan.make(source, made.catalog, phase=Phase(phase), environment=environment, **more)  # type: ignore[arg-type]
    return found.entries


def problems(made: Actions, items: str, **more: object) -> list[str]:
    with pytest.raises(Misconfigured) as fault:
        planned(made, items, **more)  # type: ignore[arg-type]
    return [str(one) for one in fault.value.problems]


def line(name: str, check: str = "plain", more: str = "") -> str:
    return f"  {name}: {{section: quality, title: T, check: {check}, phases: [pre-deploy]{more}}}\n"


USES = line("uses", "probe", ', with: {url: "${shop_url}"}')


def test_values_are_typed_and_variables_filled(made: Actions) -> None:
    [entry] = planned(made, line("a", "probe", ', with: {url: "${shop_url}/health"}'), "production")
    assert entry.state is State.RUN
    assert entry.values == {"url": "https://buy.shop.example/health", "limit": 300.0}


def test_every_fault_of_the_file_at_once_with_its_place(made: Actions) -> None:
    items = (
        line("a", "prob")
        + line("b", "probe", ", with: {url: x, limt: 3m}")
        + line("c", "probe", ", with: {url: x, limit: soon}")
    )
    found = problems(made, items + line("d", "probe") + USES)
    assert found == [
        "checklist.yml:9: items.a.check: unknown check 'prob'; did you mean 'probe'?",
        "checklist.yml:10: items.b.with: unknown input 'limt'; did you mean 'limit'?",
        "checklist.yml:11: items.c.with: input 'limit' is 'soon', expected a duration such as 500ms, 30s, 15m, 1h30m or 90d",
        "checklist.yml:12: items.d.with: check probe needs the input 'url'",
    ]


def test_faults_outside_this_phase_count_too(made: Actions) -> None:
    assert problems(made, line("a", "prob"), phase="monitor")


def test_a_variable_is_judged_where_its_item_is_looked_at(made: Actions) -> None:
    item = line("a", "probe", ', with: {url: x, limit: "${shop_url}"}')
    assert planned(made, item, "production", phase="verify") == []
    [fault] = problems(made, item, environment="production")
    assert "input 'limit' is 'https://buy.shop.example'" in fault


@pytest.mark.parametrize(
    ("items", "more", "message"),
    [
        (line("a"), {"environment": "prodution"}, "there is no environment 'prodution'; did you mean 'production'?"),
        (line("a"), {"only": ["b"]}, "there is no item 'b'; legal: a"),
        (
            line("a"),
            {"only": ["a"], "phase": "verify"},
            "item 'a' is not looked at in phase verify; its phases: pre-deploy",
        ),
        (line("a").replace("quality", "qualty"), {}, "unknown section 'qualty'; did you mean 'quality'?"),
        (line("a"), {}, "no item uses the key 'shop_url' of production"),
    ],
)
def test_wrong_questions(made: Actions, items: str, more: dict[str, object], message: str) -> None:
    assert any(message in problem for problem in problems(made, items, **more))


@pytest.mark.parametrize("name", ["plan", "digests", "live"])
def test_what_a_signature_is_bound_to_is_no_key(made: Actions, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(globals(), "HEAD", HEAD.replace("shop_url", name))
    [told] = problems(made, line("a", "probe", f', with: {{url: "x${{{name}}}"}}'))
    assert told.endswith(f"'{name}' of production is what the run itself finds; give your own key another name")


def test_before_the_first_deployment_no_line_waits_for_what_is_live(made: Actions) -> None:
    item = line("a", "probe", ', with: {url: "x${live}${digests}"}')
    assert [(one.state, one.values["url"]) for one in planned(made, item + USES) if one.id == "a"] == [(State.RUN, "x")]


def test_the_address_of_an_idle_slot_needs_no_item_that_names_it(
    made: Actions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "HEAD", HEAD.replace("shop_url", "slot_url"))
    item = line("a", "probe", ', with: {url: "${url}/health"}').replace("pre-deploy", "idle-slot")
    [entry] = planned(made, item, "production", phase="idle-slot")
    assert entry.values["url"] == "https://buy.shop.example/health"


def test_what_an_environment_lacks_is_told_with_the_way_out(made: Actions) -> None:
    [entry] = planned(made, USES, "staging")
    assert entry.state is State.SET_UP
    assert entry.reason == "not set up: shop_url of the environment"
    assert entry.fix == "set shop_url in environments.staging, or declare items.uses.not-applicable with the reason"
    [entry] = planned(made, USES)
    assert entry.fix.startswith("name the environment")


@pytest.mark.parametrize(
    ("more", "environment", "reason"),
    [
        (', not-applicable: "no GPS here"', "", "not applicable: no GPS here"),
        (", when: {environment: [staging]}", "production", "only for environment staging, this is production"),
        (", when: {event: [push]}", "", "only on push, this is no event"),
        (", when: {branch: ['release/*']}", "", "only on branch release/*, this is none"),
        (", when: {exists: [compose.yaml]}", "", "only where compose.yaml exists"),
        (", when: {changed: ['migrations/*']}", "", "only when migrations/* changes, and it did not"),
    ],
)
def test_skipped_only_for_a_declared_reason(made: Actions, more: str, environment: str, reason: str) -> None:
    first, _ = planned(made, line("a", more=more) + USES, environment)
    assert (first.state, first.reason) == (State.SKIPPED, reason)


def test_a_condition_that_holds_does_not_skip(made: Actions, repository: Repository) -> None:
    repository.write("migrations/1.py", "")
    repository.commit()
    first, _ = planned(made, line("a", more=", when: {changed: ['migrations/*'], exists: [migrations]}") + USES)
    assert first.state is State.RUN


def test_a_condition_that_cannot_be_judged_is_an_error(
    made: Actions, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("second")
    shallow = tmp_path / "shallow"
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.path}", str(shallow))
    monkeypatch.chdir(shallow)
    first, _ = planned(made, line("a", more=", when: {changed: ['migrations/*']}") + USES)
    assert first.state is State.UNKNOWN
    assert "shallow" in first.reason
    assert "fetch-depth: 0" in first.fix


def test_sections_belong_to_their_environment(made: Actions) -> None:
    items = line("a").replace("quality", "there") + USES
    assert planned(made, items, "production")[0].reason == "only for environment staging, this is production"
    assert planned(made, items, "staging")[0].state is State.RUN


def test_code_and_the_rest_can_be_kept_apart(made: Actions) -> None:
    items = line("a") + line("b", "coder") + USES
    assert [entry.id for entry in planned(made, items, code="only")] == ["b"]
    assert [entry.id for entry in planned(made, items, code="without")] == ["a", "uses"]


def test_a_planned_item_needs_no_check(made: Actions) -> None:
    first, _ = planned(made, line("a", "to-come", ", planned: true") + USES)
    assert (first.state, first.reason) == (State.PLANNED, "no machine looks at this yet")


def test_an_operation_is_no_item(made: Actions) -> None:
    module = made.root / "plain" / "plain.py"
    module.write_text(module.read_text().replace("def check", "def operate"))
    assert "'plain' is an operation; items look, they never act" in problems(made, line("a") + USES)[0]


def test_close_can_only_warn(made: Actions) -> None:
    first, _ = planned(
        made, line("a").replace("pre-deploy", "close") + USES.replace("pre-deploy", "close"), phase="close"
    )
    assert first.severity == "warn"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (", when: {environment: [prodution]}", "there is no environment 'prodution'; did you mean 'production'?"),
        (", when: {environment: []}", "at least 1 value"),
        (", when: {branch: []}", "at least 1 value"),
        (", when: {event: [pull-request]}", "did you mean 'pull_request'?"),
        (", planned: true", "the check 'plain' is built; waive the line, with an end, or declare it not-applicable"),
    ],
)
def test_nothing_switches_a_line_off_by_mistake(made: Actions, more: str, message: str) -> None:
    assert any(message in problem for problem in problems(made, line("a", more=more) + USES))


def test_a_section_names_an_environment_that_exists(made: Actions) -> None:
    items = line("a") + USES
    path = Path("checklist.yml")
    path.write_text((HEAD + items).replace("environment: staging", "environment: stagin"))
    with pytest.raises(Misconfigured, match="there is no environment 'stagin'; did you mean 'staging'"):
        plan.make(loading.load(path), made.catalog, phase=Phase.VERIFY)


def test_what_does_not_apply_needs_no_inputs(made: Actions) -> None:
    first, _ = planned(made, line("a", "probe", ", not-applicable: 'no such thing'") + USES)
    assert first.state is State.SKIPPED


def test_a_variable_that_no_environment_has_gets_a_suggestion(made: Actions) -> None:
    first, _ = planned(made, line("a", "probe", ', with: {url: "${shop_ulr}"}') + USES, "production")
    assert first.reason == "not set up: shop_ulr of the environment; did you mean 'shop_url'?"
