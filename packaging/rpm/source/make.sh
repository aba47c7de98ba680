#!/usr/bin/env bash
# Makes what mock and rpmbuild build from: `make.sh FOLDER` leaves there the tarball of the last commit, one of the node_modules
# that the build needs, and the spec.
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

git archive --prefix="$name/" HEAD | gzip -9n >"$out/$name.tar.gz"

# What checks types and style, and cmake-js, whose work the spec does, stay out.
[ -d node_modules/esbuild ] || { echo "run npm ci first: there is no node_modules/esbuild" >&2; exit 1; }
tar --create --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner \
  --exclude='node_modules/@typescript' --exclude='node_modules/typescript' --exclude='node_modules/@biomejs' \
  --exclude='node_modules/cmake-js' --exclude='node_modules/.bin' --exclude='node_modules/.cache' node_modules |
  gzip -9n >"$out/$name-vendor.tar.gz"

bundled=$(node -p 'Object.entries(require("./package.json").dependencies)
  .map(([module, version]) => `Provides: bundled(npm(${module})) = ${version}`).join("\\n")')
date=$(LC_ALL=C date -u -d "@$epoch" '+%a %b %d %Y')
sed -e "s/@VERSION@/$rpm_version/" -e "s/@PROGRAM_VERSION@/$version/" -e "s/@DATE@/$date/" \
  -e "s/@BUNDLED@/$bundled/" "$here/vscode-grim-reaper.spec" \
  >"$out/vscode-grim-reaper.spec"
