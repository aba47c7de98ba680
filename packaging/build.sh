#!/usr/bin/env bash
# Makes the packages: `npm run package`. They lie in build/packages afterwards. What may be set:
#   ARCHES   this machine's: "amd64", "arm64" or both
#   FORMATS  "deb rpm npm"      NODE_RUNTIME  yes: also vscode-grim-reaper-node
#   SIGN_KEY a key of gpg's, which signs the checksums in SHA256SUMS
#   VERSION  package.json's     OUT      build/packages     SOURCE_DATE_EPOCH, REAPER_MAINTAINER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(dirname "$here")
cd "$repo"
if [ "$(uname -m)" = aarch64 ]; then own=arm64; else own=amd64; fi
read -ra arches <<<"${ARCHES:-$own}"
read -ra formats <<<"${FORMATS:-deb rpm npm}"
version=${VERSION:-$(node -p 'require("./package.json").version')}
# The oldest C library that the packages promise to run with: RHEL 8's, and what Node.js itself asks for.
floor=2.28
out=${OUT:-$repo/build/packages}
export REAPER_MAINTAINER=${REAPER_MAINTAINER:-the vscode-grim-reaper authors <vscode-grim-reaper@packages.invalid>}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
REAPER_LICENSE=$(node "$here/third-party.mjs" expression)
export REAPER_LICENSE
export TZ=UTC LC_ALL=C.UTF-8
umask 022

missing=()
tools=()
# clang's linker for the other architecture.
if [ "$(uname -m)" != aarch64 ] && [[ " ${arches[*]} " == *" arm64 "* ]]; then tools+=(aarch64-linux-gnu-ld); fi
for tool in "${tools[@]}" mmdebstrap clang++-19 llvm-strip-19 cmake dpkg-buildpackage dh rpmbuild openssl go-md2man; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "not installed: ${missing[*]} (Debian: apt-get update && apt-get install mmdebstrap clang-19 llvm-19 cmake" \
    "binutils-aarch64-linux-gnu debhelper dpkg-dev rpm openssl go-md2man)" >&2
  exit 1
fi

uname_of() { if [ "$1" = amd64 ]; then echo x86_64; else echo aarch64; fi; }
step() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
# The same bytes from the same commit: nothing in a package is younger than it.
settle() { find "$1" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +; }

mkdir -p "$out"
work=$(mktemp -d "$out/tmp.XXXXXX")
trap 'rm -rf -- "$work"' EXIT

if [ "${SKIP_BUNDLE:-no}" = no ]; then
  step "the bundle"
  npm run --silent build:bundle
  # The manual and the completions. Drifted ones must be committed first: a package is of what is in the repository.
  node scripts/docs.mjs --check
  node scripts/docs.mjs
fi
# A copy: a build that runs at the same time must not change it half way.
cp -a dist "$work/dist"
# The program prints the version of its package.
REAPER_VERSION=$version node scripts/bundle.mjs "$work/dist"
node "$here/third-party.mjs" provides >"$work/provides"
export REAPER_PROVIDES=$work/provides
node "$here/third-party.mjs" licences >"$work/THIRD-PARTY-LICENSES"
# Debian's format: a blank line is a full stop, and everything is indented.
copyright() { # NAME COPYRIGHT LICENCE-FILE
  printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: %s\n\n' "$1"
  printf 'Files: *\nCopyright: %s\nLicense: Expat and others\nComment:\n' "$2"
  sed -e 's/[[:space:]]*$//' -e 's/^$/./' -e 's/^/ /' "$3"
}
cat LICENSE "$work/THIRD-PARTY-LICENSES" >"$work/licences"

pack() { # FORMAT NAME ARCH VERSION TREE
  settle "$5"
  step "$3: $2 as $1"
  bash "$here/$1/build.sh" "$2" "$3" "$4" "$5" "$out"
}

for arch in "${arches[@]}"; do
  step "$arch: native parts"
  native=$repo/build/packages/native-$arch/out
  bash "$here/native.sh" "$arch" "$native"
  bash "$here/check-floor.sh" "$floor" "$native"/*

  for format in "${formats[@]}"; do
    tree=$work/$format-$arch
    case $format in
      deb)
        bash "$here/stage.sh" deb "$work/dist" "$native" "$tree"
        copyright vscode-grim-reaper '2026 the vscode-grim-reaper authors' "$work/licences" >"$tree/DEBIAN-copyright"
        cp CHANGELOG.md "$tree/DEBIAN-changelog"
        pack deb vscode-grim-reaper "$arch" "$version" "$tree"
        ;;
      rpm)
        bash "$here/stage.sh" rpm "$work/dist" "$native" "$tree"
        install -m 644 LICENSE CHANGELOG.md "$work/THIRD-PARTY-LICENSES" "$tree/usr/share/doc/vscode-grim-reaper/"
        mkdir -p "$tree/usr/lib/systemd/system-preset"
        (cd systemd && grep -d skip -lx '\[Install\]' -- *) | sed 's/^/enable /' \
          >"$tree/usr/lib/systemd/system-preset/50-vscode-grim-reaper.preset"
        pack rpm vscode-grim-reaper "$arch" "$version" "$tree"
        ;;
      npm)
        # One architecture: a package of this name serves one.
        if [ "$arch" = amd64 ]; then
          node "$here/npm.mjs" "$version" "$work/dist" "$native" "$work/THIRD-PARTY-LICENSES" "$work/npm" "$out"
        fi
        ;;
      *) echo "no such format: $format" >&2; exit 64 ;;
    esac
  done

  # The private runtime: made once for each version that is pinned, for it takes longer than all the rest.
  [ "${NODE_RUNTIME:-yes}" = yes ] || continue
  node_version=$(node -p "require('$here/node-runtime.json').version")
  for format in deb rpm; do
    [[ " ${formats[*]} " == *" $format "* ]] || continue
    [ -z "$(find "$out" -name "vscode-grim-reaper-node[_-]$node_version-1[_.]*" \
      \( -name "*_$arch.deb" -o -name "*.$(uname_of "$arch").rpm" \) -name "*.$format")" ] || continue
    runtime=$work/runtime-$arch tree=$work/node-$format-$arch
    if [ ! -d "$runtime" ]; then
      bash "$here/node-runtime.sh" "$arch" "$runtime"
      bash "$here/check-floor.sh" "$floor" "$runtime/bin/node"
    fi
    install -D -m 755 "$runtime/bin/node" "$tree/usr/lib/vscode-grim-reaper/node/bin/node"
    if [ "$format" = deb ]; then
      copyright vscode-grim-reaper-node 'Node.js contributors' "$runtime/LICENSE" >"$tree/DEBIAN-copyright"
    else
      install -D -m 644 "$runtime/LICENSE" "$tree/usr/share/doc/vscode-grim-reaper-node/LICENSE"
    fi
    pack "$format" vscode-grim-reaper-node "$arch" "$node_version" "$tree"
  done
done
step "the list of what is inside, and checksums"
npm sbom --sbom-format cyclonedx --sbom-type application --omit dev --package-lock-only \
  >"$out/vscode-grim-reaper-$version.cdx.json"
(cd "$out" && rm -f SHA256SUMS.asc && shopt -s nullglob && sha256sum -- *.deb *.rpm *.tgz *.cdx.json >SHA256SUMS)
if [ -n "${SIGN_KEY:-}" ]; then gpg --batch --local-user "$SIGN_KEY" --armor --detach-sign "$out/SHA256SUMS"; fi
step "done"
(cd "$out" && ls -l -- *.deb *.rpm *.tgz 2>/dev/null) || true
