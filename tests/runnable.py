"""Small Alembic trees in a repository, for the checks that run migrations."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence

from support import Repository

INI = "[alembic]\nscript_location = %(here)s/migrations\n"
ENV = """
import os
from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool)
print("env.py talks on standard output", flush=True)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
INPUTS: dict[str, object] = {
    "since": "",
    "last": 0,
    "config": "alembic.ini",
    "section": "alembic",
    "python": sys.executable,
    "scratch_url": "",
    "database_variables": ["DATABASE_URL"],
    "x": [],
    "driver": "",
    "env": [],
}
"""What both checks take, by default on the interpreter of the tests."""


class Tree:
    """Revisions written one after the other, each on top of the last unless told otherwise."""

    def __init__(self, repository: Repository, env: str = ENV, ini: str = INI) -> None:
        self.repository, self.last = repository, ""
        repository.write("alembic.ini", ini)
        repository.write("migrations/env.py", env)

    def add(
        self,
        name: str,
        up: str | Sequence[str],
        down: str | Sequence[str],
        *,
        doc: str = "A change.",
        head: str = "",
        after: str | None = None,
        needs: str = "",
    ) -> str:
        """A revision whose functions run SQL (a text, or several); a text that begins with `>` is Python."""
        parent = self.last if after is None else after
        text = f'"""{doc}"""\nimport sqlalchemy as sa\nfrom alembic import op\n'
        text += f"revision = {name!r}\ndown_revision = {parent or None!r}\ndepends_on = {needs or None!r}\n{head}\n\n\n"
        text += f"def upgrade():\n{body(up)}\n\n\ndef downgrade():\n{body(down)}\n"
        self.repository.write(f"migrations/versions/{name}.py", text)
        self.last = name
        return name


def body(parts: str | Sequence[str]) -> str:
    """The lines of a function that runs these."""
    lines = []
    for part in [parts] if isinstance(parts, str) else parts:
        code = part[1:].strip() if part.startswith(">") else "op.execute(" + repr(part.replace(":", "\\:")) + ")"
        lines.append(textwrap.indent(code, "    "))
    return "\n".join(lines) or "    pass"
