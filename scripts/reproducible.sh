#!/usr/bin/env bash
# Build the release twice, in different folders, time zones, languages and umasks, and
# fail unless both are equal to the byte.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/build_environment.sh
: "${PYTHON:=.venv/bin/python}"
PYTHON=$(realpath --no-symlinks "$PYTHON")
export PYTHON STORAGE
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

scripts/dist.sh "$work/once" >/dev/null
mkdir -p "$work/else/where"
git ls-files -z | tar --create --null --files-from=- | tar --extract --directory="$work/else/where"
(
    cd "$work/else/where"
    umask 077
    TZ=Asia/Tokyo LANG=C scripts/dist.sh "$work/again" >/dev/null
)
diff "$work/once/SHA256SUMS" "$work/again/SHA256SUMS"
echo "Both builds are equal:"
cat "$work/once/SHA256SUMS"
