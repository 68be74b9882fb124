"""What hangs on a table: constraints, indexes, rules, triggers, policies, statistics, sequences."""

from __future__ import annotations

from deploy_gate.postgres.catalog.kind import (
    ENABLED,
    PERSISTENCE,
    RELATION,
    Field,
    Kind,
    flag,
    of_relation,
    owner,
    tablespace,
    word,
)

CONSTRAINT = Kind(
    "constraint",
    f"{RELATION} || '.' || quote_ident(k.conname)",
    (
        Field("definition", "pg_get_constraintdef(k.oid)", "expression"),
        Field("validated", flag("NOT k.convalidated", "no")),
        # Whether the parent gave it to a partition depends on how the partition was attached, and changes nothing.
        Field(
            "inherited",
            "CASE WHEN k.coninhcount > 0 AND NOT c.relispartition AND k.contype = 'c' "
            "THEN CASE WHEN k.conislocal THEN 'and declared here' ELSE 'only' END END",
        ),
    ),
    # A foreign key that a partition owes to its parent bears a name that counts up in the order of creation.
    f"{of_relation('pg_constraint', 'k', 'conrelid')} "
    "WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND NOT (k.contype = 'f' AND k.conparentid <> 0)",
    parent=RELATION,
)

INDEX = Kind(
    "index",
    "quote_ident(n.nspname) || '.' || quote_ident(x.relname)",
    (
        Field("definition", "pg_get_indexdef(i.indexrelid)", "expression"),
        Field("valid", flag("NOT (i.indisvalid AND i.indisready AND i.indislive)", "no")),
        Field("table is clustered on it", flag("i.indisclustered")),
        Field("replica identity", flag("i.indisreplident")),
        Field(
            "statistics targets",
            "SELECT string_agg(a.attnum || '=' || a.attstattarget, ', ' ORDER BY a.attnum) FROM pg_attribute a "
            "WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0",
        ),
        Field(
            "part of",
            "SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = i.indexrelid",
        ),
        Field("tablespace", tablespace("x.reltablespace")),
    ),
    f"{of_relation('pg_index', 'i', 'indrelid')} JOIN pg_class x ON x.oid = i.indexrelid",
    parent=RELATION,
)

RULE = Kind(
    "rule",
    f"{RELATION} || '.' || quote_ident(r.rulename)",
    (
        # A view's own query is told as its definition.
        Field("definition", "CASE WHEN r.rulename <> '_RETURN' THEN pg_get_ruledef(r.oid) END", "expression"),
        Field("is", word("r.ev_enabled", ENABLED)),
    ),
    f"{of_relation('pg_rewrite', 'r', 'ev_class')} WHERE r.rulename <> '_RETURN' OR r.ev_enabled <> 'O'",
    parent=RELATION,
)

TRIGGER = Kind(
    "trigger",
    f"{RELATION} || '.' || quote_ident(t.tgname)",
    (
        Field("definition", "pg_get_triggerdef(t.oid)", "expression"),
        Field("is", word("t.tgenabled", ENABLED)),
    ),
    f"{of_relation('pg_trigger', 't', 'tgrelid')} WHERE NOT t.tgisinternal",
    parent=RELATION,
)

# Their names hold OIDs, so they are known by their table, constraint and function; as created they are enabled.
FOREIGN_KEY_TRIGGER = Kind(
    "foreign-key-trigger",
    f"{RELATION} || '.' || quote_ident(k.conname) || ' ' || t.tgfoid::regproc",
    (Field("is", f"string_agg(DISTINCT {word('t.tgenabled', ENABLED)}, ', ')"),),
    f"{of_relation('pg_trigger', 't', 'tgrelid')} JOIN pg_constraint k ON k.oid = t.tgconstraint "
    f"WHERE t.tgisinternal AND t.tgenabled <> 'O' GROUP BY 1, {RELATION}",
    parent=RELATION,
    absent="enabled",
)

_POLICY_ROLES = (
    "SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', ' "
    "ORDER BY CASE r WHEN 0 THEN '' ELSE pg_get_userbyid(r) END) FROM unnest(p.polroles) r"
)

POLICY = Kind(
    "policy",
    f"{RELATION} || '.' || quote_ident(p.polname)",
    (
        Field("kind", "CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END"),
        Field("for", word("p.polcmd", {"r": "select", "a": "insert", "w": "update", "d": "delete", "*": "all"})),
        Field("to", _POLICY_ROLES),
        Field("using", "pg_get_expr(p.polqual, p.polrelid)", "expression"),
        Field("with check", "pg_get_expr(p.polwithcheck, p.polrelid)", "expression"),
    ),
    of_relation("pg_policy", "p", "polrelid"),
    parent=RELATION,
)

STATISTICS = Kind(
    "statistics",
    "quote_ident(m.nspname) || '.' || quote_ident(s.stxname)",
    (
        Field("definition", "pg_get_statisticsobjdef(s.oid)", "expression"),
        Field("target", "nullif(s.stxstattarget, -1)::text", since=13),
        owner("s.stxowner"),
    ),
    f"{of_relation('pg_statistic_ext', 's', 'stxrelid')} JOIN pg_namespace m ON m.oid = s.stxnamespace",
    parent=RELATION,
)

# The sequence behind an identity column goes by the column: its own name is the server's choice.
_OWNED = (
    "LEFT JOIN LATERAL (SELECT d.deptype = 'i' AS identity, d.refobjid::regclass::text || '.' || "
    "quote_ident(a.attname) AS column FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid "
    "AND a.attnum = d.refobjsubid WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid "
    "AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') LIMIT 1) o ON true "
)

SEQUENCE = Kind(
    "sequence",
    f"CASE WHEN o.identity THEN 'identity of ' || o.column ELSE {RELATION} END",
    (
        Field("type", "format_type(s.seqtypid, NULL)"),
        Field("start", "s.seqstart::text"),
        Field("increment", "s.seqincrement::text"),
        Field("minimum", "s.seqmin::text"),
        Field("maximum", "s.seqmax::text"),
        Field("cache", "s.seqcache::text"),
        Field("cycles", flag("s.seqcycle")),
        Field("owned by", "o.column"),
        Field("persistence", f"nullif({PERSISTENCE}, '')"),
        owner("c.relowner"),
    ),
    f"{of_relation('pg_sequence', 's', 'seqrelid')} {_OWNED}",
    parent="CASE WHEN o.identity THEN o.column END",
)

KINDS = (CONSTRAINT, INDEX, RULE, TRIGGER, FOREIGN_KEY_TRIGGER, POLICY, STATISTICS, SEQUENCE)
