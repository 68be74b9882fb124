"""The site: a page for every deployment, nothing on it but text, and nothing built from a ledger that does not hold."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deployments import END, entry
from full_reports import HOSTILE, full_report
from html_pages import harmless
from ledgers import Deployed, errors, history, p95, report, written

from deploy_gate.checklist.loading import load
from deploy_gate.checklist.model import Phase
from deploy_gate.commands import site_command
from deploy_gate.ledger.entry import Kind, Outcome, Times
from deploy_gate.pages import archive, site
from deploy_gate.problems import Misconfigured
from deploy_gate.report import machine
from deploy_gate.result import CouldNotTell


def built(folder: Path, deployed: list[Deployed], whole: int = 200) -> dict[str, str]:
    """Every page of the site by its path."""
    pages: dict[str, str] = {}
    there = archive.opened(written(folder, deployed))
    number = site.build(there, load(None).checklist, site.Options(END, whole), pages.__setitem__)
    assert number == len(pages)
    return pages


def test_every_page_is_harmless_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    pages = built(tmp_path / "l", history(40, machine.document(full_report(Phase.PRE_DEPLOY))), whole=10)
    assert len([path for path in pages if path.startswith("deployments/")]) == 40
    for path, text in pages.items():
        found = harmless(text)
        for _, name, value in found.attributes:
            if name == "href" and value.endswith(".html"):
                target = (Path("/") / path).parent / value
                assert str(target.resolve()).removeprefix("/") in pages, f"{path} leads to {value}"


def test_what_came_later_stands_on_the_page_of_the_deployment(tmp_path: Path) -> None:
    went = entry(2, "b", times=Times(300))
    back = entry(1.9, "a", Outcome.ROLLED_BACK, Kind.ROLLBACK, left="b")
    pages = built(tmp_path / "l", [(entry(3, "a"), {}), (went, {}), (replace(back, reason="slow"), {})])
    assert "deployed, later rolled back" in pages["deployments/2.html"]
    assert '<a href="3.html">number 3</a>' in pages["deployments/2.html"]
    assert '<tr data-mood="bad" class="mark">' in pages["index.html"]
    assert "<h1>production: deployed</h1>" in pages["deployments/1.html"]


def test_evidence_that_is_not_what_was_recorded_is_not_shown(tmp_path: Path) -> None:
    folder = written(tmp_path / "l", [(entry(1, "a"), {"reports": [report(p95(200.0))]})])
    (folder / "entries" / "1.json").write_text(json.dumps({"reports": [report(p95(900.0))]}))
    pages: dict[str, str] = {}
    site.build(archive.opened(folder), load(None).checklist, site.Options(END), pages.__setitem__)
    assert "the hash differs, so it is not shown" in pages["deployments/1.html"]
    assert "p95 passed" not in pages["deployments/1.html"]


@pytest.mark.parametrize(
    "document",
    [
        {"watch": {"points": [1, {"at": 5}, {"at": "x", "p95_ms": "y"}, {"at": HOSTILE, "p95_ms": 1e300}]}},
        {"watch": [1]},
        {"reports": "none", "deploy": [1], "rollback": "x"},
        {"reports": [1, {"phase": "monitor", "items": 5}, {"items": [1], "started": "x", "seconds": "y"}]},
        {
            "reports": [
                {"phase": HOSTILE, "started": "2026-11-25T02:30:00", "seconds": 1e308, "items": [], "verdict": []}
            ]
        },
        {"deploy": {"status": HOSTILE, "found": HOSTILE, "evidence": [{"message": HOSTILE}, 3]}},
        {"reports": [{"phase": "monitor", "items": [{"id": "p95", "measured": float("1e300"), "evidence": {"a": 1}}]}]},
    ],
)
def test_recorded_evidence_may_be_anything(document: dict[str, Any], tmp_path: Path) -> None:
    for text in built(tmp_path / "l", [(entry(1, "a"), document)]).values():
        harmless(text)


def test_a_broken_chain_builds_nothing(tmp_path: Path) -> None:
    folder = written(tmp_path / "l", history(3))
    file = folder / "ledger.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"seq":2', b'"seq":4'))
    with pytest.raises(CouldNotTell, match="nothing is built from it: line 2 has number 4"):
        site_command.run([str(folder), str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_an_empty_ledger_is_a_site_without_deployments(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").write_bytes(b"")
    assert site_command.run([str(tmp_path), str(tmp_path / "out")]) == 0
    assert "Nothing was deployed yet." in (tmp_path / "out" / "index.html").read_text()


def test_months_are_cut_and_the_first_page_lists_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "ROWS", 100)
    pages = built(tmp_path / "l", history(300), whole=0)
    assert pages["index.html"].count("<tr data-mood") == site.NEWEST
    months = sorted(path for path in pages if path.startswith("month-"))
    assert months == ["month-2026-10-2.html", "month-2026-10.html", "month-2026-11-2.html", "month-2026-11.html"]
    assert sum(pages[path].count("<tr data-mood") for path in months) == 300


def test_figures_and_charts_stand_on_their_pages(tmp_path: Path) -> None:
    pages = built(tmp_path / "l", history(60))
    for name in ("Deployment frequency", "Change failure rate", "Mean time to recovery", "Response time of 95 %"):
        assert name in pages["metrics.html"]
    assert pages["metrics.html"].count("<svg viewBox") >= 10
    assert "Requests that failed" in pages["index.html"]


def test_the_trend_of_what_users_met(tmp_path: Path) -> None:
    """Median by window: the last ninety days beside those before, and a line over the months."""
    before: list[Deployed] = [(entry(days, "a", met={"p95": 200.0, "errors": 0.0001}), {}) for days in (170, 150, 110)]
    now: list[Deployed] = [(entry(days, "b", met={"p95": 320.0, "errors": 0.0005}), {}) for days in (80, 45)]
    page = built(tmp_path / "l", [*before, *now, (entry(5, "c"), {})])["metrics.html"]
    rows = dict(re.findall(r'<tr><th scope="row">([^<]*)</th>(.*)</tr>', page))
    cells = re.findall(r">([^<>]+)<", rows["Response time (p95, median)"])
    assert cells == ["320 ms", "—", "—", "2 of 3", "200 ms"]
    assert re.findall(r">([^<>]+)<", rows["Requests that failed (median)"])[::4] == ["0.050%", "0.010%"]
    assert "30 days until then: 320 ms at the end, 200 ms to 320 ms" in page
    assert "health document (median)" not in page


def test_what_the_watch_saw_is_drawn(tmp_path: Path) -> None:
    points = [
        {"at": f"+{place}:00", "p95_ms": 200 + place, "errors_share": 0.07, "health_share": 1} for place in (1, 2)
    ]
    watched = {"verdict": "no-go", "points": points}
    bad = (entry(1, "b", Outcome.FELL_BACK), {"reports": [], "watch": watched})
    good = (entry(2, "a"), {"reports": [report(p95(200.0))], "watch": watched})
    pages = built(tmp_path / "l", [good, bad])
    for name in ("p95", "errors", "health"):
        assert f"While it was watched: {name}" in pages["deployments/2.html"]
    # What a line measured counts; else the worst moment of the watch.
    assert "202 ms at the end, 200 ms to 202 ms" in pages["metrics.html"]
    assert "7 % at the end" in pages["metrics.html"]


def test_only_a_site_of_ours_is_replaced(tmp_path: Path) -> None:
    folder, out = written(tmp_path / "l", history(3)), tmp_path / "out"
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    with pytest.raises(Misconfigured, match="holds something else than a site of ours"):
        site_command.run([str(folder), str(out)])
    (out / "precious.txt").unlink()
    assert site_command.run([str(folder), str(out)]) == 0
    (out / "deployments" / "99.html").write_text("left over")
    assert site_command.run([str(folder), str(out)]) == 0
    assert {path.name for path in (out / "deployments").iterdir()} == {"1.html", "2.html", "3.html"}
    assert (out / ".nojekyll").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"l", "out"}, "nothing is left beside it"
    (tmp_path / "link").symlink_to(out)
    with pytest.raises(Misconfigured, match="is a link"):
        site_command.run([str(folder), str(tmp_path / "link")])


def test_a_page_that_cannot_be_written_is_not_silent(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), site.into(tmp_path / "out") as write:
        write("no-such-folder/index.html", "a")


def test_the_backtest_has_its_page(tmp_path: Path) -> None:
    slow = (entry(1, "b", Outcome.FELL_BACK), {"reports": [report(p95(900.0), errors(0, 5000, "passed"))]})
    pages = built(tmp_path / "l", [(entry(2, "a"), {"reports": [report(p95(200.0))]}), slow])
    assert "1 caught, 1 rightly kept." in pages["backtest.html"]
