#!/bin/sh
# Judges many simulated hosts, each looked at twice: 100000, or as many as the first argument says. For a nightly run.
set -eu
cd "$(dirname "$0")/.."
TEST_OUT=build/test-simulate REAPER_TRIALS=${1:-100000} exec node scripts/test.mjs test/core/verdict/simulator.test.ts
