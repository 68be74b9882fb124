"""Ask this container's own server for a path: `python -m erp.probe /health/live`; exit code 0 if it answers 200."""

import http.client
import os
import sys

SECONDS = 2.5


def main(arguments: list[str]) -> int:
    """Return 0 for an answer of 200 on PORT of the loopback, 1 for anything else."""
    path = arguments[0] if arguments else "/health"
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=SECONDS)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"{path}: {type(error).__name__}\n")
        return 1
    finally:
        connection.close()
    sys.stderr.write(f"{path}: {status}\n")
    return 0 if status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
