"""What people and security providers have said about objects."""

from __future__ import annotations

from deploy_gate.postgres.catalog.kind import Field, Kind

_OBJECT = "LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) o"
_OURS = (
    "d.objoid >= 16384 AND o.schema IS DISTINCT FROM 'pg_temp' AND NOT EXISTS (SELECT FROM pg_depend e "
    "WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')"
)

COMMENT = Kind(
    "comment",
    "o.type || ' ' || o.identity",
    (Field("text", "d.description"),),
    f"FROM pg_description d, {_OBJECT} WHERE {_OURS}",
    parent="o.identity",
)

DATABASE_COMMENT = Kind(
    "comment",
    "'the database'",
    (Field("text", "d.description"),),
    "FROM pg_shdescription d JOIN pg_database b ON b.oid = d.objoid AND b.datname = current_database() "
    "WHERE d.classoid = 'pg_database'::regclass",
)

SECURITY_LABEL = Kind(
    "security-label",
    "o.type || ' ' || o.identity || ' by ' || d.provider",
    (Field("label", "d.label"),),
    f"FROM pg_seclabel d, {_OBJECT} WHERE {_OURS}",
    parent="o.identity",
)

KINDS = (COMMENT, DATABASE_COMMENT, SECURITY_LABEL)
