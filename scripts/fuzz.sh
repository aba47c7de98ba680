#!/bin/sh
# Fuzzes every native parser under AddressSanitizer and UBSan: `sh scripts/fuzz.sh [runs]`, 20000 runs of each by
# default and 1000000 in the nightly job. FUZZ_SECONDS caps the time of each (default 300). Needs clang-19 and
# libclang-rt-19-dev. Exit 1 when a target failed; its input is left in build/fuzz/artifacts.
set -eu
cd "$(dirname "$0")/.."
runs=${1:-20000}
seconds=${FUZZ_SECONDS:-300}
build=${FUZZ_BUILD_DIR:-build/fuzz}
compiler=${FUZZ_CXX:-clang++-19}
cmake -S . -B "$build" -DREAPER_FUZZ=ON -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
cmake --build "$build" --parallel >/dev/null
mkdir -p "$build/artifacts"
passed=0
failed=0
for source in native/test/fuzz/*_fuzz.cc; do
  name=$(basename "$source" _fuzz.cc)
  # New inputs go to the first folder; the committed seeds are only read.
  mkdir -p "$build/found/$name"
  output=$build/artifacts/$name.log
  if "$build/native/test/fuzz/${name}_fuzz" -runs="$runs" -max_total_time="$seconds" -timeout=10 -max_len=4096 \
    -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$build/artifacts/$name-" \
    "$build/found/$name" "native/test/fuzz/corpus/$name" >"$output" 2>&1; then
    passed=$((passed + 1))
    tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$output")
    echo "ok     $name: $tried inputs"
  else
    failed=$((failed + 1))
    echo "FAILED $name:"
    tail -n 40 "$output"
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
