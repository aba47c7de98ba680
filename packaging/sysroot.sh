#!/usr/bin/env bash
# Prints the folder with the C and C++ libraries that the packages are built against: `sysroot.sh amd64|arm64`.
# Debian 11's glibc 2.31 is the oldest in reach; its headers name no symbol above 2.28 for what this program calls,
# which check-floor.sh holds.
set -euo pipefail
arch=$1
suite=bullseye
mirror=${REAPER_SYSROOT_MIRROR:-http://deb.debian.org/debian}
cache=${REAPER_PACKAGE_CACHE:-/var/cache/vscode-grim-reaper-packages}
sysroot=$cache/sysroot-$suite-$arch
if [ ! -d "$sysroot" ]; then
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/tmp.XXXXXX")
  trap 'rm -rf -- "$work"' EXIT
  # Unpacked only: nothing of it is ever run, so another architecture is as good as this one.
  mmdebstrap --quiet --variant=extract --architectures="$arch" \
    --include=libc6-dev,libstdc++-10-dev,linux-libc-dev "$suite" "$work/root" "deb $mirror $suite main" >&2
  # An absolute link would lead to this machine's libraries.
  find "$work/root" -type l -lname '/*' -exec bash -c \
    'for link; do ln -sfnr "$0$(readlink "$link")" "$link"; done' "$work/root" {} +
  mv -T "$work/root" "$sysroot" 2>/dev/null || [ -d "$sysroot" ]
fi
echo "$sysroot"
