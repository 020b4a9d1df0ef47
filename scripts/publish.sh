#!/usr/bin/env bash
# Push what scripts/dist.sh built to the registry of IMAGE: the image, and beside it the chart as
# charts/rocketmq-dr-exporter. Print the image's digest. Docker and helm have to be logged in.
# Usage: scripts/publish.sh DIRECTORY IMAGE
set -euo pipefail
directory=$1 image=${2,,}
charts=${image%/*}/charts
chart=$(echo "$directory"/rocketmq-dr-exporter-*.tgz)
version=${chart##*/rocketmq-dr-exporter-}
version=${version%.tgz}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# As everywhere, a registry on this machine alone may do without TLS.
copy=(skopeo copy --quiet) push=(helm push)
if [[ $image == 127.0.0.1:* ]]; then
    copy+=(--dest-tls-verify=false) push+=(--plain-http)
fi
gunzip --stdout "$directory/rocketmq-dr-exporter-$version-image.tar.gz" >"$work/image.tar"
"${copy[@]}" --digestfile="$work/digest" "docker-archive:$work/image.tar" "docker://$image:$version"
"${push[@]}" "$chart" "oci://$charts" >&2
cat "$work/digest"
