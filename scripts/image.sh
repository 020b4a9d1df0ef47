#!/usr/bin/env bash
# Build the image: same commit, same base, same bytes.
# BASE is its base image: empty for the Dockerfile's, which buildah pulls;
# `debian` for one made here of Debian's packages, where no image can be pulled; or any.
# Usage: scripts/image.sh TAG
set -euo pipefail
cd "$(dirname "$0")/.."
tag=$1 base=${BASE:-}
source scripts/build_environment.sh

made_base() {
    local root=$STORAGE/root container
    $sudo rm -rf "$root"
    echo "Making a base of Debian's packages." >&2
    $sudo "$(command -v debootstrap)" --variant=minbase \
        --include=ca-certificates,python3,python3-pip-whl,python3-venv \
        bookworm "$root" >"$STORAGE/debootstrap.log" 2>&1 || {
        tail -n 3 "$STORAGE/debootstrap.log" >&2
        return 1
    }
    $sudo rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* \
        "$root"/usr/share/{doc,man,locale}
    container=$(on_images buildah from scratch)
    on_images buildah add --quiet "$container" "$root" / >/dev/null
    on_images buildah commit --quiet --rm "$container" "$DEBIAN_BASE" >/dev/null
    $sudo rm -rf "$root"
}

arguments=(--isolation=chroot --format=docker --no-cache --quiet --identity-label=false
    --timestamp="$SOURCE_DATE_EPOCH" --tag="$tag"
    --build-arg=PIP_CERT="${PIP_CERT:-}" --build-arg=PIP_INDEX_URL="${PIP_INDEX_URL:-}"
    --build-arg=CREATED="$(date --utc --date="@$SOURCE_DATE_EPOCH" +%FT%TZ)"
    --build-arg=REVISION="$REVISION" --build-arg=SOURCE="${SOURCE:-}"
    --build-arg=SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" --build-arg=VERSION="$VERSION")
if [ "$base" = debian ]; then
    base=$DEBIAN_BASE
    on_images buildah inspect --type=image "$base" >/dev/null 2>&1 || made_base
fi
if [ -n "$base" ]; then
    arguments+=(--build-arg=BASE="$base")
fi
# Where pip needs an authority of the machine's own, the build needs it, too.
if [ -n "${PIP_CERT:-}" ]; then
    arguments+=(--volume="$PIP_CERT:$PIP_CERT:ro")
fi
on_images buildah build "${arguments[@]}" . || {
    echo "The image was not built. Where no base can be pulled, BASE=debian makes one." >&2
    exit 1
}
# The image that had this tag before would keep its space.
on_images buildah rmi --prune >/dev/null
