"""What is read of one kind of object: a query whose rows are one object each, first its name, then its attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

How = Literal["plain", "expression", "typed", "body", "hidden", "owner", "state"]
"""How an attribute is compared: letter for letter; as an expression, whatever its spelling; the same for the default of
a column of the row's type; as the body of a function in the row's language; compared, but never shown. Owners, and the
state that comes with the data, are only information."""

NEWEST = 99


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute: its name in reports, its SQL (a text, NULL where it does not apply), the versions that have it."""

    label: str
    sql: str
    how: How = "plain"
    since: int = 0
    until: int = NEWEST


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object. `name` and `parent` are SQL; an object without its parent (a column without its table) is not
    reported when the parent is missing as well. `where` is all that follows the list of columns."""

    label: str
    name: str
    fields: tuple[Field, ...]
    where: str
    parent: str = "NULL"
    since: int = 0
    absent: str = ""
    """What it means that there is no row, where that is a state of its own (privileges: the built-in default)."""

    def on(self, version: int) -> Kind:
        """This kind as a server of that major version has it."""
        fields = tuple(one for one in self.fields if one.since <= version <= one.until)
        return Kind(self.label, self.name, fields, self.where, self.parent, self.since, self.absent)

    @property
    def query(self) -> str:
        """The whole SELECT."""
        columns = [self.name, self.parent, *(one.sql for one in self.fields)]
        return " ".join(["SELECT", ", ".join(f"({one})" for one in columns), self.where])


def flag(sql: str, word: str = "yes") -> str:
    """A boolean as an attribute that only shows where it is true."""
    return f"CASE WHEN {sql} THEN '{word}' END"


def listed(array: str) -> str:
    """An array of texts as one text, sorted: the order of storage options means nothing."""
    return (
        f"CASE WHEN {array} IS NOT NULL THEN "
        f"(SELECT string_agg(one, ', ' ORDER BY one COLLATE \"C\") FROM unnest({array}) one) END"
    )


def owner(column: str) -> Field:
    """Who owns it; only information unless asked for."""
    return Field("owner", f"quote_ident(pg_get_userbyid({column}))", "owner")


def word(column: str, words: dict[str, str]) -> str:
    """One letter of the catalog as a word; a letter that is not among them stands for itself."""
    cases = " ".join(f"WHEN '{letter}' THEN '{text}'" for letter, text in words.items())
    return f"CASE {column}::text {cases} ELSE {column}::text END"


def not_member(catalog: str, oid: str) -> str:
    """That an object belongs to no extension, which speaks for its members by its version."""
    # Asked for by what it refers to: an index has the few rows, where a look for each object reads all of pg_depend.
    return (
        f"{oid} NOT IN (SELECT e.objid FROM pg_depend e WHERE e.refclassid = 'pg_extension'::regclass "
        f"AND e.classid = '{catalog}'::regclass AND e.deptype = 'e')"
    )


def users(catalog: str, oid: str) -> str:
    """That an object was made by the user: OIDs below 16384 are the server's own (FirstNormalObjectId)."""
    return f"{oid} >= 16384 AND {not_member(catalog, oid)}"


def qualified(schema: str, name: str) -> str:
    """A name as SQL wants it."""
    return f"quote_ident({schema}) || '.' || quote_ident({name})"


def tablespace(column: str) -> str:
    """The name of a tablespace that is not the database's own."""
    return f"SELECT quote_ident(s.spcname) FROM pg_tablespace s WHERE s.oid = {column}"


_RELATION = (
    "JOIN pg_class c ON c.oid = {oid} AND c.oid >= 16384 AND c.relpersistence <> 't' "
    "JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_(toast|temp)' "
)


def of_relation(catalog: str, alias: str, column: str) -> str:
    """FROM a catalog whose rows belong to a relation (c, in schema n) that a user made and no extension owns."""
    return f"FROM {catalog} {alias} {_RELATION.format(oid=f'{alias}.{column}')} AND {not_member('pg_class', 'c.oid')}"


RELATION = qualified("n.nspname", "c.relname")
RELATIONS = (
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_(toast|temp)' "
    f"WHERE c.relpersistence <> 't' AND {users('pg_class', 'c.oid')} "
)
PERSISTENCE = word("c.relpersistence", {"p": "", "u": "unlogged"})
ENABLED = {"O": "enabled", "D": "disabled", "R": "replica", "A": "always"}
