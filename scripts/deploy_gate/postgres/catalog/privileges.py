"""Who may do what: every object whose privileges are not those it was born with."""

from __future__ import annotations

from deploy_gate.postgres.catalog.kind import RELATION, Field, Kind, qualified, word

DEFAULT = "as built in"


def granted(acl: str, owner: str) -> str:
    """An access list as a text in which order, grantors and the owner's name make no difference (aclitem[])."""
    return (
        "SELECT coalesce(string_agg(g.who || '=' || g.what, ', ' ORDER BY g.who), 'none') FROM ("
        "SELECT y.who, string_agg(y.what, '+' ORDER BY y.what) AS what FROM ("
        f"SELECT CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN {owner} THEN '(owner)' "
        "ELSE quote_ident(pg_get_userbyid(x.grantee)) END AS who, x.privilege_type || "
        f"CASE WHEN bool_or(x.is_grantable AND x.grantee <> {owner}) THEN '*' ELSE '' END AS what "
        f"FROM aclexplode({acl}) x GROUP BY x.grantee, x.privilege_type) y GROUP BY y.who) g"
    )


def _initial(catalog: str, oid: str, sub: str = "0") -> str:
    """What initdb or an extension's script gave (pg_init_privs)."""
    return (
        f"SELECT i.initprivs FROM pg_init_privs i WHERE i.classoid = '{catalog}'::regclass AND i.objoid = {oid} "
        f"AND i.objsubid = {sub}"
    )


def _kind(label: str, parent: str, born: str, source: str, acl: str, owner: str) -> Kind:
    """Objects of one catalog whose privileges differ from `born`."""
    return Kind(
        "privilege",
        f"'{label} ' || {parent}",
        (Field("granted", granted(acl, owner)),),
        f"{source} AND {acl} IS NOT NULL AND ({granted(acl, owner)}) <> ({granted(born, owner)})",
        parent=parent,
        absent=DEFAULT,
    )


def _objects(label: str, catalog: str, alias: str, letter: str, names: tuple[str, str, str], source: str) -> Kind:
    parent, acl, owner = names
    oid, acl, owner = f"{alias}.oid", f"{alias}.{acl}", f"{alias}.{owner}"
    born = f"coalesce(({_initial(catalog, oid)}), acldefault({letter}, {owner}))"
    return _kind(label, parent, born, source, acl, owner)


_SCHEMA = "JOIN pg_namespace n ON n.oid = {0} AND n.nspname !~ '^pg_(toast|temp)'"
_FUNCTION = "p.oid::regprocedure::text"

_SORTS = {"r": "tables", "S": "sequences", "f": "functions", "T": "types", "n": "schemas"}

KINDS = (
    _objects(
        *("relation", "pg_class", "c", "CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\""),
        (RELATION, "relacl", "relowner"),
        f"FROM pg_class c {_SCHEMA.format('c.relnamespace')} WHERE c.relpersistence <> 't'",
    ),
    _kind(
        *("column", f"{RELATION} || '.' || quote_ident(a.attname)"),
        f"coalesce(({_initial('pg_class', 'c.oid', 'a.attnum')}), acldefault('c', c.relowner))",
        "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relpersistence <> 't' "
        f"{_SCHEMA.format('c.relnamespace')} WHERE NOT a.attisdropped",
        *("a.attacl", "c.relowner"),
    ),
    _objects(
        *("function", "pg_proc", "p", "'f'"),
        (_FUNCTION, "proacl", "proowner"),
        f"FROM pg_proc p {_SCHEMA.format('p.pronamespace')} WHERE true",
    ),
    _objects(
        *("type", "pg_type", "t", "'T'"),
        (qualified("n.nspname", "t.typname"), "typacl", "typowner"),
        f"FROM pg_type t {_SCHEMA.format('t.typnamespace')} WHERE true",
    ),
    _objects(
        *("schema", "pg_namespace", "n", "'n'"),
        ("quote_ident(n.nspname)", "nspacl", "nspowner"),
        "FROM pg_namespace n WHERE n.nspname !~ '^pg_(toast|temp)'",
    ),
    _objects(
        *("language", "pg_language", "l", "'l'"),
        ("quote_ident(l.lanname)", "lanacl", "lanowner"),
        "FROM pg_language l WHERE true",
    ),
    _objects(
        *("foreign-data-wrapper", "pg_foreign_data_wrapper", "w", "'F'"),
        ("quote_ident(w.fdwname)", "fdwacl", "fdwowner"),
        "FROM pg_foreign_data_wrapper w WHERE true",
    ),
    _objects(
        *("foreign-server", "pg_foreign_server", "s", "'S'"),
        ("quote_ident(s.srvname)", "srvacl", "srvowner"),
        "FROM pg_foreign_server s WHERE true",
    ),
    _objects(
        *("the", "pg_database", "d", "'d'"),
        ("'database'", "datacl", "datdba"),
        "FROM pg_database d WHERE d.datname = current_database()",
    ),
    Kind(
        "default-privilege",
        f"{word('d.defaclobjtype', _SORTS)} "
        "|| ' of ' || quote_ident(pg_get_userbyid(d.defaclrole)) || "
        "coalesce(' in ' || (SELECT quote_ident(n.nspname) FROM pg_namespace n WHERE n.oid = d.defaclnamespace), '')",
        (Field("granted", granted("d.defaclacl", "d.defaclrole")),),
        "FROM pg_default_acl d",
        absent=DEFAULT,
    ),
)
