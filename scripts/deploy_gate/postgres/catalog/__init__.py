"""The catalogs of a PostgreSQL database: read once, compared by object, with one fingerprint for all who need one."""

from __future__ import annotations

from deploy_gate.postgres.catalog.compare import Difference, Options, compare
from deploy_gate.postgres.catalog.reading import NEWEST, Catalog, read

__all__ = ["NEWEST", "Catalog", "Difference", "Options", "compare", "read"]
