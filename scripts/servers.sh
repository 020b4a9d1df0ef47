#!/usr/bin/env bash
# Unpack the real programs that the tests start, where the machine does not have them.
# Unpacked, not installed: Debian's packages would start services. The browser is installed:
# it starts none, and needs its libraries in their usual place.
# Usage: scripts/servers.sh DIRECTORY
set -euo pipefail
source "$(dirname "$0")/cache.sh"
mkdir -p "$1/usr/bin"
cd "$1"
sudo=$([ "$(id -u)" = 0 ] || echo sudo)
# Packages of another release of Debian need other libraries.
release=$(. /etc/os-release && echo "$ID-$VERSION_ID")

# Link what is in PACKAGE unless the machine has PROGRAM.
provide() {
    local program=$1 package=$2
    if command -v "$program" >/dev/null; then
        return
    fi
    cached "$package-$release" unpack "$package"
    ln -sf "$CACHE/$package-$release"/usr/bin/* usr/bin/
}

# Unpack PACKAGE into DIRECTORY.
unpack() {
    echo "Unpacking $1." >&2
    cd "$2"
    if ! apt-get download -qq "$1" 2>/dev/null; then
        # A fresh machine has no list of packages yet.
        $sudo apt-get update -qq
        apt-get download -qq "$1"
    fi
    dpkg-deb --extract "$1"_*.deb .
    rm "$1"_*.deb
    cd "$OLDPWD"
}

# Install PACKAGES unless the machine has PROGRAM.
install() {
    local program=$1
    shift
    if command -v "$program" >/dev/null; then
        return
    fi
    echo "Installing $* for $program." >&2
    local command=(env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends)
    if ! $sudo "${command[@]}" "$@" >/dev/null 2>&1; then
        $sudo apt-get update -qq
        $sudo "${command[@]}" "$@" >/dev/null
    fi
}

provide prometheus prometheus
provide promtool prometheus
provide prometheus-alertmanager prometheus-alertmanager
provide amtool prometheus-alertmanager
# Debian's Alertmanager reads its templates from there, and from nowhere else.
templates=usr/share/prometheus/alertmanager
unpacked=$CACHE/prometheus-alertmanager-$release/$templates
if [ -d "$unpacked" ] && [ ! -d "/$templates" ]; then
    $sudo mkdir -p "/${templates%/*}"
    $sudo cp -r "$unpacked" "/${templates%/*}/"
fi
provide etcd etcd-server
provide openssl openssl
# With fonts for names in most scripts, and so that pictures look the same.
install chromium chromium fonts-dejavu-core
install chromedriver chromium-driver
