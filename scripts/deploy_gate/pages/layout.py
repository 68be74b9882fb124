"""The frame of every page: one inline style sheet, no script, and a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy_gate.report.answer import line_of
from deploy_gate.result import Status
from deploy_gate.units import counted, show_duration

if TYPE_CHECKING:
    import jinja2

HERE = Path(__file__).parent
# Of the kind that every font has: a page may not bring one along.
_ICONS = {
    Status.PASSED: "✓",
    Status.WARNED: "!",
    Status.FAILED: "✗",
    Status.ERROR: "?",
    Status.SKIPPED: "–",
    Status.WAIVED: "~",
    Status.ATTESTED: "✎",
    Status.PENDING: "…",
}


def render(template: str, **values: Any) -> str:
    """The page as text; every value is escaped by the template engine."""
    return _engine().get_template(template).render(**values)


def link(address: str) -> str:
    """The address where it may be clicked on, else nothing: a page must not carry `javascript:` or the like."""
    return address if address.startswith(("https://", "http://")) and address.isprintable() else ""


@cache
def _engine() -> jinja2.Environment:
    import jinja2  # not needed by a gate that writes no report folder

    engine = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for sheet in ("style", "brief"):
        # As a template, too: what stands in our own files is the only text that is not escaped.
        engine.globals[f"{sheet}_policy"] = _policy(engine.get_template(f"{sheet}.css").render())
    engine.globals |= {"icons": {str(one): icon for one, icon in _ICONS.items()}}
    engine.globals |= {"line_of": line_of, "show_duration": show_duration, "counted": counted, "link": link}
    return engine


def _policy(style: str) -> str:
    """Nothing but this very style sheet."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
