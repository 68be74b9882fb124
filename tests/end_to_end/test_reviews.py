"""The weekly review and the building of the site, as cron jobs call them, on a ledger at a remote."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deployments import MOMENT
from github_server import GitHub
from support import ROOT

from deploy_gate.commands import init_command
from deploy_gate.facts.repository_facts import Facts
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger.entry import Entry, Kind, Outcome
from deploy_gate.workbench import act


@pytest.fixture
def shop(consumer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A consumer whose ledger holds a deployment of last week that fell back."""
    remote = consumer.scratch.parent / "remote.git"
    consumer.git("init", "-q", "--bare", str(remote))
    consumer.git("config", f"url.{remote}.insteadOf", "https://github.com/acme/shop.git")
    consumer.commit("feat: one")
    monkeypatch.chdir(consumer.path)
    ended = datetime.now(UTC) - timedelta(days=7)
    began = ended - timedelta(minutes=5)
    outcome = Outcome.FELL_BACK
    with branches.opened() as there:
        bad = Entry("production", "b" * 40, Kind.DEPLOY, outcome, began.strftime(MOMENT), ended.strftime(MOMENT))
        branches.append(there, bad, {})
    consumer.scratch.mkdir()
    return consumer


@pytest.fixture
def redirected(shop: Any, github: GitHub) -> Iterator[None]:
    """The product, its one change: GitHub of this test and the repository's name, which act cannot be told."""
    path = shop.staged.path / "actions/review/action.yml"
    text = path.read_text()
    assert text.count("run: exec") == 1
    path.write_text(text.replace("run: exec", f"run: GITHUB_API_URL={github.url} GITHUB_REPOSITORY=acme/shop exec"))
    yield
    path.write_text(text)


@pytest.mark.long
@pytest.mark.usefixtures("redirected")
def test_the_review_that_init_sets_up(shop: Any, github: GitHub) -> None:
    github.list("/issues")
    shop.write(".github/workflows/review.yml", init_command.workflow(Facts("main", ["true"]), "review"))
    shop.commit("ci: review")
    token = {"GITHUB_TOKEN": "ghs_token-of-this-run-0123456789"}
    variables = {"PRODUCTION_HOST": "deploy@erp.example"}
    where = act.Stage(shop.scratch, shop.staged.references, token, variables, event="schedule", lock="dev")
    found = act.run(shop.path, "review.yml", where, timeout=580)
    assert found.code == 0, found.jobs["review"].log
    titles = sorted(str(one["title"]) for one in github.list("/issues"))
    assert [title.partition(" in ")[0].partition(" 2")[0] for title in titles] == [
        "Deployments to production",
        "Post-deployment review: production",
    ]
    assert found.jobs["review"].outputs["review.found"].endswith("2 of 2 issues written")


@pytest.mark.long
def test_the_site_of_the_example_is_built(shop: Any) -> None:
    text = (ROOT / "examples/erp/.github/workflows/site.yml").read_text()
    shop.write(".github/workflows/site.yml", f"{text}    with:\n      publish: false\n")
    shop.commit("ci: site")
    where = act.Stage(shop.scratch, shop.staged.references, event="schedule", lock="dev")
    found = act.run(shop.path, "site.yml", where, timeout=580)
    assert found.code == 0, found.said
    assert {name: job.result for name, job in found.jobs.items() if job.result} == {"build": "success"}
    pages = found.artifact("github-pages")
    assert "production: fell back" in (pages / "deployments" / "1.html").read_text()
    assert (pages / "index.html").is_file()
