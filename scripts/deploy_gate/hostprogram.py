"""The host program as one file, `slots.pyz`: the same bytes for the same source, whoever builds it and when."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "host"
_SHEBANG = b"#!/usr/bin/env python3\n"
# The oldest that a ZIP file can hold; the time of a build must not be in it.
_MOMENT = (1980, 1, 1, 0, 0, 0)


def packed(source: Path = SOURCE) -> bytes:
    """The program. Stored, not compressed: how zlib packs differs between its versions."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(source.glob("*.py")):
            name = "__main__.py" if path.name == "__main__.py" else f"host/{path.name}"
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return _SHEBANG + buffer.getvalue()


def identity(program: bytes) -> str:
    """What it is called on a host: by content, so that a host that has it needs no copy."""
    return hashlib.sha256(program).hexdigest()


def write(target: Path) -> str:
    """Write it and return its identity."""
    program = packed()
    target.write_bytes(program)
    target.chmod(0o755)
    return identity(program)
