"""What is not inside a schema: the database and its settings, schemas, extensions, foreign servers, replication."""

from __future__ import annotations

from deploy_gate.postgres.catalog.kind import (
    RELATION,
    Field,
    Kind,
    flag,
    listed,
    of_relation,
    owner,
    tablespace,
    users,
    word,
)

_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
_HERE = "d.datname = current_database()"

DATABASE = Kind(
    "database",
    "'database'",
    (
        Field("encoding", "pg_encoding_to_char(d.encoding)::text"),
        Field("locale provider", word("d.datlocprovider", _PROVIDERS), since=15),
        Field("collate", "d.datcollate::text"),
        Field("ctype", "d.datctype::text"),
        Field("locale", "d.daticulocale::text", since=15, until=16),
        Field("locale", "d.datlocale::text", since=17),
        Field("rules", "d.daticurules", since=16),
        Field("connection limit", "nullif(d.datconnlimit, -1)::text"),
        Field("allows connections", flag("NOT d.datallowconn", "no")),
        Field("template", flag("d.datistemplate")),
        Field("tablespace", f"nullif(({tablespace('d.dattablespace')}), 'pg_default')"),
        owner("d.datdba"),
    ),
    f"FROM pg_database d WHERE {_HERE}",
)

SETTING = Kind(
    "setting",
    "split_part(one, '=', 1) || "
    "CASE s.setrole WHEN 0 THEN '' ELSE ' of ' || quote_ident(pg_get_userbyid(s.setrole)) END",
    (Field("value", "substr(one, strpos(one, '=') + 1)"),),
    f"FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase AND {_HERE}, unnest(s.setconfig) one",
)

SCHEMA = Kind(
    "schema",
    "quote_ident(n.nspname)",
    (owner("n.nspowner"),),
    "FROM pg_namespace n WHERE n.nspname !~ '^pg_(toast|temp)' AND "
    f"(n.nspname = 'public' OR {users('pg_namespace', 'n.oid')})",
)

EXTENSION = Kind(
    "extension",
    "quote_ident(e.extname)",
    (
        Field("version", "e.extversion"),
        Field("schema", "SELECT quote_ident(n.nspname) FROM pg_namespace n WHERE n.oid = e.extnamespace"),
        owner("e.extowner"),
    ),
    "FROM pg_extension e",
)

EVENT_TRIGGER = Kind(
    "event-trigger",
    "quote_ident(t.evtname)",
    (
        Field("event", "t.evtevent::text"),
        Field("tags", listed("t.evttags")),
        Field("function", "t.evtfoid::regprocedure::text"),
        Field("is", word("t.evtenabled", {"O": "enabled", "D": "disabled", "R": "replica", "A": "always"})),
        owner("t.evtowner"),
    ),
    f"FROM pg_event_trigger t WHERE {users('pg_event_trigger', 't.oid')}",
)

_FUNCTION = "CASE WHEN {0} <> 0 THEN {0}::regproc::text END"

FOREIGN_DATA_WRAPPER = Kind(
    "foreign-data-wrapper",
    "quote_ident(w.fdwname)",
    (
        Field("handler", _FUNCTION.format("w.fdwhandler")),
        Field("validator", _FUNCTION.format("w.fdwvalidator")),
        Field("options", listed("w.fdwoptions"), "hidden"),
        owner("w.fdwowner"),
    ),
    f"FROM pg_foreign_data_wrapper w WHERE {users('pg_foreign_data_wrapper', 'w.oid')}",
)

FOREIGN_SERVER = Kind(
    "foreign-server",
    "quote_ident(s.srvname)",
    (
        Field("wrapper", "SELECT quote_ident(w.fdwname) FROM pg_foreign_data_wrapper w WHERE w.oid = s.srvfdw"),
        Field("type", "s.srvtype"),
        Field("version", "s.srvversion"),
        Field("options", listed("s.srvoptions"), "hidden"),
        owner("s.srvowner"),
    ),
    f"FROM pg_foreign_server s WHERE {users('pg_foreign_server', 's.oid')}",
)

USER_MAPPING = Kind(
    "user-mapping",
    "quote_ident(m.usename) || ' on ' || quote_ident(m.srvname)",
    (Field("options", listed("m.umoptions"), "hidden"),),
    "FROM pg_user_mappings m",
    parent="quote_ident(m.srvname)",
)

PUBLICATION = Kind(
    "publication",
    "quote_ident(p.pubname)",
    (
        Field("all tables", flag("p.puballtables")),
        Field(
            "publishes",
            "concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END, "
            "CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END)",
        ),
        Field("via partition root", flag("p.pubviaroot"), since=13),
        Field("generated columns", "p.pubgencols::text", since=18),
        Field(
            "schemas",
            "SELECT string_agg(quote_ident(n.nspname), ', ' ORDER BY n.nspname) FROM pg_publication_namespace x "
            "JOIN pg_namespace n ON n.oid = x.pnnspid WHERE x.pnpubid = p.oid",
            since=15,
        ),
        owner("p.pubowner"),
    ),
    f"FROM pg_publication p WHERE {users('pg_publication', 'p.oid')}",
)

PUBLISHED_TABLE = Kind(
    "publication-table",
    f"quote_ident(p.pubname) || ' of ' || {RELATION}",
    (
        Field("rows", "pg_get_expr(x.prqual, x.prrelid)", "expression", since=15),
        Field(
            "columns",
            "SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname) FROM pg_attribute a "
            "WHERE a.attrelid = x.prrelid AND a.attnum = ANY (x.prattrs)",
            since=15,
        ),
    ),
    f"{of_relation('pg_publication_rel', 'x', 'prrelid')} JOIN pg_publication p ON p.oid = x.prpubid",
    parent="quote_ident(p.pubname)",
)

SUBSCRIPTION = Kind(
    "subscription",
    "quote_ident(s.subname)",
    (
        Field("is", "CASE WHEN s.subenabled THEN 'enabled' ELSE 'disabled' END"),
        Field("slot", "s.subslotname::text"),
        Field("synchronous commit", "s.subsynccommit"),
        Field("publications", listed("s.subpublications")),
        Field("binary", flag("s.subbinary"), since=14),
        Field("streaming", "s.substream::text", since=14),
        Field("two-phase", "CASE WHEN s.subtwophasestate <> 'd' THEN 'yes' END", since=15),
        Field("disabled on error", flag("s.subdisableonerr"), since=15),
        Field("password required", flag("s.subpasswordrequired"), since=16),
        Field("runs as owner", flag("s.subrunasowner"), since=16),
        Field("origin", "s.suborigin", since=16),
        Field("failover", flag("s.subfailover"), since=17),
        owner("s.subowner"),
    ),
    f"FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid AND {_HERE}",
)

KINDS = (
    *(DATABASE, SETTING, SCHEMA, EXTENSION, EVENT_TRIGGER, FOREIGN_DATA_WRAPPER, FOREIGN_SERVER, USER_MAPPING),
    *(PUBLICATION, PUBLISHED_TABLE, SUBSCRIPTION),
)
