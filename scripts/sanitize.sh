#!/bin/sh
# The native tests under AddressSanitizer and UBSan; with -O0, which compiles in half the time.
set -eu
cd "$(dirname "$0")/.."
CTEST_BUILD_DIR=${SANITIZE_BUILD_DIR:-build/sanitize} sh scripts/ctest.sh -DREAPER_SANITIZE=ON \
  -DCMAKE_CXX_FLAGS_RELEASE=-O0 "$@"
