#!/usr/bin/env bash
# Builds the native parts for hosts as old as RHEL 8: `native.sh amd64|arm64 FOLDER` leaves reaper_native.node,
# session-close, keep and launcher in FOLDER.
set -euo pipefail
arch=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
repo=$(dirname "$here")
case $arch in
  amd64) target=x86_64-linux-gnu ;;
  arm64) target=aarch64-linux-gnu ;;
  *) echo "native.sh: no such architecture: $arch" >&2; exit 64 ;;
esac
sysroot=$(bash "$here/sysroot.sh" "$arch")
work=$repo/build/packages/native-$arch
mkdir -p "$work/source" "$out"
# Two tests may build packages at once.
exec 9>"$work/lock"
flock 9

# A copy: CMakeLists.txt puts the addon below its own folder, where the checkout's own build has it.
rm -rf "$work/source/native"
cp -a "$repo/CMakeLists.txt" "$repo/binding.gyp" "$repo/native" "$work/source/"

# The same bytes wherever the checkout lies; no name of it in an assertion's text.
export CXXFLAGS="-O2 -D_FORTIFY_SOURCE=2 -ffile-prefix-map=$work/source=. -ffile-prefix-map=$repo=."
headers="$repo/node_modules/node-addon-api;$repo/node_modules/node-api-headers/include"
# Flags of the toolchain count at the first configuration only, and CMake refuses a cache of a checkout that was moved.
cache=$work/cmake/CMakeCache.txt
if [ ! "$cache" -nt "$here/toolchain.cmake" ] || [ ! "$cache" -nt "$here/exports.map" ] ||
  ! grep -qxF "CMAKE_CACHEFILE_DIR:INTERNAL=$work/cmake" "$cache"; then
  rm -rf "$work/cmake"
fi
cmake -S "$work/source" -B "$work/cmake" -DCMAKE_TOOLCHAIN_FILE="$here/toolchain.cmake" \
  -DREAPER_SYSROOT="$sysroot" -DREAPER_TARGET="$target" -DREAPER_WERROR=OFF -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_JS_INC="$headers" >"$work/cmake.log"
cmake --build "$work/cmake" --parallel >>"$work/cmake.log" || { tail -n 30 "$work/cmake.log" >&2; exit 1; }
# shellcheck disable=SC2086  # flags are words
clang++-19 --target="$target" --sysroot="$sysroot" -std=c++17 -Wall -Wextra -Werror -fstack-protector-strong \
  -fno-exceptions $CXXFLAGS -fPIE -static-pie -Wl,-z,relro,-z,now -o "$work/launcher" "$here/launcher.cc"

llvm-strip-19 -o "$out/reaper_native.node" "$work/source/build/Release/reaper_native.node"
llvm-strip-19 -o "$out/session-close" "$work/cmake/session-close"
llvm-strip-19 -o "$out/keep" "$work/cmake/keep"
llvm-strip-19 -o "$out/launcher" "$work/launcher"
chmod 644 "$out/reaper_native.node"
chmod 755 "$out/session-close" "$out/keep" "$out/launcher"
