#!/usr/bin/env bash
# Fails when a program needs a newer C library than promised: `check-floor.sh GLIBC FILE...`, e.g. `check-floor.sh 2.28`.
# GLIBCXX and CXXABI are held to what RHEL 8 has (GCC 8). A static program must need nothing but the kernel of RHEL 8.
set -euo pipefail
floor=$1
shift
declare -A most=([GLIBC]=$floor [GLIBCXX]=3.4.25 [CXXABI]=1.3.11 [GCC]=8.0.0)
newest() { sort -V | tail -n 1; }
failed=0
for file; do
  # llvm's tool reads every architecture.
  if ! llvm-readelf-19 --needed-libs "$file" | grep -q '\.so'; then
    kernel=$(llvm-readelf-19 --notes "$file" | sed -n 's/.*ABI: \([0-9.]*\).*/\1/p')
    echo "$file: static, Linux $kernel"
    if [ "$(printf '%s\n' "${kernel:-unknown}" 4.18 | newest)" != 4.18 ]; then failed=1; fi
    continue
  fi
  needs=$(llvm-objdump-19 --dynamic-syms "$file" | grep -oE '\((GLIBC|GLIBCXX|CXXABI|GCC)_[0-9.]+\)' | tr -d '()' | sort -u)
  [ -n "$needs" ] || { echo "$file: no symbol versions could be read" >&2; exit 1; }
  summary=
  for family in GLIBC GLIBCXX CXXABI GCC; do
    version=$(sed -n "s/^${family}_//p" <<<"$needs" | newest)
    [ -n "$version" ] || continue
    summary+=" $family $version"
    if [ "$(printf '%s\n' "$version" "${most[$family]}" | newest)" != "${most[$family]}" ]; then
      echo "$file: $family $version is newer than ${most[$family]}:" >&2
      llvm-objdump-19 --dynamic-syms "$file" | grep -F "(${family}_$version)" | sed 's/^/    /' >&2
      failed=1
    fi
  done
  echo "$file:$summary"
done
exit "$failed"
