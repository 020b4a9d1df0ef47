# shellcheck shell=bash
# The variables of a build of a release, for the scripts that source this: commit, time, and
# the folder of images.
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct)}"
: "${REVISION:=$(git rev-parse HEAD)$(git diff --quiet HEAD || echo -dirty)}"
VERSION=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' exporter/__init__.py)
export REVISION SOURCE_DATE_EPOCH VERSION

# Below .cache and not below /var/lib: the machine's own images are not touched.
: "${STORAGE:=$PWD/.cache/images}"
mkdir -p "$STORAGE"
# shellcheck disable=SC2034  # for the scripts that source this
DEBIAN_BASE=localhost/python-debian
sudo=$([ "$(id -u)" = 0 ] || echo sudo)

# Run a PROGRAM on the images of this folder.
on_images() {
    local program=$1
    shift
    $sudo "$program" --root="$STORAGE/store" --runroot="$STORAGE/run" \
        --storage-driver=vfs "$@"
}
