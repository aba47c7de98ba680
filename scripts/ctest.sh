#!/bin/sh
# Builds and tests the C++ core without Node: `sh scripts/ctest.sh [cmake options]`.
set -eu
build=${CTEST_BUILD_DIR:-build/core}
cmake -S . -B "$build" "$@" >/dev/null
cmake --build "$build" --parallel
ctest --test-dir "$build" --output-on-failure
