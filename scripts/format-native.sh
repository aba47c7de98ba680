#!/bin/sh
# Formats the C++ sources; with --check it fails if one is not formatted.
set -eu
format=$(command -v clang-format-19 || command -v clang-format) || {
  echo "clang-format is not installed (Debian: apt-get install clang-format-19)" >&2
  exit 1
}
mode=-i
[ "${1:-}" = --check ] && mode='--dry-run --Werror'
# shellcheck disable=SC2086  # two words on purpose
find native bench \( -name '*.cc' -o -name '*.h' \) -exec "$format" $mode {} +
