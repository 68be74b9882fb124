"""What a credential looks like, in bytes: found by a word that is searched fast, proven by a pattern around it.

A find is the name of a rule. What was matched never leaves this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

BEFORE, BEHIND = 64, 4096
"""How far around its word a pattern looks."""
_BODY = rb"(?:\s|\\n|\\r)*(?:[A-Za-z-]{1,40}:[^\n]{0,100}\n){0,6}(?:\s|\\n|\\r)*[A-Za-z0-9+/]{32}"
# A quoted text with some digits in it: names of variables and prose have none.
_SIGNING = rb"(?:SECRET_KEY|JWT_SECRET|secret_key|jwt_secret)[\"']?\s{0,4}[:=]\s{0,4}[\"']"
_SIGNING += rb"(?=(?:[^\"'\d]{0,200}\d){3})(?P<value>[A-Za-z0-9+/=_~!@#%^&*.-]{16,256})[\"']"
# These two are the scanner's as well (facts/secret_rules.py), which knows no looking ahead or behind. The signs that a
# password in an address has to escape belong to a template, or to the notation of a manual.
URL = rb"(?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|smtps?)(?:\+\w{1,20})?://"
URL += rb"[^\s:/@'\"<>|]{0,80}:(?P<value>[^\s@/'\"<>${}\[\]]{3,200})@[\w.\[-]"
TELEGRAM = rb"(?:^|[^0-9])(?P<value>[0-9]{8,10}:AA[A-Za-z0-9_-]{33})(?:[^A-Za-z0-9_-]|$)"
# What examples in other people's documentation use; in an image's own settings they count all the same.
_EXAMPLES = re.compile(
    rb"(?i)(?:tiger|pass(?:word|wd)?|pwd?|secret|example|foo|bar|test|my[-_]?\w{0,20}|your[-_]?\w{0,20}|hunter2|abc|123\w{0,6})"
)
_STAND_IN = re.compile(r"(?i)\$.*|%.*|<.*>|\{.*\}|\*+|x{3,}|\.{3}|none|null|true|false|unknown|unset|disabled|/.*")
_TELLING = re.compile(
    r"(?i)(?:^|.*[_.-])(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|dsn"
    r"|(?:secret|private|api|access|auth|encryption|signing|master)[_.-]?key(?:[_.-]?base)?|apikey)"
)
_ADDRESS = re.compile(URL)
_STARTS = r"AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|xox[abps]-|[rs]k_live_|AIza|\b\d{8,10}:AA|npm_|pypi-AgE|SG\."
_STARTS += r"|sk-(?:proj|ant)-|eyJ"
# Where any of the rules could hold: most texts of a report are none of it. (An address is not masked here, but with its
# kind: whoever masks knows all of them.)
_BEGINS = re.compile(
    _STARTS + r"|PRIVATE KEY|PuTTY-User|(?i:secret_?(?:access_?)?key|jwt_secret)|hooks\.slack\.com/|\"auths\""
)
_CUT = re.compile(rf"(?:{_STARTS})[\w./+=-]{{0,2000}}…")
"""The start of one, where a limit has cut it."""
_KEYS = re.compile(
    r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)"
    r"(?:\s|\\[nr])*[A-Za-z0-9+/]{32}(?:\s|\\[nr]|[A-Za-z0-9+/=])*"
    r"|(PuTTY-User-Key-File-\d: )[\s\S]*"
)
"""All of a key, of which the rules need only the first line."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of credential."""

    name: str
    words: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    reach: int = BEHIND
    """How far behind the word it may end, at most `BEHIND`."""


def _rule(name: str, words: tuple[bytes, ...], pattern: bytes, reach: int = BEHIND) -> Rule:
    return Rule(name, words, re.compile(pattern), reach)


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule; compiled when it is first asked for."""
    return (
        _rule("private-key", (b"PRIVATE KEY",), rb"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----" + _BODY),
        _rule("putty-key", (b"PuTTY-User-Key-File-",), rb"PuTTY-User-Key-File-\d: [\s\S]{0,2000}Private-Lines: \d"),
        _rule("aws-access-key", (b"AKIA", b"ASIA"), rb"\b(?:AKIA|ASIA)(?![A-Z2-7]{9}EXAMPLE)[A-Z2-7]{16}\b"),
        _rule(
            "aws-secret-key",
            (b"secret_access_key", b"SECRET_ACCESS_KEY", b"SecretAccessKey"),
            rb"(?i)secret_?access_?key[\"']?\s{0,4}[=:]\s{0,4}[\"']?(?![A-Za-z0-9/+]{30,33}EXAMPLEKEY)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
        ),
        _rule("github-token", (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), rb"\bgh[pousr]_[A-Za-z0-9]{36,250}\b"),
        _rule("github-token", (b"github_pat_",), rb"\bgithub_pat_[A-Za-z0-9_]{60,250}\b"),
        _rule("gitlab-token", (b"glpat-",), rb"\bglpat-[A-Za-z0-9_-]{20,100}"),
        _rule(
            "slack-token", (b"xoxb-", b"xoxp-", b"xoxa-", b"xoxs-"), rb"\bxox[abps]-[0-9]{6,20}-[A-Za-z0-9-]{16,200}"
        ),
        _rule("slack-webhook", (b"hooks.slack.com/",), rb"hooks\.slack\.com/services/T\w{6,20}/B\w{6,20}/\w{20,40}"),
        _rule("stripe-key", (b"k_live_",), rb"\b[rs]k_live_[A-Za-z0-9]{20,250}\b"),
        _rule("google-key", (b"AIza",), rb"\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
        _rule("telegram-token", (b":AA",), TELEGRAM),
        _rule("npm-token", (b"npm_",), rb"\bnpm_[A-Za-z0-9]{36}\b"),
        _rule("pypi-token", (b"pypi-AgE",), rb"\bpypi-AgE[A-Za-z0-9_-]{50,400}"),
        _rule("sendgrid-key", (b"SG.",), rb"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b"),
        _rule("openai-key", (b"sk-proj-", b"sk-ant-"), rb"\bsk-(?:proj|ant)-[A-Za-z0-9_-]{40,250}"),
        _rule(
            "json-web-token",
            (b"eyJ",),
            rb"\beyJ[A-Za-z0-9_-]{12,2000}\.eyJ[A-Za-z0-9_-]{12,2000}\.[A-Za-z0-9_-]{20,700}",
        ),
        _rule(
            "registry-login",
            (b'"auths"',),
            rb'"auths"\s{0,10}:\s{0,10}\{[^}]{0,2000}"auth"\s{0,10}:\s{0,10}"[A-Za-z0-9+/=]{8,}"',
        ),
        _rule("signing-key", (b"SECRET_KEY", b"secret_key", b"JWT_SECRET", b"jwt_secret"), _SIGNING, 320),
        _rule("database-url", (b"://",), URL, 320),
    )


def matching(data: bytes, known: tuple[Rule, ...], until: int) -> Iterator[str]:
    """Names of the rules whose word begins before `until` and whose pattern holds around it; each once."""
    for rule in known:
        if any(_holds(rule, word, data, until) for word in rule.words):
            yield rule.name


def masked(text: str) -> str:
    """The text without what is a credential by its form, also where it was cut."""
    if not _BEGINS.search(text):
        return text
    raw = _KEYS.sub(lambda match: f"{match[1] or match[2]}***", text).encode(errors="surrogatepass")
    for rule in rules():
        if any(word in raw for word in rule.words):
            raw = rule.pattern.sub(_hidden, raw)
    return _CUT.sub("***…", raw.decode(errors="surrogatepass"))


def _hidden(match: re.Match[bytes]) -> bytes:
    if not _counts(match):
        return match[0]
    if match.groupdict().get("value") is None:
        return b"***"
    start, end = (place - match.start() for place in match.span("value"))
    return match[0][:start] + b"***" + match[0][end:]


def _holds(rule: Rule, word: bytes, data: bytes, until: int) -> bool:
    place = data.find(word)
    while 0 <= place < until:
        for match in rule.pattern.finditer(data, max(place - BEFORE, 0), place + rule.reach):
            if match.start() > place:
                break  # it has a word of its own
            if match.end() > place and _counts(match):
                return True
        place = data.find(word, place + len(word))
    return False


def _counts(match: re.Match[bytes]) -> bool:
    value = match.groupdict().get("value")
    if value is None:
        return True
    return not (_STAND_IN.fullmatch(value.decode(errors="replace")) or _EXAMPLES.fullmatch(value))


def telling(name: str, value: str) -> bool:
    """Whether a setting of that name holds a credential: by its name, and not merely the place of one or a stand-in."""
    value = value.strip().strip("\"'")
    if not value or _STAND_IN.fullmatch(value):
        return False
    if _ADDRESS.search(value.encode(errors="replace")):
        return True
    return bool(_TELLING.fullmatch(name)) and "$" not in value


def assignments(data: bytes) -> Iterator[tuple[str, str]]:
    """`NAME=value` lines of a file of settings."""
    for line in data.decode(errors="replace").splitlines():
        match = re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_]\w{0,100})\s*=\s*(.{0,4000}?)\s*", line)
        if match:
            yield match[1], match[2]
