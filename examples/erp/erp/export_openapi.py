"""Write the API's description: `python -m erp.export_openapi [FILE]`, to standard output without a file."""

import json
import secrets
import sys
from pathlib import Path

from erp.app import create_app
from erp.settings import Settings


def schema_text() -> str:
    """Return the OpenAPI document; needs no database and no setting of the environment."""
    settings = Settings(database_url="sqlite://", secret_key=secrets.token_hex(32), environment="test", redis_url="")
    return json.dumps(create_app(settings).openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write to the named file or to standard output; return the exit code."""
    if len(arguments) > 1:
        sys.stderr.write("usage: python -m erp.export_openapi [FILE]\n")
        return 2
    if arguments:
        Path(arguments[0]).write_text(schema_text(), encoding="utf-8")
    else:
        sys.stdout.write(schema_text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
