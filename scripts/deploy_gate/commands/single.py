"""One check or operation on its own: bind, run, print, outputs, exit code."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import Any

from deploy_gate import arguments, process, runner
from deploy_gate.catalog import Capability, Catalog, Kind
from deploy_gate.engine import bundle, child, executor, masking
from deploy_gate.engine.calling import call_capability
from deploy_gate.problems import Misconfigured
from deploy_gate.report import answer
from deploy_gate.result import FallBackFailed, FellBack, Result, Severity, Status

EXIT = {Status.FAILED: 1, Status.ERROR: 3, Status.PENDING: 3}
# What production is like afterwards, told apart from a plain refusal.
FALLEN: dict[type[Result], int] = {FellBack: 4, FallBackFailed: 5}
_WORDS: dict[Kind, str] = {"check": "check", "operation": "do"}


def run_single(kind: Kind, argv: list[str]) -> int:
    """Run the capability that `argv` names, with the inputs that follow."""
    word, catalog = _WORDS[kind], Catalog()
    if argv[:1] in (["--help"], ["-h"]):
        print(f"usage: python3 scripts {word} NAME --input value … [--json]\n\nNAME is one of these, and", end=" ")
        print(f"`{word} NAME --help` tells its inputs:\n\n  " + "\n  ".join(_names(catalog, kind)))
        return 0
    if not argv or argv[0].startswith("-"):
        raise Misconfigured([f"{word} needs a name: {', '.join(_names(catalog, kind))}"])
    capability = catalog.get(argv[0])
    if capability.kind != kind:
        other: Kind = "operation" if kind == "check" else "check"
        article = "an operation" if other == "operation" else "a check"
        raise Misconfigured([f"'{capability.name}' is {article}: use `{_WORDS[other]} {capability.name}`"])
    parser = arguments.Parser(f"{word} {capability.name}", capability.manifest.description)
    arguments.add_inputs(parser, capability.manifest)
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON")
    options = parser.parse(argv[1:])
    values = arguments.bound(capability.manifest, capability.hints, arguments.given(capability.manifest, options))
    if wrong := capability.faults(values):
        raise Misconfigured([f"{capability.name}: {text}" for text in wrong])
    secrets = (*capability.about.secrets, *capability.named(values))
    bundle.unpack(None if capability.about.runs_items else secrets)
    masker = masking.from_environment(secrets)
    result = masker.result(_run(capability, values, masker))
    _tell(capability, result, as_json=options.json)
    return FALLEN.get(type(result), EXIT.get(result.status, 0))


def _names(catalog: Catalog, kind: Kind) -> list[str]:
    """Of all of a kind: it takes loading every module, so only who asks for the list pays for it."""
    return [one.name for one in catalog.all() if one.kind == kind]


def _run(capability: Capability, values: dict[str, Any], masker: masking.Masker) -> Result:
    call = partial(call_capability, capability, values, masker)
    if capability.kind == "operation":
        # Operations speak while they work, so they keep our own output; they bound themselves.
        return child.guarded(call)
    environment = process.allowed_environment(capability.visible(values))
    job = executor.Job(capability.name, call, capability.about.timeout, environment, grace=capability.about.grace)
    return executor.run_all([job], 1, lambda *_: None).results[capability.name]


def _tell(capability: Capability, result: Result, *, as_json: bool) -> None:
    title = capability.manifest.summary
    item = answer.item(capability.name, None, title, capability.name, Severity.BLOCK, result)
    if as_json:
        print(json.dumps(item, ensure_ascii=False))
    else:
        for line in answer.line(capability.name, result, 0, answer.coloured(sys.stdout)):
            print(runner.harmless(line))
    sys.stdout.flush()
    runner.set_outputs({"status": str(result.status), "found": result.found, "result": json.dumps(item)})
    if not as_json and result.status in (Status.FAILED, Status.ERROR, Status.PENDING):
        place = next((one for one in result.evidence if one.get("path")), {})
        line_number = place.get("line")
        runner.annotate(
            "error",
            f"{result.status}: {result.found}" + (f" → {result.fix}" if result.fix else ""),
            title=capability.name,
            path=str(place.get("path") or ""),
            line=line_number if isinstance(line_number, int) else 0,
        )
