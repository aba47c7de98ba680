#!/bin/sh
# The native tests under AddressSanitizer and UBSan.
set -eu
cd "$(dirname "$0")/.."
CTEST_BUILD_DIR=${SANITIZE_BUILD_DIR:-build/sanitize} sh scripts/ctest.sh -DREAPER_SANITIZE=ON "$@"
