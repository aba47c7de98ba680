#!/usr/bin/env bash
# Makes one .rpm: `rpm/build.sh NAME ARCH VERSION TREE OUT`, called by build.sh. NAME is that of the .spec.
set -euo pipefail
name=$1 arch=$2 version=$3 tree=$4 out=$5
here=$(cd "$(dirname "$0")" && pwd)
case $arch in amd64) target=x86_64 ;; arm64) target=aarch64 ;; *) exit 64 ;; esac
work=$(mktemp -d "$out/tmp.rpm.XXXXXX")
trap 'rm -rf -- "$work"' EXIT

# Own folders and all files; what lies in /etc is the administrator's once it is there. Lines are patterns: in a unit's
# escaped name any character stands for the backslash.
(cd "$tree" && find . -type d -path '*vscode-grim-reaper*' -printf '%%dir /%P\n' &&
  find . ! -type d -path './etc/*' -printf '%%config(noreplace) /%P\n' &&
  find . ! -type d -path './usr/share/doc/*' -printf '%%doc /%P\n' &&
  find . ! -type d ! -path './etc/*' ! -path './usr/share/doc/*' ! -path './usr/share/selinux/*' -printf '/%P\n') | sort | sed 's/\\/?/g' >"$work/list"

units='' all_units=''
if [ -d "$tree/usr/lib/systemd/system" ]; then
  units=$(cd "$tree/usr/lib/systemd/system" && grep -d skip -lx '\[Install\]' -- * | tr '\n' ' ')
  # For a shell in a macro's value: quoted, and every backslash doubled.
  all_units=$(cd "$tree/usr/lib/systemd/system" && find . -maxdepth 1 -type f -printf "'%f' " | sed 's/\\/\\\\/g')
fi
# xz: what RHEL 8 writes and reads. No name of this machine, and no later time than the release's.
rpmbuild -bb --quiet --target "$target" --define "_topdir $work" --define "_rpmdir $work/rpms" \
  --define "reaper_version ${version//-/\~}" --define "reaper_tree $tree" --define "reaper_list $work/list" \
  --define "reaper_date $(LC_ALL=C date -u -d "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y')" \
  --define "reaper_license $REAPER_LICENSE" --define "reaper_provides $REAPER_PROVIDES" \
  --define "reaper_units ${units:-none}" --define "reaper_all_units ${all_units:-none}" \
  --define '_binary_payload w1.xzdio' --define '_buildhost localhost' \
  --define 'use_source_date_epoch_as_buildtime 1' --define 'build_mtime_policy clamp_to_source_date_epoch' \
  --define 'source_date_epoch_from_changelog 0' "$here/$name.spec" >"$work/log" 2>&1 ||
  { tail -n 40 "$work/log" >&2; exit 1; }
mv "$work"/rpms/*/*.rpm "$out/"
