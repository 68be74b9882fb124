"""`init`: a first checklist file and workflows for the repository it stands in. Overwrites nothing."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from deploy_gate import arguments, bootstrap, branch_rule
from deploy_gate.atomic import write_all
from deploy_gate.catalog import Catalog
from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Phase
from deploy_gate.engine import plan
from deploy_gate.engine.entry import State
from deploy_gate.facts.repository_facts import Facts, look
from deploy_gate.problems import Misconfigured
from deploy_gate.units import counted

CHECKLIST = Path("checklist.yml")
_OTHERS = ("deploy", "monitor", "rollback", "review")
WORKFLOWS = {Path(f".github/workflows/{name}.yml"): name for name in ("deploy-gate", *_OTHERS)}
TEMPLATES = {"deploy-gate": "init_workflow.yml"} | {name: f"init_{name}.yml" for name in _OTHERS}


def run(argv: list[str]) -> int:
    """Write the files, tell the branch rule or set it, and say what is left to do."""
    parser = arguments.Parser("init", "Write a first checklist.yml and the workflows for this repository.")
    help_text = "set the branch rule on GitHub, with GITHUB_TOKEN; files that are there already are left as they are"
    parser.add_argument("--apply", action="store_true", help=help_text)
    apply = parser.parse(argv).apply
    facts = look(Path())
    wanted = [CHECKLIST, *WORKFLOWS]
    taken = [path for path in wanted if os.path.lexists(path)]
    if taken and not apply:
        listed = ", ".join(map(str, taken))
        raise Misconfigured([f"{listed} exist already; init overwrites nothing, move them away first"])
    if not taken:
        _write(facts)
    if apply:
        print(branch_rule.apply(facts.branch))
    elif not taken:
        print(branch_rule.told(facts.branch))
    return 0


def _write(facts: Facts) -> None:
    files = {CHECKLIST: checklist(facts)} | {path: workflow(facts, name) for path, name in WORKFLOWS.items()}
    try:
        write_all(files)
    except OSError as fault:
        raise Misconfigured([f"{fault.filename} cannot be written: {fault.strerror}; nothing was written"]) from None
    print(f"wrote {', '.join(map(str, files))}")
    for line in facts.seen:
        print(f"  found {line}")
    print(_left_to_do())


def _left_to_do() -> str:
    """What the plan of the first phase says of the new file: the file is valid, and this is still to set up."""
    source = loading.load(CHECKLIST)
    made = plan.make(source, Catalog(), phase=Phase.PULL_REQUEST)
    ready = [entry.id for entry in made.entries if entry.state is State.RUN]
    measured = (
        f"{counted(len(ready), 'item')} of a pull request can be measured from the first run: {', '.join(ready)}.\n"
    )
    return (
        measured if ready else "No item of a pull request can be measured here yet; take lines out of `items:`.\n"
    ) + (
        f"Next: `python3 {_scripts()} plan --phase pre-deploy --environment production` lists what is not set up.\n"
        "deploy.yml begins when the variables PRODUCTION_HOST and PRODUCTION_HOST_KEYS and the secret SSH_PRIVATE_KEY "
        "are there: docs/deploy.md\n"
        "Yours to decide, so it was not written: site.yml, which publishes all deployments as pages: docs/report.md"
    )


def _scripts() -> str:
    """How the user reaches us from here."""
    return min(os.path.relpath(bootstrap.ROOT / "scripts"), str(bootstrap.ROOT / "scripts"), key=len)


def checklist(facts: Facts) -> str:
    """A checklist file that says what was found and lists, as comments, what only a person knows."""
    lines = [
        "# yaml-language-server: $schema=https://raw.githubusercontent.com/tsh/deploy-gate/v1/docs/checklist.schema.json",
        "version: 1",
        "extends: default  # the bundled checklist; write here only what differs",
        "",
        "environments:",
        "  production:",
        f"    branch: {json.dumps(facts.branch)}",
        "    protected: true",
        "    # url: https://shop.example   # its front door: TLS, health and the public pages are looked at here",
        "",
        "items:",
    ]
    for name, why in facts.not_applicable.items():
        lines += [f"  {name}:", f"    not-applicable: {json.dumps(why)}"]
    for name, values in facts.inputs.items():
        lines += [f"  {name}:", "    with:", *(f"      {key}: {json.dumps(value)}" for key, value in values.items())]
    lines += [
        "  # Where your backups are:",
        "  # backup-fresh: {with: {bucket: my-backups, key-pattern: 'shop-%Y%m%dT%H%M%SZ.dump'}}",
    ]
    return "\n".join(lines) + "\n"


def workflow(facts: Facts, name: str = "deploy-gate") -> str:
    """One of the workflows. That for pull requests names no secret, since it runs the repository's own code."""
    folder = bootstrap.ROOT / "scripts" / "deploy_gate" / "commands"
    template = (folder / TEMPLATES[name]).read_text(encoding="utf-8")
    install = "\n        ".join(facts.install)
    config = json.dumps(f"/srv/{facts.name}/scripts/deployment/slots.json")
    values = {"$BRANCH": json.dumps(facts.branch), "$INSTALL": install, "$CONFIG": config}
    return re.sub(r"\$(?:BRANCH|INSTALL|CONFIG)", lambda match: values[match[0]], template)
