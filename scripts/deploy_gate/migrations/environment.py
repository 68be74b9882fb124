"""What `env.py` says of the table that holds the applied revisions; read, never run."""

from __future__ import annotations

import ast
import posixpath
import warnings
from dataclasses import dataclass

from deploy_gate.migrations.files import Files
from deploy_gate.migrations.revision import Names, Unreadable
from deploy_gate.result import CouldNotTell, brief


@dataclass(frozen=True, slots=True)
class VersionTable:
    """Table and schema of the applied revisions; without a schema it is the connection's own. `unsure` says why."""

    name: str = "alembic_version"
    schema: str = ""
    unsure: str = ""

    def overridden(self, name: str, schema: str) -> VersionTable:
        """The table that inputs name; CouldNotTell when neither they nor `env.py` do."""
        if self.unsure and not name:
            raise CouldNotTell(self.unsure, "name it in the inputs `version-table` and `version-schema`")
        return VersionTable(name or self.name, schema or ("" if name else self.schema))


def version_table(files: Files, script: str) -> VersionTable:
    """The arguments `version_table` and `version_table_schema` of the calls of `configure` in `env.py`."""
    path = posixpath.join(script, "env.py")
    raw = files.read([path]).get(path)
    if raw is None:
        return VersionTable(unsure=f"there is no {brief(path, 200)} to name the version table")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(raw)
        return _told(module, path)
    except (SyntaxError, ValueError, LookupError, RecursionError, MemoryError):
        return VersionTable(unsure=f"{brief(path, 200)} is no Python that this Python reads")


def _told(module: ast.Module, path: str) -> VersionTable:
    names = Names(module)
    found: dict[str, set[str]] = {"version_table": set(), "version_table_schema": set()}
    for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
        for keyword in call.keywords:
            if keyword.arg not in found:
                continue
            try:
                value = names.plain(keyword.value, keyword.arg)
            except Unreadable:
                return VersionTable(unsure=f"{brief(path, 200)}:{call.lineno} computes {keyword.arg}")
            found[keyword.arg].add(str(value or ""))
    if any(len(values) > 1 for values in found.values()):
        return VersionTable(unsure=f"{brief(path, 200)} names more than one version table")
    name, schema = ("".join(values) for values in found.values())
    return VersionTable(name or "alembic_version", schema)
