"""What error pages of frameworks look like in debug mode."""

from __future__ import annotations

import re

_SIGNS = (
    ("a Python traceback", r"Traceback \(most recent call last\)|File \"[^\"]{1,300}\", line \d+, in "),
    ("Werkzeug's debugger", r"Werkzeug Debugger|__debugger__=yes"),
    ("Django's debug page", r"<code>DEBUG = True</code>|you have <code>DEBUG|Django Version:"),
    ("a stack trace of Node.js", r"(?m)^\s*(<br>|&nbsp;|\s)*at .{1,200}\(?(/|node:)[^\s)]{1,200}:\d+:\d+\)?"),
    ("a stack trace of Java", r"(?m)^\s*at [\w$.]{3,200}\([\w$]{1,100}\.java:\d+\)"),
    ("Laravel's debug page", r"Illuminate\\\\|Whoops\\\\|ignition"),
    ("a stack trace of Ruby", r"Action Controller: Exception caught|\.rb:\d+:in [`']"),
    ("a stack trace of PHP", r"<b>(Fatal|Parse) error</b>:|Stack trace:\s*#0"),
    ("a stack trace of Go", r"goroutine \d+ \[running\]"),
    ("a stack trace of .NET", r"(?m)^\s*at [\w.]{3,200}\(.{0,300}\) in .{1,200}:line \d+"),
)


def told(body: bytes) -> str:
    """Which framework's trace a page shows; empty when it shows none."""
    text = body[:262144].decode(errors="replace")
    return next((name for name, pattern in _SIGNS if re.search(pattern, text)), "")
