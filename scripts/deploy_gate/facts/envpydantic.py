"""Names that pydantic-settings reads for a class: its prefix, its aliases, and the keys of nested models."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from deploy_gate.facts.envuse import NAME, Use

Text = Callable[[ast.expr | None], str | None]
MAX_DEPTH = 5
_CONTAINERS = {"list", "List", "dict", "Dict", "set", "Set", "tuple", "Tuple", "frozenset", "Sequence", "Mapping"}
_OPTIONS = ("env_prefix", "env_nested_delimiter", "case_sensitive", "populate_by_name", "validate_by_name")


@dataclass(frozen=True, slots=True)
class Field:
    """One annotated name of a class."""

    name: str
    annotation: ast.expr
    aliases: tuple[str, ...]
    line: int


@dataclass(slots=True)
class Class:
    """A class as far as its text tells."""

    name: str
    path: str
    bases: list[str]
    fields: dict[str, Field] = field(default_factory=dict)
    options: dict[str, str | bool] = field(default_factory=dict)


def uses(modules: Mapping[str, tuple[ast.Module, Text]]) -> list[Use]:
    """Every variable of every settings class in these files."""
    known: dict[str, list[Class]] = {}
    for path, (tree, text) in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                one = _class(node, path, text)
                known.setdefault(one.name, []).append(one)
    index = _Index(known)
    return [use for classes in known.values() for one in classes if index.is_settings(one) for use in index.uses(one)]


class _Index:
    def __init__(self, known: Mapping[str, list[Class]]) -> None:
        self.known = known

    def find(self, name: str, path: str) -> Class | None:
        """The class of that name; the one of the same file where there are several."""
        found = self.known.get(name, [])
        return next((one for one in found if one.path == path), found[0] if found else None)

    def line(self, one: Class, depth: int = 0) -> list[Class]:
        """The class and its ancestors, nearest first."""
        parents = [self.find(name, one.path) for name in one.bases if name != one.name]
        above = [found for parent in parents if parent and depth < 20 for found in self.line(parent, depth + 1)]
        return [one, *above]

    def is_settings(self, one: Class) -> bool:
        return any("BaseSettings" in ancestor.bases for ancestor in self.line(one))

    def fields(self, one: Class) -> dict[str, tuple[Field, Class]]:
        found: dict[str, tuple[Field, Class]] = {}
        for ancestor in reversed(self.line(one)):
            found |= {name: (own, ancestor) for name, own in ancestor.fields.items()}
        return found

    def uses(self, one: Class) -> Iterator[Use]:
        options: dict[str, str | bool] = {}
        for ancestor in reversed(self.line(one)):
            options |= ancestor.options
        for own, where in self.fields(one).values():
            yield from self.field(own, where, options, str(options.get("env_prefix") or ""), 0)

    def field(
        self,
        own: Field,
        where: Class,
        options: Mapping[str, str | bool],
        prefix: str,
        depth: int,
        above: tuple[str, ...] = (),
    ) -> Iterator[Use]:
        # An alias stands for itself at the top; below, it takes the place of the name.
        named = (
            [prefix + own.name]
            if not own.aliases or options.get("populate_by_name") or options.get("validate_by_name")
            else []
        )
        aliased = [prefix + alias if depth else alias for alias in own.aliases]
        names = tuple(self._spelled(name, options) for name in (*aliased, *named) if NAME.fullmatch(name))
        if not names:
            return
        delimiter = str(options.get("env_nested_delimiter") or "")
        inner = self.nested(own, where) if depth < MAX_DEPTH else None
        if inner and not delimiter:
            if self.is_settings(inner):
                return  # settings in settings read their own names
            inner = None
        stem = names[0] + delimiter if delimiter else ""
        folded = options.get("case_sensitive") is not True
        if inner is None:
            yield Use((*names, *above), where.path, own.line, folded, stem)
            return
        for sub, place in self.fields(inner).values():
            yield from self.field(sub, place, options, stem, depth + 1, (*names, *above))

    def nested(self, own: Field, where: Class) -> Class | None:
        """The model that a field holds, unless it holds many of them."""
        names = [
            node.id if isinstance(node, ast.Name) else getattr(node, "attr", "") for node in ast.walk(own.annotation)
        ]
        if _CONTAINERS & set(names):
            return None
        found = [self.find(name, where.path) for name in names if name]
        return next((one for one in found if one and one.fields), None)

    def _spelled(self, name: str, options: Mapping[str, str | bool]) -> str:
        return name if options.get("case_sensitive") is True else name.upper()


def _class(node: ast.ClassDef, path: str, text: Text) -> Class:
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    names = [base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in bases]
    made = Class(node.name, path, names)
    _options(made, node.keywords, text)
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            _field(made, statement, statement.target.id, text)
        elif isinstance(statement, ast.Assign) and _assigns(statement, "model_config"):
            _config(made, statement.value, text)
        elif isinstance(statement, ast.ClassDef) and statement.name == "Config":
            for one in statement.body:
                if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
                    _option(made, one.targets[0].id, one.value, text)
    return made


def _assigns(node: ast.Assign, name: str) -> bool:
    return any(isinstance(one, ast.Name) and one.id == name for one in node.targets)


def _config(made: Class, value: ast.expr, text: Text) -> None:
    if isinstance(value, ast.Call):
        _options(made, value.keywords, text)
    elif isinstance(value, ast.Dict):
        for key, one in zip(value.keys, value.values, strict=True):
            _option(made, text(key) or "", one, text)


def _options(made: Class, keywords: list[ast.keyword], text: Text) -> None:
    for keyword in keywords:
        _option(made, keyword.arg or "", keyword.value, text)


def _option(made: Class, name: str, value: ast.expr, text: Text) -> None:
    if name in _OPTIONS:
        known = text(value)
        flag = value.value if isinstance(value, ast.Constant) and isinstance(value.value, bool) else False
        made.options[name] = flag if known is None else known


def _field(made: Class, node: ast.AnnAssign, name: str, text: Text) -> None:
    if name == "model_config":
        if node.value is not None:
            _config(made, node.value, text)
        return
    if name.startswith("_") or any(
        getattr(one, "id", getattr(one, "attr", "")) == "ClassVar" for one in ast.walk(node.annotation)
    ):
        return
    calls = [one for one in (*ast.walk(node.annotation), node.value) if isinstance(one, ast.Call)]
    aliases = [alias for call in calls if _named(call.func) == "Field" for alias in _aliases(call, text)]
    made.fields[name] = Field(name, node.annotation, tuple(aliases), node.lineno)


def _named(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _aliases(call: ast.Call, text: Text) -> list[str]:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    value = given.get("validation_alias") or given.get("alias") or given.get("env")
    return [alias for alias in _texts(value, text) if alias]


def _texts(value: ast.expr | None, text: Text) -> list[str]:
    """A text, a list of them, `AliasChoices(…)`, or the first step of an `AliasPath(…)`."""
    if isinstance(value, ast.List | ast.Tuple):
        return [one for element in value.elts for one in _texts(element, text)]
    if isinstance(value, ast.Call):
        arguments = value.args[:1] if _named(value.func) == "AliasPath" else value.args
        return [one for argument in arguments for one in _texts(argument, text)]
    return [text(value) or ""]
