"""A catalog as a file, so that what the migrations make can be handed from a job without secrets to one with them."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from deploy_gate.postgres.catalog.reading import KINDS, Catalog
from deploy_gate.result import CouldNotTell, brief

MAX_BYTES = 256 * 1024 * 1024
_FIX = "write it anew with schema-snapshot, of the same version of deploy-gate"


def dumps(catalog: Catalog) -> str:
    """The catalog as JSON, one row a line, sorted."""
    rows = {
        str(number): sorted(row.decode(errors="surrogateescape") for row in found)
        for number, found in catalog.rows.items()
        if found
    }
    return json.dumps({"queries": _queries(), "version": catalog.version, "rows": rows}, indent=0) + "\n"


def load(path: Path) -> Catalog:
    """The catalog in a file; CouldNotTell when it is not there, not whole, or of other queries than ours."""
    name = brief(str(path), 200)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise CouldNotTell(f"{name} is larger than {MAX_BYTES // 1024 // 1024} MiB", _FIX)
        data = json.loads(raw)
        if data["queries"] != _queries():
            raise CouldNotTell(f"{name} was written by another version of deploy-gate", _FIX)
        rows = {number: frozenset[bytes]() for number in range(len(KINDS))}
        rows |= {int(number): frozenset(map(_row, found)) for number, found in data["rows"].items()}
        return Catalog(int(data["version"]), rows)
    except OSError as fault:
        raise CouldNotTell(
            f"{name} cannot be read: {fault.strerror}", "run schema-snapshot before this check"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CouldNotTell(f"{name} is no snapshot of a schema", _FIX) from None


def _row(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


@cache
def _queries() -> str:
    """What tells one set of queries from another: rows of different ones cannot be compared."""
    text = "\0".join(kind.on(version).query for kind in KINDS for version in range(12, 19))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
