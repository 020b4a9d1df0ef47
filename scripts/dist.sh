#!/usr/bin/env bash
# Build all files of a release into DIRECTORY, the same bytes each time, and try the wheel.
# BASE is that of scripts/image.sh; TAG, for a release, must be that of the version; IMAGE is
# where the image will be, as REGISTRY/NAME, which the chart then has as its default.
# Usage: scripts/dist.sh DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/build_environment.sh
: "${PYTHON:=.venv/bin/python}"
mkdir -p "$1"
directory=$(realpath "$1")
name=rocketmq-dr-exporter
work=$(mktemp -d)
trap '$sudo rm -rf "$work"' EXIT

pack_image() {
    scripts/image.sh "localhost/$name:$VERSION" >/dev/null
    on_images buildah push --quiet "localhost/$name:$VERSION" "docker-archive:$work/image.tar"
    $sudo chmod a+r "$work/image.tar"
    "$PYTHON" -m scripts.image_archive "$work/image.tar" \
        "$directory/$name-$VERSION-image.tar.gz" "$name:$VERSION"
}

# helm writes the time into what it packs.
pack_chart() {
    local chart=$work/chart/$name image=${IMAGE:-}
    if ! command -v helm >/dev/null; then
        echo "The chart needs helm, which this machine lacks: scripts/deploy_tools.sh builds it." >&2
        return 1
    fi
    mkdir "$work/chart"
    cp -r "deploy/helm/$name" "$work/chart"
    if [ -n "$image" ]; then
        image=${image,,} # names of images have no capitals
        sed -i -e "s|^  registry: .*|  registry: ${image%%/*}|" \
            -e "s|^  repository: .*|  repository: ${image#*/}|" "$chart/values.yaml"
    fi
    helm package "$chart" --version "$VERSION" --app-version "$VERSION" \
        --destination "$work" >/dev/null
    tar --extract --gzip --directory="$work" --file="$work/$name-$VERSION.tgz"
    tar --create --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 \
        --numeric-owner --mode=u=rwX,go=rX --directory="$work" "$name" |
        gzip -9 --no-name >"$directory/$name-$VERSION.tgz"
}

rm -f "${directory:?}"/*
"$PYTHON" -m scripts.release_notes ${TAG:+"$TAG"} >"$directory/RELEASE_NOTES.md"
"$PYTHON" -m hatchling build --directory "$directory" 2>&1 | tail -n 2 >&2
"$PYTHON" -m scripts.try_wheel "$directory"/*.whl requirements.txt "$REVISION"
"$PYTHON" -m scripts.sbom "$directory/$name-$VERSION.cdx.json"
pack_chart
pack_image
sums=$(cd "$directory" && sha256sum -- *)
tee "$directory/SHA256SUMS" <<<"$sums"
