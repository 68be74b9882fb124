"""`init`: a first checklist file and workflows for the repository it stands in. Overwrites nothing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from deploy_gate import arguments, bootstrap, branch_rule
from deploy_gate.atomic import write_all
from deploy_gate.catalog import Catalog
from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Phase
from deploy_gate.engine import plan
from deploy_gate.engine.entry import State
from deploy_gate.facts import server_facts
from deploy_gate.facts.repository_facts import Facts, look
from deploy_gate.facts.server_facts import Seen
from deploy_gate.problems import Misconfigured
from deploy_gate.units import counted

_HOST_HELP = "look at this server too, read-only, with the key in SSH_PRIVATE_KEY: what runs there is proposed with why"
_KEYS_HELP = "its pinned keys as known_hosts lines; else those of SSH_KNOWN_HOSTS, else of your own ~/.ssh/known_hosts"
CHECKLIST = Path("checklist.yml")
_OTHERS = ("deploy", "monitor", "rollback", "comments", "review")
WORKFLOWS = {Path(f".github/workflows/{name}.yml"): name for name in ("deploy-gate", *_OTHERS)}
TEMPLATES = {"deploy-gate": "init_workflow.yml"} | {name: f"init_{name}.yml" for name in _OTHERS}


def run(argv: list[str]) -> int:
    """Write the files, tell the branch rule or set it, and say what is left to do."""
    parser = arguments.Parser("init", "Write a first checklist.yml and the workflows for this repository.")
    help_text = "set the branch rule on GitHub, with GITHUB_TOKEN; files that are there already are left as they are"
    parser.add_argument("--apply", action="store_true", help=help_text)
    parser.add_argument("--host", default="", metavar="USER@SERVER", help=_HOST_HELP)
    parser.add_argument("--host-keys", default="", metavar="LINES", help=_KEYS_HELP)
    values = parser.parse(argv)
    apply = values.apply
    wanted = [CHECKLIST, *WORKFLOWS]
    taken = [path for path in wanted if os.path.lexists(path)]
    if taken and not apply and not values.host:
        listed = ", ".join(map(str, taken))
        raise Misconfigured([f"{listed} exist already; init overwrites nothing, move them away first"])
    server = server_facts.look(values.host, values.host_keys) if values.host else Seen()
    facts = look(Path())
    if not taken:
        _write(facts, server)
    elif values.host:
        print(f"{', '.join(map(str, taken))} exist already and stay as they are; `environments:` could say:")
        print("\n".join(_environment(facts, server)))
        print("\n".join(_told(server)))
    if apply:
        print(branch_rule.apply(facts.branch))
    elif not taken:
        print(branch_rule.told(facts.branch))
    return 0


def _told(server: Seen) -> Iterator[str]:
    """What the server made us propose, and why."""
    bundled = loading.load(loading.BUNDLED).checklist if server.proposals else None
    for one in server.proposals:
        lines = server_facts.prepared(server, one.key, bundled) if bundled else []
        listed = f": sets up {', '.join(lines)}" if lines else ""
        yield f"  proposed {one.key}: {one.value} ({one.why}){listed}"
    yield from (f"  seen there: {note}" for note in server.notes)
    yield from (f"  not seen there: {note}" for note in server.unseen)


def _write(facts: Facts, server: Seen) -> None:
    files = {CHECKLIST: checklist(facts, server)}
    files |= {path: workflow(facts, name, server.keys.get("slots_config", "")) for path, name in WORKFLOWS.items()}
    try:
        write_all(files)
    except OSError as fault:
        raise Misconfigured([f"{fault.filename} cannot be written: {fault.strerror}; nothing was written"]) from None
    print(f"wrote {', '.join(map(str, files))}")
    for line in facts.seen:
        print(f"  found {line}")
    for line in _told(server):
        print(line)
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


def checklist(facts: Facts, server: Seen) -> str:
    """A checklist file that says what was found and lists, as comments, what only a person knows."""
    lines = [
        "# yaml-language-server: $schema=https://raw.githubusercontent.com/tsh/deploy-gate/v1/docs/checklist.schema.json",
        "version: 1",
        "extends: default  # the bundled checklist; write here only what differs",
        "",
        "environments:",
        *_environment(facts, server),
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


def _environment(facts: Facts, server: Seen) -> Iterator[str]:
    """Production's block; what the server made us propose says why."""
    yield from ("  production:", f"    branch: {json.dumps(facts.branch)}", "    protected: true")
    if facts.repository:
        yield f"    repository: {json.dumps(facts.repository)}  # where CI, signatures and alerts are looked at"
    if "url" not in server.keys:
        yield "    # url: https://shop.example   # its front door: TLS, health and the public pages are looked at here"
    for one in server.proposals:
        others = f" (or {', '.join(one.others)})" if one.others else ""
        yield f"    {one.key}: {json.dumps(one.value)}  # {one.why}{others}"


def workflow(facts: Facts, name: str = "deploy-gate", config: str = "") -> str:
    """One of the workflows. That for pull requests names no secret, since it runs the repository's own code."""
    folder = bootstrap.ROOT / "scripts" / "deploy_gate" / "commands"
    template = (folder / TEMPLATES[name]).read_text(encoding="utf-8")
    install = "\n        ".join(facts.install)
    config = config or f"/srv/{facts.name}/scripts/deployment/slots.json"
    values = {"$BRANCH": json.dumps(facts.branch), "$INSTALL": install, "$CONFIG": json.dumps(config)}
    return re.sub(r"\$(?:BRANCH|INSTALL|CONFIG)", lambda match: values[match[0]], template)
