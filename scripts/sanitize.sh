#!/bin/sh
# The native tests under AddressSanitizer and UBSan, and once more as on a kernel without pidfd.
set -eu
cd "$(dirname "$0")/.."
CTEST_BUILD_DIR=${SANITIZE_BUILD_DIR:-build/sanitize} sh scripts/ctest.sh -DREAPER_SANITIZE=ON "$@"
CTEST_BUILD_DIR=${NOPIDFD_BUILD_DIR:-build/nopidfd} sh scripts/ctest.sh -DREAPER_NO_PIDFD=ON "$@"
