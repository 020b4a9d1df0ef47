#!/usr/bin/env bash
# Provide what builds the image and looks over the ways of deployment, where the machine
# does not have it. Unlike scripts/servers.sh it installs Debian's packages: building and
# running images needs their settings below /etc.
# Usage: scripts/deploy_tools.sh DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
programs=$1/bin
mkdir -p "$programs"
programs=$(realpath "$programs")
sudo=$([ "$(id -u)" = 0 ] || echo sudo)

# Install each PACKAGE whose PROGRAM the machine lacks, given as PROGRAM=PACKAGE.
install_missing() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    if [ ${#missing[@]} = 0 ]; then
        return
    fi
    echo "Installing ${missing[*]}." >&2
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
        --no-install-recommends "${missing[@]}" >/dev/null
}

# Install PROGRAM from the Go package PACKAGE of MODULE at VERSION.
go_program() {
    local program=$1 package=$2/$3 module=$2 version=$4
    if ! command -v go >/dev/null; then
        echo "$program needs Go, which is not here: what it looks over stays unseen." >&2
        [ -z "${CI:-}" ]
        return
    fi
    if go version -m "$programs/$program" 2>/dev/null |
        grep "mod[[:space:]]$module[[:space:]]$version\b" >/dev/null; then
        return
    fi
    echo "Building $program $version." >&2
    GOBIN=$programs GOFLAGS=-mod=mod go install "$package@$version"
}

# Debian's archive is not Ubuntu's: debootstrap needs its keys.
install_missing buildah=buildah podman=podman runc=runc debootstrap=debootstrap \
    strace=strace systemd-analyze=systemd
if [ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
    install_missing debian-archive-keyring=debian-archive-keyring
fi
scripts/venv.sh "$1/venv" requirements-deploy.lock
ln -sf ../venv/bin/hadolint ../venv/bin/zizmor "$programs/"
go_program actionlint github.com/rhysd/actionlint cmd/actionlint v1.7.12
if [ -d deploy/helm ]; then
    go_program helm helm.sh/helm/v3 cmd/helm v3.22.0
fi
