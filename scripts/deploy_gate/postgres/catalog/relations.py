"""Tables, their columns and whatever hangs on them."""

from __future__ import annotations

from deploy_gate.postgres.catalog.kind import (
    PERSISTENCE,
    RELATION,
    RELATIONS,
    Field,
    Kind,
    flag,
    listed,
    of_relation,
    owner,
    tablespace,
    word,
)

_METHOD = "SELECT quote_ident(a.amname) FROM pg_am a WHERE a.oid = c.relam"
_PARENTS = (
    "SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) FROM pg_inherits i "
    "WHERE i.inhrelid = c.oid"
)

TABLE = Kind(
    "table",
    RELATION,
    (
        Field("is", word("c.relkind", {"r": "table", "p": "partitioned table", "f": "foreign table"})),
        Field("persistence", f"nullif({PERSISTENCE}, '')"),
        Field("access method", _METHOD),
        Field("storage options", listed("c.reloptions")),
        Field("toast options", f"SELECT {listed('t.reloptions')} FROM pg_class t WHERE t.oid = c.reltoastrelid"),
        Field("replica identity", word("c.relreplident", {"d": "default", "n": "nothing", "f": "full", "i": "index"})),
        Field("row security", flag("c.relrowsecurity", "enabled")),
        Field("forced row security", flag("c.relforcerowsecurity", "forced")),
        Field("partitioned by", "CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END", "expression"),
        Field("inherits from", _PARENTS),
        Field("partition bound", "pg_get_expr(c.relpartbound, c.oid)", "expression"),
        Field(
            "being detached",
            flag("EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid AND i.inhdetachpending)"),
            since=14,
        ),
        Field("of type", "CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END"),
        Field("tablespace", tablespace("c.reltablespace")),
        Field(
            "server",
            "SELECT quote_ident(s.srvname) FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver "
            "WHERE f.ftrelid = c.oid",
        ),
        Field("foreign options", f"SELECT {listed('f.ftoptions')} FROM pg_foreign_table f WHERE f.ftrelid = c.oid"),
        owner("c.relowner"),
    ),
    f"{RELATIONS} AND c.relkind IN ('r', 'p', 'f')",
)

_COLUMNS = (
    f"{of_relation('pg_attribute', 'a', 'attrelid')} "
    "LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
    "WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped"
)
_NOT_NULL = (
    "SELECT CASE WHEN NOT k.convalidated THEN ' not valid' ELSE '' END || "
    "CASE WHEN k.connoinherit THEN ' no inherit' ELSE '' END "
    "FROM pg_constraint k WHERE k.contype = 'n' AND k.conrelid = a.attrelid AND k.conkey = ARRAY[a.attnum]"
)

COLUMN = Kind(
    "column",
    f"{RELATION} || '.' || quote_ident(a.attname)",
    (
        Field("type", "format_type(a.atttypid, a.atttypmod)"),
        Field(
            "collation",
            "CASE WHEN a.attcollation <> 0 "
            "AND a.attcollation <> (SELECT t.typcollation FROM pg_type t WHERE t.oid = a.atttypid) "
            "THEN a.attcollation::regcollation::text END",
            since=13,
        ),
        Field(
            "collation",
            "CASE WHEN a.attcollation <> 0 "
            "AND a.attcollation <> (SELECT t.typcollation FROM pg_type t WHERE t.oid = a.atttypid) "
            "THEN (SELECT quote_ident(x.nspname) || '.' || quote_ident(o.collname) FROM pg_collation o "
            "JOIN pg_namespace x ON x.oid = o.collnamespace WHERE o.oid = a.attcollation) END",
            until=12,
        ),
        Field("not null", flag("a.attnotnull")),
        Field("not null is", f"CASE WHEN a.attnotnull THEN nullif(({_NOT_NULL}), '') END", since=18),
        Field("default", "pg_get_expr(d.adbin, d.adrelid)", "typed"),
        Field("generated", f"nullif({word('a.attgenerated', {'s': 'stored', 'v': 'virtual'})}, '')"),
        Field("identity", f"nullif({word('a.attidentity', {'a': 'always', 'd': 'by default'})}, '')"),
        Field("storage", word("a.attstorage", {"p": "plain", "e": "external", "m": "main", "x": "extended"})),
        Field("compression", f"nullif({word('a.attcompression', {'p': 'pglz', 'l': 'lz4'})}, '')", since=14),
        Field("statistics target", "nullif(a.attstattarget, -1)::text"),
        Field("options", listed("a.attoptions")),
        Field("foreign options", listed("a.attfdwoptions")),
        Field(
            "inherited",
            "CASE WHEN a.attinhcount > 0 AND NOT c.relispartition "
            "THEN CASE WHEN a.attislocal THEN 'and declared here' ELSE 'only' END END",
        ),
    ),
    _COLUMNS,
    parent=RELATION,
)

COLUMN_ORDER = Kind(
    "column-order",
    "of.name",
    (Field("order", "of.names"),),
    "FROM (SELECT "
    f"{RELATION} AS name, string_agg(a.attname, chr(31) ORDER BY a.attnum) AS names {_COLUMNS} "
    "AND c.relkind IN ('r', 'p', 'f') GROUP BY 1) of",
    parent="of.name",
)

VIEW = Kind(
    "view",
    RELATION,
    (
        Field("definition", "pg_get_viewdef(c.oid)", "expression"),
        Field("options", listed("c.reloptions")),
        owner("c.relowner"),
    ),
    f"{RELATIONS} AND c.relkind = 'v'",
)

MATERIALIZED_VIEW = Kind(
    "materialized-view",
    RELATION,
    (
        Field("definition", "pg_get_viewdef(c.oid)", "expression"),
        Field("persistence", f"nullif({PERSISTENCE}, '')"),
        Field("access method", _METHOD),
        Field("options", listed("c.reloptions")),
        # A dump of the schema alone leaves it empty: its rows are data.
        Field("populated", flag("NOT c.relispopulated", "no"), "state"),
        Field("replica identity", word("c.relreplident", {"d": "default", "n": "nothing", "f": "full", "i": "index"})),
        Field("tablespace", tablespace("c.reltablespace")),
        owner("c.relowner"),
    ),
    f"{RELATIONS} AND c.relkind = 'm'",
)

KINDS = (TABLE, COLUMN, COLUMN_ORDER, VIEW, MATERIALIZED_VIEW)
