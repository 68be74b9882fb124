#!/bin/sh
# Back to the release before, by hand; needs neither GitHub nor the network.
#
#   ./rollback.sh                   shows what it would leave and asks
#   ./rollback.sh --from RELEASE    asks nothing
#   ./rollback.sh --help            the other options
#
# Stands beside slots.pyz and slots.json, or is told where they are.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=${SLOTS_PROGRAM:-$here/slots.pyz}
config=${SLOTS_CONFIG:-$here/slots.json}
for file in "$program" "$config"; do
    if [ ! -r "$file" ]; then
        echo "what happened: $file is not there, or not readable" >&2
        echo "usually means: this script was moved, or another user deploys" >&2
        echo "what to do:    set SLOTS_PROGRAM and SLOTS_CONFIG, or run it as the user who deploys" >&2
        exit 2
    fi
done
exec python3 -I "$program" --config "$config" rollback "$@"
