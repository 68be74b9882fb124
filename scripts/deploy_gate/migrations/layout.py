"""Where an Alembic tree keeps its parts: what `alembic.ini` or pyproject's `[tool.alembic]` says."""

from __future__ import annotations

import configparser
import posixpath
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_gate.migrations.files import Files
from deploy_gate.result import CouldNotTell, brief

_OPTIONS = (
    *("script_location", "version_locations", "recursive_version_locations", "sourceless"),
    *("path_separator", "version_path_separator", "prepend_sys_path"),
)
_SEPARATORS = {"space": " ", "newline": "\n", "os": ":", ":": ":", ";": ";"}
_HERE = "//here"
"""Stands for `%(here)s`, the configuration's folder, until the path is known."""
_FIX = "name Alembic's configuration in the input `config`, relative to the working directory"


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders relative to the working directory."""

    config: str
    script: str
    versions: tuple[str, ...]
    recursive: bool = False


def read(config: str, files: Files) -> Layout | None:
    """The layout that a configuration describes, None when there is none; CouldNotTell when it cannot be read."""
    folder = posixpath.dirname(config)
    beside = posixpath.join(folder, "pyproject.toml")
    found = files.read(list(dict.fromkeys((config, beside))))
    options: dict[str, Any] = {}
    if beside in found:
        options |= _toml(found[beside], beside)
    if config in found and not config.endswith(".toml"):
        # Alembic, too, looks into the .ini file first, option by option.
        options |= _ini(found[config], config)
    if not options:
        if config in found:
            raise CouldNotTell(f"{brief(config, 200)}{files.name} has no section of Alembic", _FIX)
        return None
    return _Reader(config, folder, files, options).layout()


def _ini(raw: bytes, path: str) -> dict[str, Any]:
    parser = configparser.ConfigParser({"here": _HERE})
    try:
        parser.read_string(raw.decode("utf-8-sig", "replace"))
        if not parser.has_section("alembic"):
            return {}
        return {name: parser.get("alembic", name) for name in _OPTIONS if parser.has_option("alembic", name)}
    except configparser.Error as fault:
        raise CouldNotTell(f"{brief(path, 200)} cannot be read: {brief(str(fault), 160)}", "correct the file") from None


def _toml(raw: bytes, path: str) -> dict[str, Any]:
    try:
        tool = tomllib.loads(raw.decode("utf-8", "replace")).get("tool", {})
        section = tool.get("alembic", {}) if isinstance(tool, dict) else {}
        return {name: _filled(value) for name, value in section.items()} if isinstance(section, dict) else {}
    except (ValueError, TypeError, KeyError, RecursionError) as fault:
        found = f"{brief(path, 200)} cannot be read: {brief(str(fault), 160)}"
        raise CouldNotTell(found, "correct its section [tool.alembic]") from None


def _filled(value: Any) -> Any:
    if isinstance(value, list):
        return [_filled(one) for one in value]
    return value % {"here": _HERE} if isinstance(value, str) else value


class _Reader:
    """Turns options into folders that are there."""

    def __init__(self, config: str, folder: str, files: Files, options: dict[str, Any]) -> None:
        self.config, self.folder, self.files, self.options = config, folder, files, options

    def layout(self) -> Layout:
        script = self.options.get("script_location")
        if not isinstance(script, str) or not script:
            raise CouldNotTell(f"{brief(self.config, 200)} has no script_location, or no text as one", _FIX)
        if str(self.options.get("sourceless", "")).lower() == "true":
            raise CouldNotTell("the tree is sourceless: compiled revisions cannot be read", "keep the sources")
        home = self.located(script, "script_location")
        places = self.several("version_locations")
        versions = [self.located(one, "version_locations") for one in places] or [posixpath.join(home, "versions")]
        recursive = str(self.options.get("recursive_version_locations", "")).lower() == "true"
        return Layout(self.config, home, tuple(dict.fromkeys(versions)), recursive)

    def several(self, name: str) -> list[str]:
        value = self.options.get(name) or []
        if isinstance(value, list):
            return [str(one) for one in value]
        word = self.options.get("path_separator") or self.options.get("version_path_separator")
        if word is None:
            # How Alembic split before it knew a separator.
            return [one for one in re.split(r", *| +|\n", str(value)) if one]
        if word not in _SEPARATORS:
            found = f"{brief(self.config, 200)}: path_separator is {brief(str(word))!r}"
            raise CouldNotTell(found, f"write one of {', '.join(_SEPARATORS)}")
        return [text for one in str(value).split(_SEPARATORS[str(word)]) if (text := one.strip())]

    def located(self, text: str, option: str) -> str:
        """The one folder that is meant: Alembic takes it from its working directory, which we can only guess."""
        found = sorted({one for one in self.candidates(text) if self.files.is_folder(one)})
        if len(found) == 1:
            return found[0]
        what = (
            f"{option} of {brief(self.config, 200)}{self.files.name} is {brief(text.replace(_HERE, '%(here)s'), 200)!r}"
        )
        if found:
            raise CouldNotTell(f"{what}, which may be {' or '.join(found)}", "write it with %(here)s")
        raise CouldNotTell(f"{what}, and there is no such folder", "correct it; %(here)s is the configuration's folder")

    def candidates(self, text: str) -> list[str]:
        if text.startswith(_HERE):
            return [self.path("", text)]
        if Path(text).is_absolute():
            inside = Path(text).is_relative_to(Path.cwd())
            return [Path(text).relative_to(Path.cwd()).as_posix()] if inside else []
        if ":" not in text:
            return [self.path(one, text) for one in (self.folder, "")]
        package, *rest = text.split(":")
        inner = posixpath.join(*package.split("."), *rest)
        roots = [self.folder, "", *self.several("prepend_sys_path"), "src", posixpath.join(self.folder, "src")]
        return [self.path(one, inner) for one in roots]

    def path(self, root: str, text: str) -> str:
        joined = posixpath.join(root, text) if not text.startswith(_HERE) else text
        if joined.startswith(_HERE):
            joined = posixpath.join(self.folder, joined.removeprefix(_HERE).lstrip("/"))
        return posixpath.normpath(joined)
