"""What can be called, and what PostgreSQL calls by itself: functions, aggregates, operators, their classes, casts."""

from __future__ import annotations

from deploy_gate.postgres.catalog.kind import Field, Kind, flag, listed, not_member, owner, qualified, users, word

_SCHEMA = "JOIN pg_namespace n ON n.oid = {column} AND n.nspname !~ '^pg_(toast|temp)'"
_IN_SCHEMA = {name: _SCHEMA.format(column=name) for name in ("p.pronamespace", "o.oprnamespace")}
_IN_SCHEMA |= {name: _SCHEMA.format(column=name) for name in ("f.opfnamespace", "c.opcnamespace", "c.connamespace")}
_NAMED = "p.oid::regprocedure::text"
_UNMADE = "NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = '{0}'::regclass AND i.objid = {1} AND i.deptype = 'i')"
"""That an object did not come with another, as the constructors and casts of a range type do."""


def _called(column: str) -> str:
    """A function by name and argument types; NULL for none."""
    return f"CASE WHEN {column}::oid <> 0 THEN {column}::regprocedure::text END"


def _operator(column: str) -> str:
    return f"CASE WHEN {column}::oid <> 0 THEN {column}::regoperator::text END"


_PARALLEL = Field("parallel", word("p.proparallel", {"s": "safe", "r": "restricted", "u": "unsafe"}))

FUNCTION = Kind(
    "function",
    _NAMED,
    (
        Field("is", word("p.prokind", {"f": "function", "p": "procedure", "w": "window function"})),
        Field("language", "SELECT quote_ident(l.lanname) FROM pg_language l WHERE l.oid = p.prolang"),
        Field("arguments", "pg_get_function_arguments(p.oid)", "expression"),
        Field("returns", "pg_get_function_result(p.oid)"),
        Field("body", "CASE WHEN pg_get_function_sqlbody(p.oid) IS NULL THEN p.prosrc END", "body", since=14),
        Field("body", "p.prosrc", "body", until=13),
        Field("statements", "pg_get_function_sqlbody(p.oid)", "expression", since=14),
        Field("library", "p.probin"),
        Field("volatility", word("p.provolatile", {"i": "immutable", "s": "stable", "v": "volatile"})),
        Field("strict", flag("p.proisstrict")),
        Field("runs as", "CASE WHEN p.prosecdef THEN 'owner' ELSE 'caller' END"),
        Field("leakproof", flag("p.proleakproof")),
        _PARALLEL,
        Field("cost", "p.procost::text"),
        Field("rows", "CASE WHEN p.proretset THEN p.prorows::text END"),
        Field("support", _called("p.prosupport")),
        Field("settings", listed("p.proconfig")),
        Field("transforms", "SELECT string_agg(format_type(t, NULL), ', ') FROM unnest(p.protrftypes) t"),
        owner("p.proowner"),
    ),
    f"FROM pg_proc p {_IN_SCHEMA['p.pronamespace']} WHERE {users('pg_proc', 'p.oid')} AND p.prokind <> 'a' "
    f"AND {_UNMADE.format('pg_proc', 'p.oid')}",
)

_MODIFY = {"r": "read only", "s": "shareable", "w": "read write"}

AGGREGATE = Kind(
    "aggregate",
    _NAMED,
    (
        Field("arguments", "pg_get_function_arguments(p.oid)", "expression"),
        Field("returns", "pg_get_function_result(p.oid)"),
        Field("is", word("a.aggkind", {"n": "normal", "o": "ordered-set", "h": "hypothetical-set"})),
        Field("direct arguments", "a.aggnumdirectargs::text"),
        Field("state function", _called("a.aggtransfn")),
        Field("state type", "format_type(a.aggtranstype, NULL)"),
        Field("state size", "a.aggtransspace::text"),
        Field("initial state", "a.agginitval"),
        Field("final function", _called("a.aggfinalfn")),
        Field("final gets extra arguments", flag("a.aggfinalextra")),
        Field("final modifies", word("a.aggfinalmodify", _MODIFY)),
        Field("combine function", _called("a.aggcombinefn")),
        Field("serial function", _called("a.aggserialfn")),
        Field("deserial function", _called("a.aggdeserialfn")),
        Field("moving state function", _called("a.aggmtransfn")),
        Field("moving inverse function", _called("a.aggminvtransfn")),
        Field("moving state type", "CASE WHEN a.aggmtranstype <> 0 THEN format_type(a.aggmtranstype, NULL) END"),
        Field("moving state size", "a.aggmtransspace::text"),
        Field("moving initial state", "a.aggminitval"),
        Field("moving final function", _called("a.aggmfinalfn")),
        Field("moving final gets extra arguments", flag("a.aggmfinalextra")),
        Field("moving final modifies", word("a.aggmfinalmodify", _MODIFY)),
        Field("sort operator", _operator("a.aggsortop")),
        _PARALLEL,
        owner("p.proowner"),
    ),
    f"FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid {_IN_SCHEMA['p.pronamespace']} "
    f"WHERE {users('pg_proc', 'p.oid')}",
)

OPERATOR = Kind(
    "operator",
    "o.oid::regoperator::text",
    (
        Field("function", _called("o.oprcode")),
        Field("returns", "format_type(o.oprresult, NULL)"),
        Field("commutator", _operator("o.oprcom")),
        Field("negator", _operator("o.oprnegate")),
        Field("restriction selectivity", _called("o.oprrest")),
        Field("join selectivity", _called("o.oprjoin")),
        Field("merges", flag("o.oprcanmerge")),
        Field("hashes", flag("o.oprcanhash")),
        owner("o.oprowner"),
    ),
    # Without a function it is only a name that another operator mentions.
    f"FROM pg_operator o {_IN_SCHEMA['o.oprnamespace']} WHERE {users('pg_operator', 'o.oid')}",
)

_BY = "|| ' using ' || (SELECT quote_ident(m.amname) FROM pg_am m WHERE m.oid = {column})"
_FAMILY = f"{qualified('n.nspname', 'f.opfname')} {_BY.format(column='f.opfmethod')}"

OPERATOR_FAMILY = Kind(
    "operator-family",
    _FAMILY,
    (owner("f.opfowner"),),
    f"FROM pg_opfamily f {_IN_SCHEMA['f.opfnamespace']} WHERE {users('pg_opfamily', 'f.oid')}",
)

OPERATOR_CLASS = Kind(
    "operator-class",
    f"{qualified('n.nspname', 'c.opcname')} {_BY.format(column='c.opcmethod')}",
    (
        Field("for type", "format_type(c.opcintype, NULL)"),
        Field("default", flag("c.opcdefault")),
        Field("stored as", "CASE WHEN c.opckeytype <> 0 THEN format_type(c.opckeytype, NULL) END"),
        Field(
            "family",
            f"SELECT {_FAMILY} FROM pg_opfamily f {_IN_SCHEMA['f.opfnamespace']} WHERE f.oid = c.opcfamily",
        ),
        owner("c.opcowner"),
    ),
    f"FROM pg_opclass c {_IN_SCHEMA['c.opcnamespace']} WHERE {users('pg_opclass', 'c.oid')}",
)

_MEMBER = f"JOIN pg_opfamily f ON f.oid = {{column}} {_IN_SCHEMA['f.opfnamespace']}"

FAMILY_OPERATOR = Kind(
    "operator-family-operator",
    f"{_FAMILY} || ' ' || m.amopstrategy || ' (' || format_type(m.amoplefttype, NULL) || ', ' || "
    "format_type(m.amoprighttype, NULL) || ')'",
    (
        Field("operator", _operator("m.amopopr")),
        Field("purpose", word("m.amoppurpose", {"s": "search", "o": "order"})),
        Field(
            "sorted by",
            f"SELECT {_FAMILY} FROM pg_opfamily f {_IN_SCHEMA['f.opfnamespace']} WHERE f.oid = m.amopsortfamily",
        ),
    ),
    f"FROM pg_amop m {_MEMBER.format(column='m.amopfamily')} WHERE {users('pg_amop', 'm.oid')} "
    f"AND {not_member('pg_opfamily', 'f.oid')}",
    parent=_FAMILY,
)

FAMILY_FUNCTION = Kind(
    "operator-family-function",
    f"{_FAMILY} || ' ' || m.amprocnum || ' (' || format_type(m.amproclefttype, NULL) || ', ' || "
    "format_type(m.amprocrighttype, NULL) || ')'",
    (Field("function", _called("m.amproc")),),
    f"FROM pg_amproc m {_MEMBER.format(column='m.amprocfamily')} WHERE {users('pg_amproc', 'm.oid')} "
    f"AND {not_member('pg_opfamily', 'f.oid')}",
    parent=_FAMILY,
)

CAST = Kind(
    "cast",
    "format_type(c.castsource, NULL) || ' as ' || format_type(c.casttarget, NULL)",
    (
        Field("function", _called("c.castfunc")),
        Field("context", word("c.castcontext", {"e": "explicit", "a": "assignment", "i": "implicit"})),
        Field("method", word("c.castmethod", {"f": "function", "i": "in and out", "b": "binary"})),
    ),
    f"FROM pg_cast c WHERE {users('pg_cast', 'c.oid')} AND {_UNMADE.format('pg_cast', 'c.oid')}",
)

CONVERSION = Kind(
    "conversion",
    qualified("n.nspname", "c.conname"),
    (
        Field("from", "pg_encoding_to_char(c.conforencoding)::text"),
        Field("to", "pg_encoding_to_char(c.contoencoding)::text"),
        Field("function", _called("c.conproc")),
        Field("default", flag("c.condefault")),
        owner("c.conowner"),
    ),
    f"FROM pg_conversion c {_IN_SCHEMA['c.connamespace']} WHERE {users('pg_conversion', 'c.oid')}",
)

LANGUAGE = Kind(
    "language",
    "quote_ident(l.lanname)",
    (
        Field("handler", _called("l.lanplcallfoid")),
        Field("inline handler", _called("l.laninline")),
        Field("validator", _called("l.lanvalidator")),
        Field("trusted", flag("l.lanpltrusted")),
        owner("l.lanowner"),
    ),
    f"FROM pg_language l WHERE {users('pg_language', 'l.oid')}",
)

TRANSFORM = Kind(
    "transform",
    "format_type(t.trftype, NULL) || ' for ' || "
    "(SELECT quote_ident(l.lanname) FROM pg_language l WHERE l.oid = t.trflang)",
    (Field("from SQL", _called("t.trffromsql")), Field("to SQL", _called("t.trftosql"))),
    f"FROM pg_transform t WHERE {users('pg_transform', 't.oid')}",
)

ACCESS_METHOD = Kind(
    "access-method",
    "quote_ident(a.amname)",
    (
        Field("type", word("a.amtype", {"i": "index", "t": "table"})),
        Field("handler", _called("a.amhandler")),
    ),
    f"FROM pg_am a WHERE {users('pg_am', 'a.oid')}",
)

KINDS = (
    *(FUNCTION, AGGREGATE, OPERATOR, OPERATOR_FAMILY, OPERATOR_CLASS, FAMILY_OPERATOR, FAMILY_FUNCTION),
    *(CAST, CONVERSION, LANGUAGE, TRANSFORM, ACCESS_METHOD),
)
