"""The pages and schemas that are written from the code, so that they cannot say anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from deploy_gate import fault_page, manifest, workflow_page
from deploy_gate.bootstrap import ROOT
from deploy_gate.catalog import Capability, Catalog
from deploy_gate.checklist import document, loading, schema
from deploy_gate.inputs import Input
from deploy_gate.report import machine
from deploy_gate.tables import table

_MARK = "<!-- {} by `python3 scripts docs`: {} -->"
_BLOCK = re.compile(
    r"<!-- begin by `python3 scripts docs`: (\w+) -->.*?<!-- end by `python3 scripts docs`: \1 -->", re.DOTALL
)


def files() -> dict[str, str]:
    """Path in the repository to what must stand there."""
    bundled = loading.load(loading.BUNDLED)
    example = loading.load(ROOT / "examples" / "tsh.yml")
    return {
        "docs/checklist.md": document.reference(bundled),
        "docs/checklist.schema.json": schema.text(),
        "docs/report.schema.json": json.dumps(machine.schema(), indent=2) + "\n",
        "docs/checks.md": _checks(Catalog().all()),
        "docs/faults.md": fault_page.page(ROOT / "tests" / "faults", bundled.checklist),
        "docs/workflows.md": workflow_page.page(ROOT / ".github" / "workflows"),
        "examples/tsh-checklist.md": document.document(example),
        "README.md": filled((ROOT / "README.md").read_text(encoding="utf-8")),
    }


def filled(text: str) -> str:
    """A page with its generated blocks written anew."""
    blocks: dict[str, Callable[[], str]] = {"checks": _rows, "inputs": lambda: _inputs(_root().inputs)}

    def block(match: re.Match[str]) -> str:
        name = match[1]
        return f"{_MARK.format('begin', name)}\n{blocks[name]()}\n{_MARK.format('end', name)}"

    return _BLOCK.sub(block, text)


def _root() -> manifest.Manifest:
    return manifest.read(ROOT / "action.yml")


def _rows() -> str:
    rows = [(f"[`{one.name}`](docs/checks.md#{one.name})", one.manifest.summary) for one in Catalog().all()]
    return table(("action", "what it proves"), rows)


def _checks(capabilities: list[Capability]) -> str:
    head = "<!-- written by `python3 scripts docs` -->\n\n# Checks and operations\n\nEach one is an action of its own "
    head += "(`uses: tsh/deploy-gate/actions/NAME@v1`), a check of the checklist (`check: NAME`), and a command "
    head += "(`python3 scripts check NAME --input value`).\n"
    return head + "".join(map(_chapter, capabilities))


def _chapter(one: Capability) -> str:
    about = one.about
    secrets = ", ".join(f"`{name}`" for name in about.secrets)
    facts = [one.kind.capitalize(), f"may take {about.timeout:g} s"]
    facts += ["runs your repository's code"] if about.runs_code else []
    facts += [f"reads {secrets} from the environment"] if secrets else []
    granted = ", ".join(f"`{one}`" for one in about.github)
    facts += [f"its job wants {granted}"] if granted else []
    return f"\n## {one.name}\n\n{one.manifest.description}\n\n{'; '.join(facts)}.\n\n{_inputs(one.manifest.inputs)}\n"


def _inputs(inputs: dict[str, Input]) -> str:
    rows = [(f"`{one.name}`", one.description, _default(one)) for one in inputs.values()]
    return table(("input", "meaning", "default"), rows)


def _default(one: Input) -> str:
    return f"`{one.default}`" if one.default else "**required**" if one.required else "–"


def differing(root: Path = ROOT) -> list[str]:
    """Paths whose text is not what it must be."""
    return [name for name, text in files().items() if not (root / name).exists() or (root / name).read_text() != text]
