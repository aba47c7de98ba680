#!/usr/bin/env bash
# Makes one .deb: `deb/build.sh NAME ARCH VERSION TREE OUT`, called by ../build.sh. NAME is that of the .control.
set -euo pipefail
name=$1 arch=$2 version=$3 tree=$4 out=$5
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "$out/tmp.deb.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
debian=$work/source/debian
mkdir -p "$debian/source"
echo '3.0 (quilt)' >"$debian/source/format"

sed "s/@MAINTAINER@/$REAPER_MAINTAINER/" "$here/$name.control" >"$debian/control"
cp "$here/rules" "$debian/"
for part in postinst prerm postrm lintian-overrides; do
  if [ -e "$here/$name.$part" ]; then cp "$here/$name.$part" "$debian/"; fi
done
# A release candidate comes before its release.
cat >"$debian/changelog" <<TEXT
$name (${version//-/\~}-1) unstable; urgency=medium

  * Release $version.

 -- $REAPER_MAINTAINER  $(LC_ALL=C date -R -u -d "@$SOURCE_DATE_EPOCH")
TEXT
mv "$tree/DEBIAN-copyright" "$debian/copyright"
if [ -e "$tree/DEBIAN-changelog" ]; then mv "$tree/DEBIAN-changelog" "$work/source/CHANGELOG.md"; fi

units=
if [ -d "$tree/usr/lib/systemd/system" ]; then
  units=$(cd "$tree/usr/lib/systemd/system" && grep -d skip -lx '\[Install\]' -- * | tr '\n' ' ')
fi
export REAPER_NAME=$name REAPER_TREE=$tree REAPER_UNITS=$units
# -d: nothing is compiled here, so no cross compiler needs to be installed.
(cd "$work/source" && dpkg-buildpackage --build=binary --no-sign --host-arch="$arch" -d) >"$work/log" 2>&1 || {
  tail -n 40 "$work/log" >&2
  exit 1
}
mv "$work"/*.deb "$out/"
