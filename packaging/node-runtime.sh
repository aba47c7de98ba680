#!/usr/bin/env bash
# Unpacks the pinned Node.js for the package vscode-grim-reaper-node: `node-runtime.sh amd64|arm64 FOLDER`.
set -euo pipefail
arch=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
cache=${REAPER_PACKAGE_CACHE:-/var/cache/vscode-grim-reaper-packages}
pinned() { node -p "require('$here/node-runtime.json')$1"; }
version=$(pinned .version)
name=$(pinned ".packages.$arch.name")
integrity=$(pinned ".packages.$arch.integrity")
tarball=$cache/$name-$version.tgz
# Guard: the registry may change what lies under a version; the checksum in this repository does not.
intact() { [ "sha512-$(openssl dgst -sha512 -binary "$1" | base64 -w0)" = "$integrity" ]; }
if [ ! -f "$tarball" ] || ! intact "$tarball"; then
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/tmp.XXXXXX")
  trap 'rm -rf -- "$work"' EXIT
  npm pack --silent --pack-destination "$work" "$name@$version" >/dev/null
  intact "$work/$name-$version.tgz" || { echo "$name@$version is not what node-runtime.json names" >&2; exit 1; }
  mv "$work/$name-$version.tgz" "$tarball"
fi
mkdir -p "$out"
# The program and its licence; headers, npm and the rest are not needed to run.
tar -xzf "$tarball" -C "$out" --no-same-owner --strip-components=1 package/bin/node package/LICENSE
chmod 755 "$out/bin/node"
chmod 644 "$out/LICENSE"
