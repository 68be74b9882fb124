"""The changelog parser: versions, entries and faults with their lines; it never raises."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deploy_gate.facts.changelog_file import parse

GOOD = """\
# Changelog
All notable changes, see [the form](https://form.example).
- a bullet before any version is none

## [Unreleased]

### Added
- Search for customers
  by telephone number
* Stars work too
    - and nested ones

### Fixed ###
<!--
- not an entry
## nor a heading
-->
- <!-- empty -->
-
- - -
1. a numbered line is no bullet
```
## code
- no entry
```
## [1.10.0] - 2026-03-01 [YANKED]
### removed
- Old report
## v1.9.0-rc.1+5 – 2026-03-01
### Security
- Longer passwords
## [1.8.2](https://host.example/compare/a...b) (2025-12-31)
### Deprecated
- Nothing in use
### Changed
Words only.

[Unreleased]: https://host.example/compare
"""


def test_reads_what_the_form_allows() -> None:
    found = parse(GOOD)
    assert found.faults == []
    assert [(one.name, str(one.day), one.line) for one in found.versions] == [
        ("unreleased", "None", 5), ("1.10.0", "2026-03-01", 26), ("1.9.0-rc.1+5", "2026-03-01", 29),
        ("1.8.2", "2025-12-31", 32),
    ]  # fmt: skip
    assert [(one.text, one.line) for one in found.bullets] == [
        ("Search for customers by telephone number", 8), ("Stars work too", 10), ("and nested ones", 11),
        ("Old report", 28),
        ("Longer passwords", 31), ("Nothing in use", 34),
    ]  # fmt: skip


def test_line_ends_do_not_matter() -> None:
    assert parse(GOOD.replace("\n", "\r\n")) == parse(GOOD) == parse(GOOD.replace("\n", "\r"))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "the file is empty"),
        (" \n\t\n", 1, "the file is empty"),
        ("# Changelog\n- x\n", 1, "there is no version"),
        ("# C\n```\n## [Unreleased]\n", 1, "there is no version"),
        ("## [Unreleased]\n## 1.0.0 - 2025-13-40\n", 2, "version 1.0.0 has the date '2025-13-40', which is not one"),
        ("## 1.0.0 - 2025-02-29\n", 1, "'2025-02-29', which is not one"),
        ("## 1.0.0 - 31.01.2025\n", 1, "'31.01.2025', which is not one"),
        ("## 1.0.0 - 2025-1-2\n", 1, "'2025-1-2', which is not one"),
        ("## [1.0.0]\n", 1, "version 1.0.0 has no date: write it as 2027-01-31"),
        ("## Added\n", 1, "the heading 'Added' has no version"),
        ("##\n", 1, "the heading '' has no version"),
        ("## 2025-01-31\n", 1, "the heading '2025-01-31' has no version"),
        ("## [] - 2025-01-31\n", 1, "has no version"),
        ("## 1.0.0 - 2025-01-01\n## 1.1.0 - 2025-02-01\n", 2, "1.1.0 (2025-02-01) stands below 1.0.0 (2025-01-01)"),
        ("## 1.0.0 - 2025-01-01\n## [Unreleased]\n", 2, "[Unreleased] stands below version 1.0.0"),
        ("## 1.0.0 - 2025-01-01\n\n## [v1.0.0] - 2025-01-01\n", 3, "version 1.0.0 stands here again, first on line 1"),
        ("## [Unreleased]\n## unreleased\n", 2, "version unreleased stands here again, first on line 1"),
        ("## [Unreleased]\n### Fixes\n", 2, "unknown section 'Fixes'; did you mean 'Fixed'?"),
        ("## [Unreleased]\n### \n", 2, "unknown section ''"),
        ("## [Unreleased]\n### Bug\x1b[2J\n", 2, "unknown section 'Bug�[2J'"),
    ],
)
def test_names_each_fault_and_its_line(text: str, line: int, said: str) -> None:
    faults = parse(text).faults
    assert [fault.line for fault in faults] == [line]
    assert said in faults[0].message
    assert len(faults[0].message) < 300


def test_lists_all_faults_in_order() -> None:
    text = "## x\n### y\n## 1.0.0 - 2025-99-99\n## 0.9.0 - 2024-01-01\n## 0.8.0 - 2024-02-01\n"
    assert [fault.line for fault in parse(text).faults] == [1, 2, 3, 5]


_TOKENS = (
    "# ## |## |### |[|]|(|)|1.0.0|v|Unreleased| - |2025-01-01|2025-13-40|- |* |```|~~~|<!--|-->|[YANKED]|Added| |x"
)
_PIECES = st.sampled_from([*_TOKENS.split("|"), "\n", "\r", "\t", "\0", "\x0b", "\u2028", "\ud800"])


@given(st.one_of(st.text(), st.lists(_PIECES).map("".join)))
@example("## [" + "9" * 5000 + "] - 2025-01-01\n")
def test_never_raises(text: str) -> None:
    found = parse(text)
    count = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    assert found.versions or found.faults
    assert all(1 <= fault.line <= count and fault.message.isprintable() for fault in found.faults)
    assert all(1 <= bullet.line <= count for bullet in found.bullets)


@pytest.mark.parametrize(
    "piece",
    [
        "<!---->",
        "<!--",
        "- ",
        "## " + " " * 2000 + "x\n",
        "#" * 50 + " ",
        "[" * 9,
        " ",
        "```\n",
        "- x\n",
        "## [1",
        "x\n- a\n  b\n",
    ],
)
def test_a_large_file_is_read_to_its_end(piece: str) -> None:
    for start in ("", "## [Unreleased]\n", "## [Unreleased]\n- x", "## "):
        # A parser that goes back over what it read would not come to an end here.
        found = parse(start + piece * (300_000 // len(piece)))
        assert found.versions or found.faults
