"""A consumer of the product: a small Python repository with a checklist, and a workflow under a real runner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from support import Repository

from deploy_gate.workbench import act, stage

CHECKOUT = {
    "uses": "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8",
    "with": {"fetch-depth": 0, "persist-credentials": False},
}


class Consumer(Repository):
    """A small Python repository whose workflow runs the gate."""

    def __init__(self, path: Path, staged: stage.Staged, scratch: Path) -> None:
        path.mkdir()
        super().__init__(path)
        self.staged, self.scratch = staged, scratch
        self.git("remote", "add", "origin", "https://github.com/acme/shop.git")
        self.write("shop/__init__.py", '"""A shop."""\n')
        self.write(
            "shop/price.py",
            '"""Prices."""\n\n\ndef total(price: int, count: int) -> int:\n    """All of it."""\n    return price * count\n',
        )
        self.write(
            "tests/test_price.py",
            '"""Tests."""\n\nfrom shop.price import total\n\n\ndef test_total() -> None:\n    """It adds up."""\n    assert total(2, 3) == 6\n',
        )
        self.write(
            "pyproject.toml", '[tool.pytest.ini_options]\npythonpath = ["."]\n[tool.ruff.lint]\nselect = ["E", "F"]\n'
        )
        self.write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- The shop.\n")

    def checklist(self, items: dict[str, Any], **more: Any) -> None:
        """A checklist of its own, extending nothing."""
        sections = {"quality": {"part": "Before", "title": "Quality"}}
        usual = {"section": "quality", "phases": ["pull-request"]}
        lines = {name: {**usual, "title": f"Line {name}", **item} for name, item in items.items()}
        # Through JSON, so that no value is shared: YAML would write an anchor, and the gate refuses those.
        whole = json.loads(json.dumps({"version": 1, "sections": sections, "items": lines, **more}))
        self.write("checklist.yml", yaml.safe_dump(whole, sort_keys=False))

    def workflow(self, *steps: dict[str, Any]) -> None:
        """A workflow of one job that checks out and runs `steps`."""
        job = {"runs-on": "ubuntu-latest", "steps": [CHECKOUT, *steps]}
        self.write(
            ".github/workflows/gate.yml", yaml.safe_dump({"on": "push", "permissions": {}, "jobs": {"gate": job}})
        )

    def run(self, **environment: str) -> act.Run:
        """Commit and run the workflow."""
        self.commit("chore: as it is")
        self.scratch.mkdir(exist_ok=True)
        where = act.Stage(self.scratch, self.staged.references, environment=environment, lock="dev")
        found = act.run(self.path, "gate.yml", where, timeout=180)
        assert "gate" in found.jobs, found.said
        assert found.jobs["gate"].result, "a job that never ran proves nothing"
        return found
