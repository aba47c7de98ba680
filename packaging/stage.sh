#!/usr/bin/env bash
# Lays the files of the package out as a host has them: `stage.sh deb|rpm DIST NATIVE FOLDER`. DIST is the bundle, NATIVE
# native.sh's folder.
# Folders are taken whole, so that a new unit or page needs no line here.
set -euo pipefail
shopt -s nullglob
family=$1 dist=$2 native=$3 root=$4
here=$(cd "$(dirname "$0")" && pwd)
repo=$(dirname "$here")
name=vscode-grim-reaper

put() { # MODE TARGET FILE...: the files into the folder TARGET/, or one file as TARGET
  local mode=$1 target=$2
  shift 2
  [ $# -gt 0 ] || return 0
  case $target in
    */) install -D -m "$mode" -t "$root$target" -- "$@" ;;
    *) install -D -m "$mode" -- "$1" "$root$target" ;;
  esac
}

# What a checkout need not have.
offer() { [ ! -e "$3" ] || put "$@"; }

put 755 /usr/sbin/$name "$native/launcher"
# For the users' own commands: Debian has no sbin in their PATH, the RPM distributions do.
if [ "$family" = deb ]; then
  install -d -m 755 "$root/usr/bin"
  ln -s ../sbin/$name "$root/usr/bin/$name"
fi
put 755 /usr/libexec/$name/ "$native/session-close" "$native/keep" "$here/pam-line" "$here/remove-metrics"
# A scriptlet of an RPM prints nothing.
if [ "$family" = deb ]; then put 755 /usr/libexec/$name/ "$here/after-install"; fi
put 644 /usr/lib/$name/ "$native/reaper_native.node"
put 644 /usr/lib/$name/ "$dist/$name.cjs" "$dist/sweep.cjs" "$dist/tools.cjs" "$dist/pino.cjs"
# The launcher starts it; started by hand it must not search a caller's PATH for Node.js.
sed -i '1s,^#!.*,#!/usr/bin/node,' "$root/usr/lib/$name/$name.cjs"
chmod 755 "$root/usr/lib/$name/$name.cjs"

put 644 /usr/lib/systemd/system/ "$repo"/systemd/*.{service,timer,path,mount,socket,slice,target}
for file in "$repo"/systemd/*.tmpfiles.conf; do put 644 "/usr/lib/tmpfiles.d/$(basename "$file" .tmpfiles.conf).conf" "$file"; done
for file in "$repo"/systemd/*.sysusers.conf; do put 644 "/usr/lib/sysusers.d/$(basename "$file" .sysusers.conf).conf" "$file"; done
for file in "$repo"/systemd/*.logrotate; do put 644 "/etc/logrotate.d/$(basename "$file" .logrotate)" "$file"; done
# Debian removes it with a purge.
if [ "$family" = rpm ]; then install -d -m 755 "$root/var/log/$name"; fi
put 644 /etc/profile.d/ "$repo"/profile/*.{sh,csh}
put 644 /etc/$name/config.toml "$here/config.toml"
# A first installation copies it into config.d, an upgrade does not.
put 644 /usr/share/$name/ "$here/00-observe.toml"
install -d -m 755 "$root/etc/$name/config.d"

# The package vscode-grim-reaper-selinux has it (RPM); where there is none, semodule is for the administrator.
policy=/usr/share/$name/selinux
if [ "$family" = rpm ]; then policy=/usr/share/selinux/packages/targeted; fi
put 644 $policy/ "$here/selinux/$name.cil"

put 644 /usr/share/$name/monitoring/ "$here"/alert-rules.yml "$here"/grafana-dashboard.json
put 644 /usr/share/$name/pam/ "$repo"/pam/*.snippet
# Examples: the site copies one and changes it.
put 644 /usr/share/$name/hooks/ "$here"/hooks/*.{md,conf}
put 755 /usr/share/$name/hooks/ "$here"/hooks/notify-*
if [ "$family" = deb ]; then put 644 /usr/share/pam-configs/$name "$repo/pam/$name"; fi
for section in 1 5 7 8; do put 644 "/usr/share/man/man$section/" "$dist"/man/*."$section"; done
if [ "$family" = rpm ] && [ -d "$root/usr/share/man" ]; then find "$root/usr/share/man" -type f -exec gzip -9n {} +; fi
offer 644 /usr/share/bash-completion/completions/$name "$dist"/completions/$name.bash
offer 644 /usr/share/fish/vendor_completions.d/$name.fish "$dist"/completions/$name.fish
zsh=/usr/share/zsh/site-functions
if [ "$family" = deb ]; then zsh=/usr/share/zsh/vendor-completions; fi
offer 644 "$zsh/_$name" "$dist"/completions/_$name

# Where their links find each other.
documents=(README.md SECURITY.md CONTRIBUTING.md CHANGELOG.md docs/*.md docs/json.schema.json docs/pictures/*.svg
  pam/README.md packaging/README.md packaging/ansible/README.md bench/README.md bench/*.svg)
cd "$repo"
for file in "${documents[@]}"; do put 644 "/usr/share/doc/$name/$file" "$file"; done
linked_documents=(packaging/alert-rules.yml packaging/grafana-dashboard.json)
for file in "${linked_documents[@]}"; do
  ln -s "../../../$name/monitoring/$(basename "$file")" "$root/usr/share/doc/$name/$file"
done
