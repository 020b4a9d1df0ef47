#!/usr/bin/env bash
# Make a virtual environment, and install exactly what a lock file names.
# Usage: scripts/venv.sh DIRECTORY LOCK
set -euo pipefail
directory=$1 lock=$2
python=${PYTHON3:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; set PYTHON3 to one." >&2
    exit 1
}

# Debian's python3 lacks the module that makes environments.
if [ ! -x "$directory/bin/pip" ]; then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "Installing python3-venv." >&2
        sudo=$([ "$(id -u)" = 0 ] || echo sudo)
        $sudo apt-get update -qq
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
            python3-venv >/dev/null
    fi
    "$python" -m venv "$directory"
fi

echo "Installing $lock into $directory." >&2
"$directory/bin/python" -m pip install --quiet --disable-pip-version-check \
    --no-deps --require-hashes --requirement "$lock"
