"""The checklist as a Markdown document: its `document:` text with the generated parts filled in.

`document` renders boxes to tick, word for word; `reference` says under the same headings how each line is proven.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deploy_gate.checklist import variables
from deploy_gate.checklist.loading import Source
from deploy_gate.checklist.model import Checklist, Item, Section, Thresholds, Trigger
from deploy_gate.problems import Misconfigured, nearest
from deploy_gate.result import Severity
from deploy_gate.tables import table

COMMENT = (
    "<!-- Generated from checklist.yml by `python3 scripts docs`: change that file, then run the command again. -->"
)
_BLANK = "_" * 17

Known = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Style:
    """How the lines of one section and of one band of triggers are written."""

    items: Callable[[dict[str, Item], Known], str]
    triggers: Callable[[dict[str, Trigger]], str]


def document(source: Source, environment: str = "production") -> str:
    """The document with a box for every item.

    Titles are filled from `environment`, those of a section that belongs to one environment from that one.
    Misconfigured when `document:` is missing or names a part that does not exist.
    """
    return _render(source, environment, _Style(_boxes, _bullets))


def reference(source: Source) -> str:
    """The document for users: each line with its id, the check that proves it and the phases that look at it."""
    title, _, rest = _render(source, "", _Style(_proofs, _rules)).partition("\n")
    return f"{COMMENT}\n\n{title}\n\n{_introduction(source.checklist)}\n{rest}"


def _render(source: Source, environment: str, style: _Style) -> str:
    checklist = source.checklist
    known = _environment(checklist, environment) | _parts(checklist, environment, style) | _lists(checklist, style)
    unknown = [name for name in variables.names(checklist.document) if name not in known]
    problems = [
        source.problem(("document",), f"document: unknown '${{{name}}}'{nearest(name, known)}") for name in unknown
    ]
    if not checklist.document:
        problems = [source.problem(("document",), "there is no `document:` to render")]
    if problems:
        raise Misconfigured(problems)
    return str(variables.fill(checklist.document, known))


def _environment(checklist: Checklist, name: str) -> Known:
    block = checklist.environments.get(name)
    return {"title": checklist.title, **checklist.variables(), **(block.variables() if block else {})}


def _parts(checklist: Checklist, environment: str, style: _Style) -> Known:
    """`part.<heading in lower case, with hyphens>`: the heading and its sections."""
    found: Known = {}
    for name, section in checklist.sections.items():
        key = "part." + re.sub(r"[^a-z0-9]+", "-", section.part.lower()).strip("-")
        text = _section(checklist, name, section, environment, style)
        found[key] = f"{found.get(key, f'## {section.part}')}\n\n{text}"
    return found


def _section(checklist: Checklist, name: str, section: Section, environment: str, style: _Style) -> str:
    items = {key: item for key, item in checklist.items.items() if item.section == name}
    return f"### {section.title}\n{style.items(items, _environment(checklist, section.environment or environment))}"


def _lists(checklist: Checklist, style: _Style) -> Known:
    bands: dict[str, dict[str, Trigger]] = {"immediate": {}, "consider": {}}
    for key, trigger in checklist.triggers.items():
        bands[trigger.band][key] = trigger
    return {
        **{f"triggers.{band}": style.triggers(triggers) for band, triggers in bands.items()},
        "thresholds": "\n\n".join(_thresholds(table) for table in checklist.thresholds.values()),
        "metrics": _bulleted(f"{metric.title} (target: {metric.target})" for metric in checklist.metrics.values()),
        "improvement": _bulleted(checklist.improvement),
        "review": _bulleted(field if ":" in field else f"{field}: {_BLANK}" for field in checklist.review),
    }


def _thresholds(table: Thresholds) -> str:
    width = len(table.columns[0])
    dashes = "|".join("-" * (len(column) + 2) for column in table.columns)
    rows = [
        f"| {row.title.ljust(width)} | < {row.target} | > {row.warning} | > {row.critical} |"
        for row in table.rows.values()
    ]
    return "\n".join([f"### {table.title}", f"| {' | '.join(table.columns)} |", f"|{dashes}|", *rows])


def _bulleted(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _boxes(items: dict[str, Item], known: Known) -> str:
    return _bulleted(f"[ ] {variables.fill(item.title, known)}" for item in items.values())


def _bullets(triggers: dict[str, Trigger]) -> str:
    return _bulleted(trigger.title for trigger in triggers.values())


def _introduction(checklist: Checklist) -> str:
    measured = sum(not item.planned for item in checklist.items.values())
    return f"""\
Every line has an id, a check that proves it, and the phases in which it is looked at: {measured} of {len(checklist.items)} lines are
measured today. A *planned* line has no check yet: it is shown as pending and never decides. What a line *needs* is a
key in the environment's block of your checklist file, named as `${{key}}` in titles and inputs; without it the line is
listed as not set up. What your product does not have you declare once: `items.ID.not-applicable: "the reason"`.
"""  # noqa: E501 - the figures are shorter than the expressions that give them


def _proofs(items: dict[str, Item], known: Known) -> str:
    rows = [
        (f"`{key}`", str(variables.fill(item.title, known)), _proof(item), ", ".join(item.phases))
        for key, item in items.items()
    ]
    return "\n" + table(("Id", "Line", "Proven by", "Phases"), rows)


def _proof(item: Item) -> str:
    needs = dict.fromkeys((*item.needs, *variables.names(list(item.with_.values()))))
    notes = [f"needs `{name}`" for name in needs if "." not in name and name not in variables.MAY_BE_EMPTY]
    notes += ["runs your code"] if item.runs_code else []
    notes += ["warns only"] if item.severity is Severity.WARN else []
    return "; ".join([_check(item.check, item.planned), *notes])


def _check(name: str, planned: bool) -> str:
    return f"`{name}`, planned" if planned else f"[`{name}`](../actions/{name}/action.yml)"


def _rules(triggers: dict[str, Trigger]) -> str:
    rows = [(f"`{key}`", one.title, one.rule, _check(one.check, one.planned)) for key, one in triggers.items()]
    return "\n" + table(("Id", "Reason", "Rule", "Seen by"), rows)
