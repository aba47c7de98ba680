#!/bin/sh
# Builds and tests the C++ core without Node: `sh scripts/ctest.sh [cmake options]`.
set -eu
build=${CTEST_BUILD_DIR:-build/core}
# A configuration that failed, or that was made in another place, would fail for ever.
if [ ! -e "$build/configured" ] || ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$build/CMakeCache.txt"; then
  rm -rf "$build"
fi
cmake -S . -B "$build" "$@" >/dev/null
touch "$build/configured"
cmake --build "$build" --parallel "$(nproc)"
ctest --test-dir "$build" --output-on-failure --parallel 4
