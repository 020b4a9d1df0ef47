#!/usr/bin/env bash
# Provide the programs that build the image and check the deployments, where the machine
# lacks them. Unlike scripts/servers.sh it installs Debian's packages: building and
# running images needs their settings below /etc.
# Usage: scripts/deploy_tools.sh DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/cache.sh
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

# Provide PROGRAM from PACKAGE of the Go module MODULE at VERSION; an empty PACKAGE is the
# module's own.
go_program() {
    local program=$1 package=$2${3:+/$3} version=$4
    if ! command -v go >/dev/null; then
        echo "$program needs Go, which this machine lacks: its checks are skipped." >&2
        [ -z "${CI:-}" ]
        return
    fi
    cached "$program-$version" go_install "$program" "$package@$version"
    ln -sf "$CACHE/$program-$version/$program" "$programs/"
}

# Build PROGRAM from PACKAGE into DIRECTORY.
go_install() {
    echo "Building $1." >&2
    GOBIN=$3 GOFLAGS=-mod=mod CGO_ENABLED=0 go install "$2"
    # Go names it after the package, and that is not always the program's name.
    [ -e "$3/$1" ] || mv "$3"/* "$3/$1"
}

# Debian's archive is not Ubuntu's: debootstrap needs its keys.
install_missing buildah=buildah podman=podman runc=runc debootstrap=debootstrap \
    skopeo=skopeo strace=strace systemd-analyze=systemd
if [ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
    install_missing debian-archive-keyring=debian-archive-keyring
fi
scripts/venv.sh "$1/venv" requirements-deploy.txt
ln -sf ../venv/bin/hadolint ../venv/bin/zizmor "$programs/"
go_program actionlint github.com/rhysd/actionlint cmd/actionlint v1.7.12
go_program helm helm.sh/helm/v3 cmd/helm v3.22.0
# What `docker compose config` reads files with.
go_program compose-config github.com/compose-spec/compose-go/v2 cmd v2.16.2
# kubectl has it built in.
if ! kubectl kustomize --help >/dev/null 2>&1; then
    go_program kustomize sigs.k8s.io/kustomize/kustomize/v5 "" v5.8.1
fi
