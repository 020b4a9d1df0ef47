# shellcheck shell=bash
# Things that take minutes to make and are the same in each clone, for the scripts that
# source this. They are kept per user, so that a new clone has them at once.
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/rocketmq-dr-exporter

# Provide $CACHE/NAME, a folder that COMMAND fills; the folder is its last argument. If two
# processes make it at the same time, the first that is complete stays.
cached() {
    local place=$CACHE/$1
    shift
    if [ -d "$place" ]; then
        return
    fi
    mkdir -p "$CACHE"
    making=$(mktemp -d "$place.XXXXXX")
    trap 'rm -rf "$making"' EXIT
    "$@" "$making"
    mv -T "$making" "$place" 2>/dev/null || [ -d "$place" ]
}
