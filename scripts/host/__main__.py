"""`slots.pyz`: the one entrance on the server."""

import sys

from host.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
