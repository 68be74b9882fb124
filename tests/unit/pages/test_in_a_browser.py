"""The pages in a real browser: nothing is asked for, nothing refused, axe finds nothing, and a keyboard is enough."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, Look, browser
from deployments import END
from full_reports import full_report
from ledgers import history, written

from deploy_gate.checklist.loading import load
from deploy_gate.checklist.model import Phase
from deploy_gate.pages import archive, site
from deploy_gate.report import machine, page

_SEEN_ROWS = "[...document.querySelectorAll('tr[data-status]')].filter((row) => row.checkVisibility()).map((row) => row.dataset.status)"
_FOCUS = "(document.activeElement.textContent || document.activeElement.id).trim()"
_WIDE = "document.scrollingElement.scrollWidth - window.innerWidth"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(page.document(full_report()), encoding="utf-8")
    return path


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A site with everything on it."""
    folder = written(tmp_path / "ledger", history(120, machine.document(full_report(Phase.PRE_DEPLOY))))
    with site.into(tmp_path / "site") as write:
        site.build(archive.opened(folder), load(None).checklist, site.Options(END, 30), write)
    return tmp_path / "site"


def test_a_report_in_light_and_dark(chromium: Browser, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text(page.document(full_report(most=14)), encoding="utf-8")
    # The same page with what must not be on it: whoever sees nothing there sees nothing anywhere.
    bad = tmp_path / "bad.html"
    planted = (
        '<img src="https://evil.example/x.png"><p style="color:#ccc">pale</p><script>document.title = "run"</script>'
    )
    bad.write_text(report.read_text().replace("</main>", f"{planted}</main>"), encoding="utf-8")
    worse = tmp_path / "worse.html"
    worse.write_text(f"<!doctype html><html lang=en><title>Bare</title><main><h1>Bare</h1>{planted}</main></html>")
    light, dark, refused, loose = chromium.look(
        Look(report, axe=True),
        Look(report, dark=True, axe=True),
        Look(bad, steps=[("eval", "document.title")]),
        Look(worse, axe=True),
    )
    for seen in (light, dark):
        assert (seen.violations, seen.requests, seen.said) == ([], [], [])
    assert refused.requests == [], "the page's policy lets nothing out"
    assert len(refused.said) >= 3, "image, style and script are refused"
    assert refused.answers == ["No-go · verify · production"]
    assert loose.requests == ["https://evil.example/x.png"], "and without it, this test would see it"
    assert {one.split(":")[0] for one in loose.violations} >= {"image-alt", "color-contrast"}


@pytest.mark.long
def test_the_filter_works_with_the_keyboard_alone_and_without_a_script(chromium: Browser, report: Path) -> None:
    steps = [
        ("press", "Tab"),
        ("eval", _FOCUS),
        ("press", "Enter"),
        ("eval", "document.activeElement.tagName"),
        ("press", "Tab"),
        ("eval", "document.activeElement.id"),
        ("eval", "getComputedStyle(document.activeElement).outlineStyle"),
        ("eval", _SEEN_ROWS),
        ("press", "ArrowDown"),
        ("eval", _SEEN_ROWS),
        *(("press", "ArrowDown") for _ in range(3)),
        ("eval", "document.activeElement.id"),
        ("eval", _SEEN_ROWS),
        ("press", "Tab"),
        ("eval", "document.activeElement.tagName"),
        ("press", "Enter"),
        ("eval", "document.activeElement.parentElement.open"),
    ]
    (seen,) = chromium.look(Look(report, steps=steps))
    first, where, radio, outline, everything, loud, failed, rows, summary, still_open = [
        answer for (what, _), answer in zip(steps, seen.answers, strict=True) if what == "eval"
    ]
    assert (first, where, radio) == ("Skip to the content", "MAIN", "show-all")
    assert outline != "none", "who walks by keyboard sees where he is"
    assert {"passed", "failed"} <= set(everything)
    assert loud == [one for one in everything if one in ("failed", "error", "warned", "waived")]
    assert failed == "show-failed"
    assert rows == ["failed"] * 3
    assert (summary, still_open) == ("SUMMARY", False), "the first section was open, and folds"


@pytest.mark.long
def test_every_kind_of_page_wide_in_light_and_narrow_in_dark(chromium: Browser, pages: Path, report: Path) -> None:
    names = ["index", "metrics", "backtest", "month-2026-11", "deployments/119", "deployments/5"]
    paths = [report, *(pages / f"{name}.html" for name in names)]
    looks = [
        Look(path, dark=dark, width=width, axe=True, steps=[("eval", _WIDE)])
        for path in paths
        for dark, width in ((False, 1280), (True, 360))
    ]
    for look, seen in zip(looks, chromium.look(*looks), strict=True):
        assert (look.path.name, seen.violations, seen.requests, seen.said) == (look.path.name, [], [], [])
        assert seen.answers[0] <= 0, f"{look.path.name} is wider than {look.width}"


@pytest.mark.long
def test_what_a_screen_reader_is_told(chromium: Browser, report: Path, pages: Path) -> None:
    one, two = chromium.look(Look(report, steps=[("tree", "")]), Look(pages / "index.html", steps=[("tree", "")]))
    tree = one.answers[0]
    for part in (
        "- banner:",
        "- main:",
        "- contentinfo:",
        '- heading "No-go · verify · production" [level=1]',
        '- group "Show":',
        '- columnheader "Next step"',
        'img "Watch server logs for errors: p95. read: 490 ms at the end, 200 ms to 490 ms; write: 640 ms',
        '- rowheader "All linting checks pass (Ruff) lint"',
    ):
        assert part in tree, tree[:3000]
    assert '- navigation "Site":' in two.answers[0]
    assert '- link "Metrics"' in two.answers[0]


@pytest.mark.long
def test_on_paper_everything_is_unfolded_and_dark_is_light(chromium: Browser, report: Path) -> None:
    back = "getComputedStyle(document.body).backgroundColor"
    hidden = "[...document.querySelectorAll('details tr')].filter((row) => !row.checkVisibility({ contentVisibilityAuto: true })).length"
    filter_ = "document.querySelector('fieldset').checkVisibility()"
    steps = [
        ("eval", back),
        ("eval", filter_),
        ("eval", hidden),
        ("media", "print"),
        ("eval", back),
        ("eval", filter_),
        ("eval", hidden),
    ]
    (seen,) = chromium.look(Look(report, dark=True, steps=steps))
    dark, shown, folded, _, paper, gone, left = seen.answers
    assert (dark, paper) == ("rgb(13, 17, 23)", "rgb(255, 255, 255)")
    assert (shown, gone) == (True, False)
    assert folded > 0
    assert left == 0
