"""Secrets out of every text that leaves the gate, and which names in the environment hold one."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from deploy_gate.facts import secret_patterns
from deploy_gate.result import Result

_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|COOKIE|WEBHOOK|BEARER|(PRIVATE|ACCESS|API|SIGNING)_?KEY"
    r"|(^|_)(PASS|PWD|AUTH|PAT|DSN|CREDS?|KEY)(_|$)"
)
_HARMLESS = {"DEPLOY_GATE_SECRET_NAMES", "ACTIONS_ID_TOKEN_REQUEST_URL", "GPG_KEY", "OLDPWD", "PWD", "SSH_AUTH_SOCK"}
# The password of a URL may hold any sign that a careless person leaves unescaped, so it ends at the last @.
_URL = re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]{0,20}://[^\s/:@]{0,200}:)([^\s\"'<>]{1,500})(@)")
_CUT = re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]{0,20}://[^\s/:@]{0,200}:)[^\s\"'<>@/…]{1,500}…")
"""The same where a limit has cut it before its end."""
MASK = "***"
NAMES = "DEPLOY_GATE_SECRET_NAMES"
"""The variable that lists the names of secrets which came in a bundle: no value of it is one, all of theirs are."""
Listener = Callable[[str, Result | None], None]
"""Told (key, None) when a check starts and (key, result) when it has ended."""


def secret_names(environment: Mapping[str, str], also: Iterable[str] = ()) -> list[str]:
    """Names in the environment that hold a secret: declared ones, telling names, and URLs with a password."""
    declared = {*also, *environment.get(NAMES, "").split(",")}
    return sorted(
        name
        for name, value in environment.items()
        if value and name not in _HARMLESS and (name in declared or _NAME.search(name.upper()) or _URL.search(value))
    )


class Masker:
    """Replaces the values of secrets, passwords inside URLs, and what is a credential by its form, by `***`."""

    def __init__(self, environment: Mapping[str, str], also: Iterable[str] = ()) -> None:
        values = {environment[name] for name in secret_names(environment, also)}
        parts = {line.strip() for value in values for line in (value, " ".join(value.split()), *value.splitlines())}
        raw = [os.fsencode(value) for value in values]
        parts |= {quote(one, safe="") for one in raw}
        parts |= {base64.b64encode(one).decode().rstrip("=") for one in raw}
        # As a server's answer repeats them inside JSON.
        parts |= {json.dumps(value, ensure_ascii=escaped)[1:-1] for value in values for escaped in (True, False)}
        parts |= {unquote(password) for value in values for _, password, _ in _URL.findall(value)}
        # Shorter values would blank out half of every text, and protect nothing.
        self.values = sorted((part for part in parts if len(part) >= 5), key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets."""
        for value in self.values:
            text = text.replace(value, MASK)
        return secret_patterns.masked(_CUT.sub(rf"\1{MASK}…", _URL.sub(rf"\1{MASK}\3", text)))

    def any(self, value: Any) -> Any:
        """The same for a text or the texts in a list or mapping; keys and other values are left alone."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return [self.any(one) for one in value]
        return {key: self.any(one) for key, one in value.items()} if isinstance(value, Mapping) else value

    def result(self, result: Result) -> Result:
        """A result without secrets."""
        texts = {name: self.any(getattr(result, name)) for name in ("found", "fix", "target", "measured")}
        return replace(result, **texts, evidence=tuple(self.any(result.evidence)))

    def listener(self, inner: Listener) -> Listener:
        """A listener that hears no secrets."""
        return lambda key, result: inner(key, result and self.result(result))


def from_environment(also: Iterable[str] = ()) -> Masker:
    """A masker for the secrets of this process."""
    return Masker(os.environ, also)
