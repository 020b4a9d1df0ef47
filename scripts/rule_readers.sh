#!/usr/bin/env bash
# Have others read our rules than the Prometheus that the tests run: promtool of
# Prometheus 3, and VictoriaMetrics' vmalert. Go builds them, once per version and user.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/cache.sh
prometheus=0.316.0
victoria=1.151.0

# Build the program of a PACKAGE at VERSION into DIRECTORY.
build() {
    echo "Building $1: minutes on two cores." >&2
    GOBIN=$3 GOFLAGS=-mod=mod CGO_ENABLED=0 go install -tags remove_all_sd "$1@v$2"
}

cached "promtool-$prometheus" build github.com/prometheus/prometheus/cmd/promtool "$prometheus"
cached "vmalert-$victoria" build github.com/VictoriaMetrics/VictoriaMetrics/app/vmalert "$victoria"
"$CACHE/promtool-$prometheus/promtool" check rules --lint=all deploy/prometheus/rules/*.yml
"$CACHE/vmalert-$victoria/vmalert" -dryRun -rule="deploy/prometheus/rules/*.yml"
