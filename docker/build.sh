#!/bin/sh
# Builds both images from a static binary: docker/build.sh [BINARY] [NAME]
#
# BINARY is what `cargo build --release --target ... ` with +crt-static made (default: where .ci/run leaves it), NAME
# the name of the images: NAME and NAME:compat (default: klamm). Needs BuildKit and, beside BINARY or on this
# machine, a static busybox. DOCKER names the client (default: docker).
set -eu
root="$(cd "$(dirname "$0")/.." && pwd)"
binary="${1:-$root/target/$(uname -m)-unknown-linux-gnu/release/klamm}" name="${2:-klamm}"
busybox="$(dirname "$binary")/busybox"
[ -e "$busybox" ] || busybox="$(command -v busybox)"

context="$(mktemp -d)"
trap 'rm -rf "$context"' EXIT
mkdir "$context/dist"
cp "$binary" "$context/dist/klamm"
cp "$busybox" "$context/dist/busybox"
"$root/docker/layout.sh" "$context/dist" "$context/dist/layout"
rm "$context/dist/klamm" "$context/dist/busybox"

build() { # build TARGET TAG
    DOCKER_BUILDKIT=1 "${DOCKER:-docker}" build --quiet -f "$root/docker/Dockerfile" --build-arg BINARY=given \
        --target "$1" -t "$2" "$context"
}
build klamm "$name"
build compat "$name:compat"
