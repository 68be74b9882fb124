"""A scratch database with the live release's schema, a session that can migrate it, and rows in its tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy_gate.migrations import session
from deploy_gate.migrations.rows import Maker
from deploy_gate.migrations.session import Outcome, Session
from deploy_gate.migrations.target import Target
from deploy_gate.migrations.tree import Tree
from deploy_gate.postgres import catalog, link
from deploy_gate.postgres.scratch import Server
from deploy_gate.result import CouldNotTell, brief

if TYPE_CHECKING:
    from deploy_gate.postgres.catalog import Catalog
    from deploy_gate.postgres.link import Connection


@dataclass(slots=True)
class Bench:
    """Everything to try revisions on; `rows` is None where the tables stay empty.

    `known` is the catalog as it was read last, where nothing has changed it since: reading costs the most here.
    """

    session: Session
    connection: Connection
    rows: Maker | None
    known: Catalog | None = None

    def fill(self) -> None:
        """Put rows into the tables that are new or changed."""
        if self.rows:
            self.rows.fill(self.connection)

    def catalog(self) -> Catalog:
        """What the database is now."""
        if self.known is None:
            self.known = catalog.read(self.connection)
        return self.known

    def upgrade(self, revision: str) -> Outcome:
        """Run its upgrade()."""
        self.known = None
        return self.session.upgrade([revision])

    def downgrade(self, revision: str) -> Outcome:
        """Run its downgrade()."""
        self.known = None
        return self.session.downgrade([revision])


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where benches are made."""

    server: Server
    target: Target
    tree: Tree
    measure: bool = False

    @contextmanager
    def bench(self, applied: Sequence[str], *, rows: bool) -> Iterator[Bench]:
        """A new database with these revisions applied; CouldNotTell when they do not go up on an empty one."""
        with (
            self.server.database("migrations") as address,
            session.running(self.target, address, measure=self.measure) as running,
            link.connected(address) as connection,
        ):
            if applied:
                _bring_up(running.upgrade(applied))
            yield Bench(running, connection, Maker(self.tree.version_table.name) if rows else None)


def _bring_up(outcome: Outcome) -> None:
    if outcome.fault:
        name = brief(outcome.fault.revision)
        found = f"revision {name}, which is live already, does not go up on an empty database: {outcome.fault}"
        fix = "start a service container of production's image, and name the variable of its URL in `scratch-url`"
        if not outcome.fault.sqlstate.startswith("0A") and "extension" not in outcome.fault.message:
            fix = "mend what it needs: `alembic upgrade head` must work on an empty database"
        raise CouldNotTell(found, fix)
