#!/bin/sh
# Judges many simulated hosts over three sweeps: 10000, or as many as the first argument says. For a nightly run.
set -eu
cd "$(dirname "$0")/.."
TEST_OUT=build/test-simulate REAPER_HOSTS=${1:-10000} exec node scripts/test.mjs test/core/verdict/simulator.test.ts
