"""`slots.pyz`: the one entrance on the server."""

import sys

if sys.version_info < (3, 9):
    sys.exit("slots: needs Python 3.9 or newer, this is %d.%d" % sys.version_info[:2])

from host.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
