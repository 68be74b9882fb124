"""Small Alembic trees for tests: files as `alembic revision` writes them."""

from __future__ import annotations

import textwrap

from support import Repository

INI = "[alembic]\nscript_location = %(here)s/migrations\n"


def tree(repository: Repository, env: str = "context.configure(connection=connection)\n") -> None:
    """An Alembic tree without revisions."""
    repository.write("alembic.ini", INI)
    repository.write("migrations/env.py", env)


def revision(
    repository: Repository,
    name: str,
    down: object,
    upgrade: str = "pass",
    downgrade: str = "pass",
    docstring: str = "",
    more: str = "",
) -> str:
    """Write a revision file and return its path."""
    path = f"migrations/versions/{name}_it.py"
    body = [
        f'"""{docstring or name}"""',
        "import sqlalchemy as sa",
        "from alembic import op",
        f"revision = {name!r}",
        f"down_revision = {down!r}",
        more,
        "def upgrade():",
        textwrap.indent(textwrap.dedent(upgrade).strip(), "    "),
        "def downgrade():",
        textwrap.indent(textwrap.dedent(downgrade).strip(), "    "),
    ]
    target = repository.path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(body) + "\n", encoding="utf-8")
    return path
