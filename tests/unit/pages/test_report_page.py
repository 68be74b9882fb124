"""The page of one report: everything is on it, nothing on it is more than text, and it loads nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from full_reports import CLASSES, HOSTILE, full_report, over_time
from html_pages import harmless

from deploy_gate.checklist.loading import load
from deploy_gate.pages import deployment, layout, measured
from deploy_gate.pages.charts import MOST_POINTS, Chart, Series
from deploy_gate.pages.sheet import Line, of_json, of_report
from deploy_gate.report import machine, page
from deploy_gate.result import Status


def test_every_line_is_there_and_hostile_texts_are_only_text() -> None:
    report = full_report()
    found = harmless(page.document(report))
    for row in report.rows:
        assert row.judged.id in found.text
    assert found.text.count("<script>alert(1)</script><img src=x onerror=alert(1)>") >= 20
    assert "&amp;" in found.text, "what looks like an entity is text as well"


def test_the_deciding_line_comes_first() -> None:
    report = full_report()
    text = page.document(report)
    decided = report.verdict.decided_by
    assert decided is not None
    head = text[text.index("<header") : text.index("</header>")]
    assert f"<code>{decided}</code>" in head
    assert "No-go" in head
    assert text.index("<header") < text.index("<main")


def test_sections_with_nothing_to_read_are_folded_and_evidence_always_is() -> None:
    fine = page.document(full_report(status=Status.PASSED))
    assert '<details class="section" open>' not in fine
    bad = page.document(full_report(status=Status.FAILED))
    assert bad.count('<details class="section" open>') == bad.count('<details class="section"')
    assert "<details open><summary>" not in bad


def test_a_page_of_much_evidence_is_bounded_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = page.document(full_report())
    assert "in report.json" not in whole
    monkeypatch.setattr(page, "LIMIT", len(whole.encode()) - 1)
    text = page.document(full_report())
    assert len(text) < len(whole)
    assert "<li>40 more in report.json</li>" in text


def test_a_recorded_report_shows_the_same_lines() -> None:
    report = full_report()
    recorded = json.loads(json.dumps(machine.document(report)))
    known = deployment.titles(load(None).checklist)
    old, new = of_json(recorded, known), of_report(report)
    assert [line.id for line in old.lines] == [line.id for line in new.lines]
    assert [line.found for line in old.lines] == [line.found for line in new.lines]
    assert [one.title for one in old.sections] == [one.title for one in new.sections]
    assert (old.headline, old.counts) == (new.headline, new.counts)
    assert old.deciding is not None
    assert old.deciding.id == report.verdict.decided_by


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"items": "no list", "verdict": ["x"], "seconds": "x", "started": 5},
        {"items": [1, None, {"id": None, "evidence": "x", "seconds": True, "status": 7}], "verdict": HOSTILE},
        {"items": [{"evidence": [1, {"message": HOSTILE}], "section": HOSTILE, "measured": 1e400}], "decided_by": {}},
    ],
)
def test_a_recorded_report_may_be_anything(data: dict[str, Any]) -> None:
    sheet = of_json(data, {})
    harmless(page.rendered(sheet, 20))


def test_a_recorded_report_is_bounded() -> None:
    series = [{"at": str(place), "class": str(place), "p95_ms": place} for place in range(5000)]
    items = [{"id": "it", "status": "passed", "evidence": series}, *({"id": str(place)} for place in range(3000))]
    sheet = of_json({"items": items}, {})
    assert len(sheet.lines) == 1000
    assert sheet.notes == ["2001 more lines are not shown"]
    (chart,) = measured.charts(sheet.lines)
    assert (len(chart.series), len(chart.labels)) == (6, MOST_POINTS)


def line(*evidence: dict[str, Any], **more: Any) -> Line:
    return Line("it", "A line", "passed", "found", check="traffic", evidence=evidence, **more)


def test_a_series_becomes_a_chart_for_each_kind_of_number() -> None:
    charts = measured.charts([line(*over_time())])
    assert [(one.unit, [series.name for series in one.series]) for one in charts] == [
        ("ms", ["read", "write"]),
        ("share", ["read", "write"]),
    ]
    times = charts[0]
    assert times.series[0].values[12] is None, "a gap is no zero"
    assert len(times.paths[0].pieces) == 2, "and the line is broken there"
    assert times.told == "read: 490 ms at the end, 200 ms to 490 ms; write: 640 ms at the end, 350 ms to 640 ms"


@pytest.mark.parametrize(
    "evidence",
    [
        [{"at": "a", "p95_ms": "x"}, {"at": "b", "p95_ms": None}],
        [{"at": "a", "p95_ms": float("inf")}, {"at": "b", "p95_ms": -1}],
        [{"at": 1, "p95_ms": 1}, {"at": 2, "p95_ms": 2}],
        [{"at": "a", "p95_ms": 1}],
        [{"at": "a", "p95": 1}, {"at": "b", "p95": 1}],
    ],
)
def test_what_is_no_series_is_no_chart(evidence: list[dict[str, Any]]) -> None:
    assert measured.charts([line(*evidence)]) == []


def test_many_points_are_thinned_without_losing_a_peak() -> None:
    values = [1.0] * 5000
    values[3333] = 90.0
    chart = Chart("c", "Times", "ms", [str(place) for place in range(5000)], [Series("a", values)], bad=frozenset([42]))
    thin = chart.thinned()
    assert len(thin.labels) == MOST_POINTS
    assert max(value for value in thin.series[0].values if value is not None) == 90.0
    assert thin.title == "Times (each point is the highest of 25)"
    assert thin.bad == {1}


@pytest.mark.parametrize(
    ("highest", "top"), [(0.0, 1.0), (0.0009, 0.001), (1.0, 1.0), (1.1, 2.0), (490, 800), (810, 1000)]
)
def test_the_axis_ends_at_a_round_number(highest: float, top: float) -> None:
    assert Chart("c", "T", "ms", ["a"], [Series("a", [highest])]).top == pytest.approx(top)


def test_bars_tell_value_and_limit() -> None:
    found = measured.bars(
        [
            line(*CLASSES, target=500.0, measured=240.0),
            line(*CLASSES, target=0.001, measured=0.002),
            Line("web", "Page", "passed", "found", check="http-endpoint", target=0.5, measured=0.61),
            Line("down", "Page", "failed", "found", check="http-endpoint", target=200, measured=503),
        ]
    )
    assert [one.title for one in found] == [
        "95 % of the requests were answered within",
        "Requests that failed",
        "Answer times",
    ]
    assert [(bar.name, bar.value, bar.limit, bar.over) for bar in found[0].rows] == [
        ("read", "240 ms", "500 ms", False),
        ("write", "610 ms", "500 ms", True),
        ("health", "4 ms", "500 ms", False),
    ]
    assert [bar.value for bar in found[1].rows] == ["0.050%", "1.000%", "0.000%"]
    assert [bar.name for bar in found[2].rows] == ["Page"], "a status is no time"


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "https://x\u202ey", ""]
)
def test_only_addresses_of_the_web_are_links(address: str) -> None:
    assert layout.link(address) == ""


def test_templates_escape_by_default() -> None:
    folder = Path(layout.__file__).parent / "templates"
    for path in folder.glob("*.html"):
        text = path.read_text()
        assert "|safe" not in text.replace(" ", "")
        assert "autoescape" not in text
