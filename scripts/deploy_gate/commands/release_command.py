"""`release`: whether this commit may be released as a tag, its notes, and letting `vN` follow; used by release.yml."""

from __future__ import annotations

from pathlib import Path

from deploy_gate import arguments, releasing
from deploy_gate.facts import remote
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell

TIMEOUT = 60.0


def run(argv: list[str]) -> int:
    """Judge; with `--move` let `vN` follow afterwards. 1 when tag, VERSION and CHANGELOG disagree."""
    parser = arguments.Parser("release", "Whether the commit that is checked out may be released as a tag.")
    parser.add_argument("tag", help="the version, such as v1.2.3")
    parser.add_argument("--notes", type=Path, help="write the changelog's section into this file")
    parser.add_argument("--move", action="store_true", help="then let vN follow, unless a newer one of its line exists")
    parser.add_argument("--remote", default="origin", help="the remote that is asked and pushed to")
    options = parser.parse(argv)
    releasing.known(options.tag)
    version, changelog = _text("VERSION"), _text("CHANGELOG.md")
    with remote.opened(options.remote, TIMEOUT) as there:
        wrong = releasing.judge(options.tag, releasing.gather(there, options.tag, version, changelog))
        for one in wrong:
            print(f"wrong: {one}")
        if wrong:
            return 1
        if options.notes:
            options.notes.write_text(releasing.notes(options.tag, changelog), encoding="utf-8")
        print(f"{options.tag}: tag, VERSION and CHANGELOG agree")
        if options.move:
            print(releasing.move(there, options.tag))
    return 0


def _text(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Misconfigured([f"there is no {name} here; run this in the folder that is released"]) from None
    except (OSError, ValueError) as fault:
        raise CouldNotTell(f"{name} cannot be read: {fault}", "see what it is") from None
