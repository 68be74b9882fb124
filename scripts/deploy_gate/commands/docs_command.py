"""`docs`: write the generated pages again, or fail when one of them is out of date."""

from __future__ import annotations

from deploy_gate import arguments, generated
from deploy_gate.bootstrap import ROOT


def run(argv: list[str]) -> int:
    """Write what differs; with `--check` write nothing and exit 1 when something does."""
    parser = arguments.Parser("docs", "Write the generated pages and schemas again.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is out of date")
    check = parser.parse(argv).check
    stale = generated.differing()
    for name in stale:
        if check:
            print(f"{name} is out of date → run `python3 scripts docs`")
        else:
            (ROOT / name).write_text(generated.files()[name], encoding="utf-8")
            print(f"{name} written")
    return 1 if check and stale else 0
