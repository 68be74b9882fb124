"""From a file to a valid checklist: read, lay over the bundled one, validate, and say where each fault stands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deploy_gate import yamlfile
from deploy_gate.bootstrap import ROOT
from deploy_gate.checklist.faults import Place, Where, place_of, problems
from deploy_gate.checklist.model import Checklist
from deploy_gate.problems import Misconfigured, Problem

BUNDLED = ROOT / "checklist.yml"


@dataclass(frozen=True, slots=True)
class Source:
    """A valid checklist, where each of its keys stands, and the SHA-256 over its files, the bundled one first."""

    checklist: Checklist
    places: dict[Where, Place]
    sha256: str
    bundled: str
    """How the bundled file is called in `places`; empty when the user's own file stands alone."""
    trial: bool

    def is_own(self, where: Where) -> bool:
        """Whether the user's own file has this key."""
        return where in self.places and self.places[where][0] != self.bundled

    def problem(self, where: Where, message: str) -> Problem:
        """A problem placed on the key at `where`, or on its nearest parent that stands in a file."""
        path, line = place_of(self.places, where)
        # The bundled file is not the user's to mend.
        return Problem(*(("", 0) if path == self.bundled else (path, line)), message)


def load(path: Path | None, bundled: Path = BUNDLED) -> Source:
    """The checklist in `path`, laid over the bundled one where it says `extends: default`; None means trial mode."""
    return laid(None if path is None else yamlfile.read(path), bundled)


def laid(own: yamlfile.Document | None, bundled: Path = BUNDLED) -> Source:
    """The same for a file that was read already, from wherever it came."""
    base = yamlfile.read(bundled)
    documents = [base]
    if own is not None:
        _check_header(own)
        documents = [base, own] if own.data.get("extends") == "default" else [own]
    digest = hashlib.sha256()
    data: dict[str, Any] = {}
    places: dict[Where, Place] = {}
    for document in documents:
        merge(data, document.data)
        places |= {where: (document.path, line) for where, line in document.lines.items()}
        digest.update(document.raw)
    return Source(
        _validated(data, places),
        places,
        digest.hexdigest(),
        "" if base not in documents else base.path,
        trial=own is None,
    )


def merge(base: dict[str, Any], over: dict[str, Any]) -> None:
    """Lay `over` on `base` in place: mappings key by key, anything else replaced whole."""
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value


def _check_header(own: yamlfile.Document) -> None:
    """A file of another version or base is another language: what it says further on is not worth a list of faults."""
    version, extends = own.data.get("version"), own.data.get("extends")
    if "version" not in own.data:
        raise Misconfigured([Problem(own.path, 1, "lacks the key 'version'; it starts with `version: 1`")])
    if version != 1 or not isinstance(version, int) or isinstance(version, bool):
        line = own.lines["version",]
        raise Misconfigured(
            [Problem(own.path, line, f"version is {str(version)[:40]!r}: this deploy-gate reads version 1")]
        )
    if extends not in (None, "default"):
        line = own.lines["extends",]
        message = f"extends is {str(extends)[:40]!r}: expected 'default', or no such line for a checklist of your own"
        raise Misconfigured([Problem(own.path, line, message)])


def _validated(data: dict[str, Any], places: dict[Where, Place]) -> Checklist:
    try:
        return Checklist.model_validate(data)
    except ValidationError as fault:
        faults = fault.errors(include_url=False)
    raise Misconfigured(problems(faults, data, places))
