#!/usr/bin/env bash
# Builds the packages from the source with this machine's rpmbuild, its %check included, and lints them: `check.sh FOLDER`.
# On Debian, with stand-ins for RHEL's macros; its rpm knows no packages, so the build requirements are not asked for.
set -euo pipefail
out=$1
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$out"
bash "$here/make.sh" "$out"
out=$(cd "$out" && pwd)
rpmbuild -ba --nodeps --load "$here/debian.macros" --define "_topdir $out/top" --define "_sourcedir $out" \
  "$out/vscode-grim-reaper.spec" >"$out/build.log" 2>&1 || { tail -n 60 "$out/build.log" >&2; exit 1; }
# Where debugedit is installed, rpmbuild makes packages of debugging symbols, too.
mapfile -t packages < <(find "$out/top/RPMS" "$out/top/SRPMS" -name '*.rpm' ! -name '*-debuginfo-*' ! -name '*-debugsource-*')
[ ${#packages[@]} -eq 3 ] || { printf 'not three packages: %s\n' "${packages[*]}" >&2; exit 1; }
rpmlint --strict -c "$here/../rpmlint.toml" "$out/vscode-grim-reaper.spec" "${packages[@]}"
