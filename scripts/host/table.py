"""The command line: what each command is called, what it runs, which options it has."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host import batch, commands, looking, remembered
from host.machine import Machine

Run = Callable[[Machine, argparse.Namespace], dict[str, Any]]
Options = list[tuple[tuple[str, ...], dict[str, Any]]]

_LEASE = (
    ("--lease",),
    {"default": "", "help": "token of the lease; - reads it from standard input, else it is SLOTS_LEASE"},
)


def asker(text: str) -> str:
    """Who asks: anybody but the guard, which says so itself."""
    if text.strip().lower().startswith("guard"):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is what the guard calls itself; give your own name")
    return text


_BY = (("--by",), {"type": asker, "default": "", "help": "who asks, for the journal (default: the user)"})
_RELEASE = (("release",), {"help": "forty hexadecimal digits"})
_CHANGES: Options = [_RELEASE, _LEASE, _BY]


def seconds(text: str) -> float:
    """A time limit: never endless, never nothing."""
    value = float(text)
    if not 0 < value <= 7 * 86400:
        raise ValueError
    return value


def _number(name: str, default: float | None, text: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    return (name,), {"type": seconds, "default": default, "help": text}


def _choice(*names: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    return ("what",), {"choices": names, "nargs": "?", "default": names[0]}


_REASON = (("--reason",), {"default": "", "help": "why, for the journal"})
_ROLLBACK: Options = [
    (("--from",), {"dest": "leaves", "default": "", "help": "the release to leave"}),
    (("--force",), {"action": "store_true", "help": "although the old release does not know the live schema"}),
    _number("--since", None, "seconds since the trouble began, for the measure"),
    _REASON,
    _BY,
]
_LEASES: Options = [
    _choice("show", "acquire", "renew", "release", "break"),
    (("--run-url",), {"default": "", "help": "where the workflow's run is seen"}),
    (("--manual",), {"action": "store_true", "help": "no end; only its holder, a break or a rollback ends it"}),
    _number("--seconds", None, "how long (default: limits.lease)"),
    _LEASE,
    _REASON,
    _BY,
]
_TRAFFIC: Options = [
    (("--since",), {"default": "switch", "help": "`switch`, or so many seconds ago"}),
    (("--until",), {"type": float, "default": 0.0, "help": "so many seconds ago (default: now)"}),
    (("--baseline",), {"type": float, "default": 3600.0, "help": "seconds of the other slot before the switch"}),
    (("--class",), {"action": "append", "default": [], "dest": "classes", "help": "NAME=REGEX of paths; in order"}),
    (("--marker",), {"action": "append", "default": [], "help": "SHA-256 of a token whose requests are probes"}),
]
_LOGS: Options = [
    (("slot",), {}),
    (("--match",), {"action": "append", "default": [], "help": "count the lines that match this; can be repeated"}),
    (("--allow",), {"action": "append", "default": [], "help": "but not those that match this"}),
    (
        ("--since",),
        {"choices": ("switch", "start"), "default": "switch", "help": "since it got the traffic, or started"},
    ),
]

TABLE: dict[str, tuple[str, Run, Options]] = {
    "init": (
        "set this host up, once",
        commands.run_init,
        [(("--live",), {"required": True}), (("--release",), {"required": True})],
    ),
    "status": ("what is live, warm, under way", looking.run_status, [(("--quick",), {"action": "store_true"})]),
    "preflight": ("whether a deployment can begin", looking.run_preflight, [(("release",), {"nargs": "?"})]),
    "receive": (
        "bring a release here",
        commands.run_receive,
        [
            (("manifest",), {"nargs": "?", "type": Path}),
            (("--text",), {"default": "", "help": "the manifest itself"}),
            _BY,
        ],
    ),
    "layers": ("which image layers are here", looking.run_layers, []),
    "prepare": ("start a release in the idle slot", commands.run_prepare, _CHANGES),
    "migrate": (
        "run its migrations",
        commands.run_migrate,
        [*_CHANGES, (("--acknowledged",), {"action": "store_true", "help": "there may be no way back by a switch"})],
    ),
    "switch": (
        "send traffic to it",
        commands.run_switch,
        [
            *_CHANGES,
            (
                ("--confirm-within",),
                {"type": seconds, "required": True, "help": "seconds until the host switches back"},
            ),
            _number("--guard-for", None, "seconds the guard watches on after the confirm"),
        ],
    ),
    "confirm": ("it is good: stop the timer", commands.run_confirm, [*_CHANGES, _REASON]),
    "hold": (
        "wait for a person",
        commands.run_hold,
        [*_CHANGES, (("--within",), {"type": seconds, "required": True}), (("--reason",), {"default": ""})],
    ),
    "rollback": ("back to the release before", commands.run_rollback, _ROLLBACK),
    "rehearse": ("switch and roll back, timed, on staging", commands.run_rehearse, _CHANGES),
    "stop": ("stop the idle slot", commands.run_stop, [_LEASE, _BY]),
    "guard": (
        "the process that watches",
        commands.run_guard,
        [
            (("what",), {"choices": ("run", "sample", "start", "stop", "boot", "restore", "unit", "hook")}),
            (("--of",), {"type": int, "default": 0, "help": "sample: the guard's process, with which it ends"}),
        ],
    ),
    "logs": ("last log lines of a slot, or what matches in its log", looking.run_logs, _LOGS),
    "traffic": ("how many requests, errors, how long they took", looking.run_traffic, _TRAFFIC),
    "samples": (
        "how this host fared, as the guard wrote it down",
        looking.run_samples,
        [_number("--since", 3600.0, "so many seconds ago"), (("--until",), {"type": float, "default": 0.0})],
    ),
    "resources": (
        "how busy processor, memory and disk are",
        looking.run_resources,
        [_number("--seconds", 5.0, "how long to look"), (("--over",), {"type": float, "default": 0.0})],
    ),
    "alert": (
        "take Alertmanager's webhook on a socket of this machine",
        commands.run_alert,
        [(("--port",), {"type": int, "default": 9095, "help": "of 127.0.0.1"})],
    ),
    "lease": ("who may change this host", commands.run_lease, _LEASES),
    "journal": (
        "what was done",
        looking.run_journal,
        [
            _choice("show", "verify"),
            (("--lines",), {"type": int, "default": 20}),
            (("--step",), {"default": "", "help": "only the lines of that step, of the whole journal"}),
        ],
    ),
    "ledger": (
        "the newest line of the deployment ledger that this host was told",
        remembered.run,
        [(("head",), {"nargs": "?", "default": "", "help": "NUMBER:HASH of a newer one"}), _BY],
    ),
    "nginx": ("the snippets", commands.run_nginx, [_choice("show", "write"), _BY]),
    "forget": ("remove old releases", commands.run_forget, [_BY]),
    "run": ("several commands in one call", batch.run_steps, [(("steps",), {"help": "a JSON list of lists of words"})]),
}
