"""Types, collations and text search."""

from __future__ import annotations

from deploy_gate.postgres.catalog.kind import Field, Kind, flag, owner, qualified, users, word

_SCHEMA = "JOIN pg_namespace n ON n.oid = {column} AND n.nspname !~ '^pg_(toast|temp)' "
_TYPE = qualified("n.nspname", "t.typname")


def _called(column: str) -> str:
    return f"CASE WHEN {column}::oid <> 0 THEN {column}::regproc::text END"


def _collated(column: str) -> str:
    """The name of a collation."""
    return (
        "SELECT quote_ident(x.nspname) || '.' || quote_ident(o.collname) FROM pg_collation o "
        f"JOIN pg_namespace x ON x.oid = o.collnamespace WHERE o.oid = {column}"
    )


_ATTRIBUTES = (
    "SELECT string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod) || "
    "coalesce(' COLLATE ' || "
    f"CASE WHEN a.attcollation <> b.typcollation THEN ({_collated('a.attcollation')}) END, ''), ', ' "
    "ORDER BY a.attnum) FROM pg_attribute a JOIN pg_type b ON b.oid = a.atttypid "
    "WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped"
)
_KINDS = {"b": "base", "c": "composite", "d": "domain", "e": "enum", "p": "shell", "r": "range"}
_RANGE = "SELECT {what} FROM pg_range r WHERE r.rngtypid = t.oid"
_BASE = "CASE WHEN t.typtype = 'b' THEN {what} END"


def _base(label: str, what: str) -> Field:
    return Field(label, _BASE.format(what=what))


def _range(label: str, what: str, since: int = 0) -> Field:
    return Field(label, _RANGE.format(what=what), since=since)


TYPE = Kind(
    "type",
    _TYPE,
    (
        Field("is", word("t.typtype", _KINDS)),
        Field(
            "labels",
            "SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e "
            "WHERE e.enumtypid = t.oid",
        ),
        Field("attributes", f"CASE WHEN t.typrelid <> 0 THEN ({_ATTRIBUTES}) END"),
        Field("of", "CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END"),
        Field("not null", flag("t.typtype = 'd' AND t.typnotnull")),
        Field(
            "default",
            "CASE WHEN t.typtype = 'd' THEN pg_get_expr(t.typdefaultbin, 0) ELSE t.typdefault END",
            "expression",
        ),
        Field(
            "collation",
            "CASE WHEN t.typtype = 'd' AND t.typcollation <> (SELECT b.typcollation FROM pg_type b "
            f"WHERE b.oid = t.typbasetype) THEN ({_collated('t.typcollation')}) END",
        ),
        _range("subtype", "format_type(r.rngsubtype, NULL)"),
        _range("subtype collation", f"({_collated('r.rngcollation')})"),
        _range(
            "subtype operator class",
            "(SELECT quote_ident(x.nspname) || '.' || quote_ident(c.opcname) FROM pg_opclass c "
            "JOIN pg_namespace x ON x.oid = c.opcnamespace WHERE c.oid = r.rngsubopc)",
        ),
        _range("canonical function", _called("r.rngcanonical")),
        _range("difference function", _called("r.rngsubdiff")),
        _range("multirange", "format_type(r.rngmultitypid, NULL)", since=14),
        _base("input", _called("t.typinput")),
        _base("output", _called("t.typoutput")),
        _base("receive", _called("t.typreceive")),
        _base("send", _called("t.typsend")),
        _base("modifier input", _called("t.typmodin")),
        _base("modifier output", _called("t.typmodout")),
        _base("analyze", _called("t.typanalyze")),
        Field("subscript", _BASE.format(what=_called("t.typsubscript")), since=14),
        _base("length", "t.typlen::text"),
        _base("by value", "t.typbyval::text"),
        _base("alignment", "t.typalign::text"),
        _base("storage", "t.typstorage::text"),
        _base("category", "t.typcategory::text"),
        _base("preferred", flag("t.typispreferred")),
        _base("delimiter", "t.typdelim::text"),
        _base("element", "CASE WHEN t.typelem <> 0 THEN format_type(t.typelem, NULL) END"),
        _base("collatable", flag("t.typcollation <> 0")),
        owner("t.typowner"),
    ),
    f"FROM pg_type t {_SCHEMA.format(column='t.typnamespace')} "
    # The row types of relations, the arrays of types and their multiranges come and go with what they are made for.
    "LEFT JOIN pg_class k ON k.oid = t.typrelid "
    f"WHERE {users('pg_type', 't.oid')} AND t.typtype <> 'm' AND (t.typtype <> 'c' OR k.relkind = 'c') "
    "AND t.oid NOT IN (SELECT o.typarray FROM pg_type o WHERE o.typarray <> 0)",
)

DOMAIN_CONSTRAINT = Kind(
    "domain-constraint",
    f"{_TYPE} || '.' || quote_ident(k.conname)",
    (
        Field("definition", "pg_get_constraintdef(k.oid)", "expression"),
        Field("validated", flag("NOT k.convalidated", "no")),
    ),
    f"FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid {_SCHEMA.format(column='t.typnamespace')} "
    f"WHERE k.contypid <> 0 AND k.contype = 'c' AND {users('pg_type', 't.oid')}",
    parent=_TYPE,
)

_PROVIDERS = {"c": "libc", "i": "icu", "d": "default", "b": "builtin"}

COLLATION = Kind(
    "collation",
    qualified("n.nspname", "c.collname"),
    (
        Field("provider", word("c.collprovider", _PROVIDERS)),
        Field("deterministic", flag("NOT c.collisdeterministic", "no")),
        # ICU's locale moved out of the two columns of libc in version 15.
        Field("collate", "CASE WHEN c.collprovider <> 'i' THEN c.collcollate::text END"),
        Field("ctype", "CASE WHEN c.collprovider <> 'i' THEN c.collctype::text END"),
        Field("locale", "CASE WHEN c.collprovider = 'i' THEN c.collcollate::text END", until=14),
        Field("locale", "c.colliculocale::text", since=15, until=16),
        Field("locale", "c.colllocale::text", since=17),
        Field("rules", "c.collicurules", since=16),
        owner("c.collowner"),
    ),
    f"FROM pg_collation c {_SCHEMA.format(column='c.collnamespace')} WHERE {users('pg_collation', 'c.oid')}",
)

SEARCH_PARSER = Kind(
    "text-search-parser",
    qualified("n.nspname", "p.prsname"),
    (
        Field("start", _called("p.prsstart")),
        Field("token", _called("p.prstoken")),
        Field("end", _called("p.prsend")),
        Field("headline", _called("p.prsheadline")),
        Field("types", _called("p.prslextype")),
    ),
    f"FROM pg_ts_parser p {_SCHEMA.format(column='p.prsnamespace')} WHERE {users('pg_ts_parser', 'p.oid')}",
)

SEARCH_TEMPLATE = Kind(
    "text-search-template",
    qualified("n.nspname", "t.tmplname"),
    (Field("init", _called("t.tmplinit")), Field("lexize", _called("t.tmpllexize"))),
    f"FROM pg_ts_template t {_SCHEMA.format(column='t.tmplnamespace')} WHERE {users('pg_ts_template', 't.oid')}",
)

SEARCH_DICTIONARY = Kind(
    "text-search-dictionary",
    qualified("n.nspname", "d.dictname"),
    (
        Field(
            "template",
            "SELECT quote_ident(x.nspname) || '.' || quote_ident(t.tmplname) FROM pg_ts_template t "
            "JOIN pg_namespace x ON x.oid = t.tmplnamespace WHERE t.oid = d.dicttemplate",
        ),
        Field("options", "d.dictinitoption"),
        owner("d.dictowner"),
    ),
    f"FROM pg_ts_dict d {_SCHEMA.format(column='d.dictnamespace')} WHERE {users('pg_ts_dict', 'd.oid')}",
)

_MAPPING = (
    "SELECT string_agg(m.maptokentype || '>' || m.mapdict::regdictionary::text, ', ' "
    "ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = c.oid"
)

SEARCH_CONFIGURATION = Kind(
    "text-search-configuration",
    qualified("n.nspname", "c.cfgname"),
    (
        Field(
            "parser",
            "SELECT quote_ident(x.nspname) || '.' || quote_ident(p.prsname) FROM pg_ts_parser p "
            "JOIN pg_namespace x ON x.oid = p.prsnamespace WHERE p.oid = c.cfgparser",
        ),
        Field("mapping", _MAPPING),
        owner("c.cfgowner"),
    ),
    f"FROM pg_ts_config c {_SCHEMA.format(column='c.cfgnamespace')} WHERE {users('pg_ts_config', 'c.oid')}",
)

KINDS = (
    *(TYPE, DOMAIN_CONSTRAINT, COLLATION, SEARCH_PARSER, SEARCH_TEMPLATE, SEARCH_DICTIONARY, SEARCH_CONFIGURATION),
)
