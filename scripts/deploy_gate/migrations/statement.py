"""SQL as far as its text tells: its statements, and whether each leaves the running release as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)|(?P<text>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"""
    r"""|(?P<name>"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(?P<sign>.)""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign; names are folded as the server folds them, `word` is upper case and empty for quoted ones."""

    text: str
    word: str = ""
    is_name: bool = False


def tokens(sql: str) -> list[Token]:
    """The words and signs of a text, without white space and comments."""
    found: list[Token] = []
    for match in _TOKEN.finditer(sql):
        if match["space"]:
            continue
        text = match[0]
        if match["name"] and text.startswith('"'):
            found.append(Token(text[1:-1].replace('""', '"'), is_name=True))
        elif match["name"]:
            found.append(Token(text.lower(), text.upper(), is_name=True))
        else:
            found.append(Token(text))
    return found


def split(all_: list[Token], sign: str) -> Iterator[list[Token]]:
    """Parts between a sign that stands outside of parentheses; none is empty."""
    depth, part = 0, list[Token]()
    for one in all_:
        depth += (one.text in "([") - (one.text in ")]") if not one.is_name and len(one.text) == 1 else 0
        if depth == 0 and one.text == sign and not one.is_name:
            if part:
                yield part
            part = []
        else:
            part.append(one)
    if part:
        yield part


class Reader:
    """Reads a statement from its beginning: words that must or may come, then a name."""

    def __init__(self, all_: list[Token]) -> None:
        self.all, self.at = all_, 0

    @property
    def words(self) -> list[str]:
        """What is left, as words."""
        return [one.word or one.text for one in self.all[self.at :]]

    def take(self, *words: str) -> bool:
        """Go past these words, if they come next."""
        here = self.all[self.at : self.at + len(words)]
        if [one.word for one in here] == list(words):
            self.at += len(words)
            return True
        return False

    def any(self, *phrases: str) -> str:
        """Go past the first of the phrases that comes next, and say which."""
        return next((one for one in phrases if self.take(*one.split())), "")

    def name(self) -> str:
        """A name with its schema, `shop.orders`; empty where there is none."""
        parts: list[str] = []
        while self.at < len(self.all) and self.all[self.at].is_name:
            parts.append(self.all[self.at].text)
            self.at += 1
            if self.at < len(self.all) and self.all[self.at].text == "." and not self.all[self.at].is_name:
                self.at += 1
            else:
                break
        return ".".join(parts)


@dataclass(frozen=True, slots=True)
class Part:
    """One action on one table: `add-column`, `create-table` …; `rest` is what follows, for a closer look."""

    action: str
    table: str = ""
    name: str = ""
    rest: tuple[Token, ...] = ()
    columns: tuple[str, ...] = ()
    may_be_there: bool = False
    """`IF NOT EXISTS`: whether it adds anything, only a run would tell."""


_MADE = "SEQUENCE|SCHEMA|EXTENSION|TYPE|VIEW|MATERIALIZED VIEW|FUNCTION|PROCEDURE|DOMAIN|STATISTICS|COLLATION|AGGREGATE"
_PURE = {"COUNT", "MAX", "MIN", "SUM", "AVG", "COALESCE", "LOWER", "UPPER", "LENGTH", "CAST", "NULLIF", "EXISTS", "IN"}
_PURE |= {"AND", "OR", "NOT", "WHERE", "FROM", "ON", "SELECT", "AS", "ANY", "ALL", "BY", "HAVING", "UNION"}
_TIMEOUTS = {"lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"}


def parts(sql: str) -> list[Part]:
    """What a text of one or several statements does; the action `unknown` for whatever is not known here."""
    found = [part for one in split(tokens(sql), ";") for part in _statement(Reader(one))]
    return found or [Part("unknown")]


def _statement(reader: Reader) -> list[Part]:
    first = reader.words[0]
    reader.at = 1
    return _STATEMENTS.get(first, _unknown)(reader)


def _unknown(_: Reader) -> list[Part]:
    return [Part("unknown")]


def _create(reader: Reader) -> list[Part]:
    reader.any("UNLOGGED")
    if reader.take("TABLE"):
        there = reader.take("IF", "NOT", "EXISTS")
        return [Part("create-table", reader.name(), may_be_there=there)]
    unique = reader.take("UNIQUE")
    if reader.take("INDEX"):
        concurrently = reader.take("CONCURRENTLY")
        there = reader.take("IF", "NOT", "EXISTS")
        name = "" if reader.words[:1] == ["ON"] else reader.name()
        reader.any("ON ONLY", "ON")
        action = "create-unique-index" if unique else "create-index"
        return [Part(action + ("-concurrently" if concurrently else ""), reader.name(), name, may_be_there=there)]
    if reader.any(*_MADE.split("|")):
        there = reader.take("IF", "NOT", "EXISTS")
        return [Part("create-other", "", reader.name(), may_be_there=there)]
    return _unknown(reader)


def _drop(reader: Reader) -> list[Part]:
    kind = reader.any(
        "TABLE", "INDEX", "MATERIALIZED VIEW", "VIEW", "TYPE", "SEQUENCE", "FUNCTION", "TRIGGER", "SCHEMA"
    )
    reader.take("CONCURRENTLY")
    reader.take("IF", "EXISTS")
    names = [Reader(one).name() for one in split(reader.all[reader.at :], ",")]
    action = f"drop-{kind.lower().replace(' ', '-')}" if kind else "drop"
    return [Part(action, one if kind == "TABLE" else "", one) for one in names] or [Part("drop")]


def _alter(reader: Reader) -> list[Part]:
    if reader.take("TYPE"):
        name = reader.name()
        return [Part("add-enum-value" if reader.take("ADD", "VALUE") else "alter-type", "", name)]
    if not reader.take("TABLE"):
        return [Part("alter", "", reader.words[1] if len(reader.words) > 1 else "")]
    reader.take("IF", "EXISTS")
    reader.take("ONLY")
    table = reader.name()
    return [_altered(table, Reader(one)) for one in split(reader.all[reader.at :], ",")] or [Part("alter", table)]


def _altered(table: str, reader: Reader) -> Part:
    if reader.take("VALIDATE", "CONSTRAINT"):
        return Part("validate", table, reader.name())
    if reader.any("ADD CONSTRAINT", "ADD CHECK", "ADD UNIQUE", "ADD PRIMARY", "ADD FOREIGN", "ADD EXCLUDE"):
        return Part("add-constraint", table, reader.name())
    if reader.any("ADD COLUMN", "ADD"):
        there = reader.take("IF", "NOT", "EXISTS")
        name = reader.name()
        return Part("add-column", table, name, tuple(reader.all[reader.at :]), may_be_there=there)
    if reader.any("DROP CONSTRAINT", "DROP COLUMN", "DROP"):
        reader.take("IF", "EXISTS")
        return Part("drop-part", table, reader.name())
    if reader.any("ALTER COLUMN", "ALTER"):
        name = reader.name()
        action = reader.any("SET DEFAULT", "DROP DEFAULT", "SET STATISTICS", "SET NOT NULL")
        return Part(action.lower().replace(" ", "-") or "alter-column", table, name)
    return Part("alter", table)


def _update(reader: Reader) -> list[Part]:
    reader.take("ONLY")
    table = reader.name()
    while reader.words and not reader.take("SET"):
        reader.at += 1
    rest = reader.all[reader.at :]
    depth = 0
    for number, one in enumerate(rest):
        depth += (one.text == "(") - (one.text == ")")
        if depth == 0 and one.word in ("WHERE", "FROM", "RETURNING"):
            rest = rest[:number]
            break
    return [Part("update", table, Reader(one).name()) for one in split(rest, ",")] or [Part("update", table)]


def _set(reader: Reader) -> list[Part]:
    reader.any("LOCAL", "SESSION")
    return [Part("session" if reader.name() in _TIMEOUTS else "unknown")]


def _select(reader: Reader) -> list[Part]:
    calls = {one.word for one, two in pairwise(reader.all) if one.is_name and two.text == "(" and not two.is_name}
    return [Part("unknown" if calls - _PURE or "INTO" in reader.words else "comment")]


def _insert(reader: Reader) -> list[Part]:
    reader.take("INTO")
    changes = any(pair == ("DO", "UPDATE") for pair in pairwise(reader.words))
    return [Part("unknown" if changes else "insert", reader.name())]


def _data(action: str, *words: str) -> Callable[[Reader], list[Part]]:
    def read(reader: Reader) -> list[Part]:
        reader.any(*words)
        return [Part(action, reader.name())]

    return read


_STATEMENTS: dict[str, Callable[[Reader], list[Part]]] = {
    "CREATE": _create,
    "DROP": _drop,
    "ALTER": _alter,
    "UPDATE": _update,
    "SET": _set,
    "INSERT": _insert,
    "SELECT": _select,
    "DELETE": _data("delete", "FROM ONLY", "FROM"),
    "TRUNCATE": _data("truncate", "TABLE ONLY", "TABLE"),
    "COMMENT": lambda _: [Part("comment")],
    "ANALYZE": lambda _: [Part("comment")],
    "GRANT": lambda _: [Part("comment")],
    "REINDEX": _data("reindex", "INDEX CONCURRENTLY", "TABLE CONCURRENTLY", "INDEX", "TABLE"),
}
