"""The report as one HTML page that needs nothing from anywhere else."""

from __future__ import annotations

from deploy_gate.engine.gate import Report
from deploy_gate.report import view
from deploy_gate.report.markdown import line_of
from deploy_gate.units import show_duration

_SHOWN = 20
_TEMPLATE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ view.headline(report) }}</title>
<style>
  :root { color-scheme: light dark; --line: #8884; --soft: #8881; }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.5rem; margin: 0 0 .5rem; }
  .go { border-left: .4rem solid #1a7f37; } .no-go { border-left: .4rem solid #cf222e; }
  .could-not-tell { border-left: .4rem solid #8250df; }
  header { padding: .75rem 1rem; background: var(--soft); border-radius: .4rem; margin-bottom: 1rem; }
  details { margin: .5rem 0; border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .8rem; }
  summary { cursor: pointer; font-weight: 600; }
  table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
  td, th { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-top: 1px solid var(--line); }
  td:first-child { white-space: nowrap; } code, small { opacity: .75; } ul { margin: .2rem 0; padding-left: 1.2rem; }
  td { overflow-wrap: anywhere; } td:nth-child(2) { min-width: 14rem; }
</style>
<header class="{{ report.verdict.word }}">
  <h1>{{ icon }} {{ view.headline(report) }}</h1>
  {% if deciding %}{% set result = deciding.judged.result %}
  <p><strong>{{ deciding.entry.title }}</strong> (<code>{{ deciding.judged.id }}</code>) {{ result.status }}:
    {{ result.found }}{% if result.fix %}<br>→ {{ result.fix }}{% endif %}</p>
  {% else %}<p><strong>{{ report.verdict.why }}</strong></p>{% endif %}
  <p>{{ view.facts(report) }} · {{ report.started.strftime("%Y-%m-%d %H:%M UTC") }}</p>
  {% for note in report.notes %}<p>{{ note }}</p>{% endfor %}
</header>
{% for group in view.groups(report) %}
<details{% if not group.well %} open{% endif %}>
  <summary>{{ group.line }}</summary>
  <table>
    <tr>{% for name in columns %}<th scope="col">{{ name }}</th>{% endfor %}</tr>
    {% for row in group.rows %}{% set result = row.judged.result %}
    <tr><td>{{ view.label(row) }}</td><td>{{ row.entry.title }}<br><code>{{ row.judged.id }}</code></td>
      <td>{{ result.found }}{% if result.evidence %}
        <ul>
          {% for entry in result.evidence[:shown] %}<li>{{ line_of(entry) }}</li>{% endfor %}
          {% set more = result.evidence|length - shown %}
          {% if more > 0 %}<li>{{ more }} more in report.json</li>{% endif %}
        </ul>{% endif %}</td>
      <td>{{ result.fix }}</td>
      <td><small>{{ show_duration(result.seconds) if result.seconds else "" }}</small></td></tr>
    {% endfor %}
  </table>
</details>
{% endfor %}
</html>
"""


def document(report: Report) -> str:
    """The page as text; every value is escaped by the template engine."""
    import jinja2  # not needed by a gate that writes no report folder

    engine = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    icon = view.WORD_ICONS[report.verdict.word]
    template = engine.from_string(_TEMPLATE)
    helpers = {"view": view, "line_of": line_of, "show_duration": show_duration, "shown": _SHOWN}
    columns = ("Status", "Line", "Found", "Next step", "Time")
    return template.render(report=report, icon=icon, columns=columns, deciding=view.deciding(report), **helpers)
