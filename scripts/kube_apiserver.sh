#!/usr/bin/env bash
# Build a Kubernetes API, kube-apiserver, and its kubectl, once per version and user, and
# write the Prometheus Operator's kinds.
# Releases are not downloaded: the sources come checked against Go's database of sums.
# Without Go it fails, outside CI, too: all these tests need the server.
# Usage: scripts/kube_apiserver.sh DIRECTORY
set -euo pipefail
source "$(dirname "$0")/cache.sh"
version=1.34.4
module=k8s.io/kubernetes

build() {
    local own part told=k8s.io/component-base/version
    if ! command -v go >/dev/null; then
        echo "A Kubernetes API is built with Go 1.24 or newer, which is not here." >&2
        exit 1
    fi
    echo "Building kube-apiserver and kubectl $version: 5 minutes on two cores, 2.5 GB of cache." >&2
    mkdir "$1/module"
    cd "$1/module"
    export GOFLAGS=-mod=mod CGO_ENABLED=0
    go mod init scratch 2>/dev/null
    go mod edit -go=1.24.0 -require="$module@v$version"
    # The module replaces its parts by folders of its repository, so it cannot be installed
    # directly. The published parts have its version with a 0 in place of the 1.
    own=$(go mod download -json "$module@v$version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
    sed -n 's|^\s*\(k8s.io/[a-z-]*\) => \./staging/.*|\1|p' "$own" | while read -r part; do
        go mod edit -replace="$part=$part@v0${version#1}"
    done
    # Helm refuses a chart on a server that does not say its version.
    go build -o "$1/" -ldflags="-s -w -X $told.gitVersion=v$version
        -X $told.gitMajor=1 -X $told.gitMinor=${version:2:2}" \
        "$module/cmd/kube-apiserver" "$module/cmd/kubectl"
    cd ..
    rm -r module
}

# The Operator's own types, and the generator that the Operator uses.
operator=0.95.1
generate() {
    local types=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring
    echo "Writing the kinds of the Prometheus Operator $operator: a minute." >&2
    mkdir "$1/module"
    cd "$1/module"
    export GOFLAGS=-mod=mod CGO_ENABLED=0
    GOBIN=$PWD go install sigs.k8s.io/controller-tools/cmd/controller-gen@v0.20.1
    go mod init scratch 2>/dev/null
    go get "$types@v$operator" 2>/dev/null
    ./controller-gen crd:maxDescLen=0 paths="$types/v1" paths="$types/v1alpha1" \
        output:crd:dir=..
    cd ..
    rm -r module
}

mkdir -p "$1/bin"
programs=$(realpath "$1/bin")
cached "kubernetes-$version" build
ln -sf "$CACHE/kubernetes-$version"/* "$programs/"
cached "prometheus-operator-$operator" generate
ln -sfn "$CACHE/prometheus-operator-$operator" "${programs%/*}/operator"
