#!/usr/bin/env bash
# lintian and rpmlint on what build.sh made: `lint.sh [FOLDER]`. What they may say is in the override files, with reasons.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../build/packages}"
shopt -s nullglob
debs=(*.deb) rpms=(*.rpm)
if [ ${#debs[@]} -eq 0 ] || [ ${#rpms[@]} -eq 0 ]; then
  echo "no packages in $PWD" >&2
  exit 1
fi
sha256sum --quiet --check SHA256SUMS
jq --exit-status '[.components[].name] | contains(["commander", "pino", "smol-toml", "valibot"])' ./*.cdx.json >/dev/null
lintian --allow-root --fail-on error,warning "${debs[@]}"
rpmlint --strict -c "$here/rpm/rpmlint.toml" "${rpms[@]}"
for rpm in "${rpms[@]}"; do
  for part in prein postin preun postun; do
    rpm -qp --queryformat "%{${part^^}}" "$rpm" | sed '/^(none)$/d' | sh -n
  done
  for kind in FILE TRANSFILE; do
    rpm -qp --queryformat "[%{${kind}TRIGGERSCRIPTS}\n]" "$rpm" | sed '/^(none)$/d' | sh -n
  done
done
