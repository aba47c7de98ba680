#!/usr/bin/env bash
# Makes what mock and rpmbuild build from: `make.sh FOLDER` leaves there the tarball of the last commit, one of the node_modules
# that the build needs, the account of the units, and the spec.
set -euo pipefail
out=$1
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../../.." && pwd)
cd "$repo"
version=${VERSION:-$(node -p 'require("./package.json").version')}
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
rpm_version=${version//-/\~}
name=vscode-grim-reaper-$rpm_version
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

git archive --prefix="$name/" HEAD | gzip -9n >"$out/$name.tar.gz"

[ -d node_modules/esbuild ] || { echo "run npm ci first: there is no node_modules/esbuild" >&2; exit 1; }
# What checks types and style, and cmake-js, whose work the spec does, stay out.
tar --create --exclude='node_modules/@typescript' --exclude='node_modules/typescript' --exclude='node_modules/@biomejs' \
  --exclude='node_modules/cmake-js' --exclude='node_modules/.bin' --exclude='node_modules/.cache' \
  --directory="$(dirname "$(readlink -f node_modules)")" node_modules |
  tar --extract --directory="$work"
# npm ci installs esbuild's program for this architecture alone; the tarball has it for both.
for module in @esbuild/linux-x64 @esbuild/linux-arm64; do
  folder=$work/node_modules/$module
  [ ! -d "$folder" ] || continue
  locked() { node -p "require('./package-lock.json').packages['node_modules/$module'].$1"; }
  tarball=$work/$(npm pack --silent --pack-destination "$work" "$module@$(locked version)")
  # Guard: the registry may change what lies under a version; the checksum in this repository does not.
  [ "sha512-$(openssl dgst -sha512 -binary "$tarball" | base64 -w0)" = "$(locked integrity)" ] ||
    { echo "$module is not what package-lock.json names" >&2; exit 1; }
  mkdir -p "$folder"
  tar --extract --file="$tarball" --directory="$folder" --no-same-owner --strip-components=1
done
tar --create --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --directory="$work" node_modules |
  gzip -n >"$out/$name-vendor.tar.gz"

bundled=$(node packaging/third-party.mjs provides | paste -sd'|' | sed 's/|/\\n/g')
license=$(node packaging/third-party.mjs expression)
cp systemd/vscode-grim-reaper.sysusers.conf "$out/"
date=$(LC_ALL=C date -u -d "@$epoch" '+%a %b %d %Y')
sed -e "s/@VERSION@/$rpm_version/" -e "s/@PROGRAM_VERSION@/$version/" -e "s/@DATE@/$date/" \
  -e "s#@BUNDLED@#$bundled#" -e "s/@LICENSE@/$license/" "$here/vscode-grim-reaper.spec" \
  >"$out/vscode-grim-reaper.spec"
