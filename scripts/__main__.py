"""The one entrance: ``python3 scripts gate | check NAME | do NAME | demo | test ...``.

This file must parse on Python 3.6, so that an old ``python3`` answers with one clear line instead of a SyntaxError, and
it imports nothing but ``sys`` and ``os`` until the interpreter runs isolated: a stray ``json.py`` on PYTHONPATH must
never be imported. Exit 2: no suitable Python.
"""

import os
import sys

OLDEST = (3, 11)
KNOWN_MINORS = (14, 13, 12, 11)
SCRIPTS = os.path.dirname(os.path.realpath(__file__))


def restart(python: str) -> None:
    """Replace this process by ``python``, isolated, with the same arguments."""
    sys.stdout.flush()
    os.execv(python, [python, "-I", SCRIPTS] + sys.argv[1:])


def base_python() -> str:
    """The interpreter behind an active virtual environment, whose site-packages must have no say here."""
    return getattr(sys, "_base_executable", None) or sys.executable


def is_recent(python: str) -> bool:
    """Ask it, because a version manager leaves launchers that only print an error."""
    import subprocess  # not before isolation: its own imports could be strays

    ask = "import sys; sys.exit(sys.version_info < (3, 11))"
    null = subprocess.DEVNULL
    try:
        return subprocess.call([python, "-I", "-c", ask], stdin=null, stdout=null, stderr=null, timeout=20) == 0
    except (OSError, subprocess.SubprocessError):
        return False


def newer_python() -> str:
    """Path of a Python that is new enough, or an empty string. Relative PATH entries do not count."""
    folders = [entry for entry in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(entry)]
    for minor in KNOWN_MINORS:
        for folder in folders + ["/usr/bin", "/usr/local/bin"]:
            candidate = os.path.join(folder, "python3.%d" % minor)
            if os.access(candidate, os.X_OK) and is_recent(candidate):
                return candidate
    return ""


def main() -> None:
    """Isolated first, then recent enough, then into the private environment."""
    if not sys.flags.isolated:
        restart(base_python())
    if sys.version_info < OLDEST:
        newer = newer_python()
        if newer:
            restart(newer)
        sys.stderr.write(
            "deploy-gate: needs Python 3.11 or newer, and %s is %d.%d: install python3.11 or newer and run again\n"
            % (sys.executable, sys.version_info[0], sys.version_info[1])
        )
        sys.exit(2)
    from deploy_gate import bootstrap  # not before isolation and the version check

    bootstrap.enter("core", sys.argv[1:])


if __name__ == "__main__":
    main()
