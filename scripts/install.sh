#!/bin/sh
# Installs a built checkout on this host as the packages do, for hosts without a package: `npm ci && npm run build`, then as
# root `sh scripts/install.sh`. With --uninstall it removes what it installed; configuration, log and ledger stay.
set -eu
cd "$(dirname "$0")/.."
name=vscode-grim-reaper
library=/usr/lib/$name
units=/etc/systemd/system
if [ "$(id -u)" != 0 ]; then
  echo "install.sh: run it as root" >&2
  exit 77
fi
in_systemd() { [ ! -d /run/systemd/system ] || systemctl "$@"; }

if [ "${1:-}" = --uninstall ]; then
  # The PAM line goes before the program, or PAM would log a failure at each logout.
  sh packaging/pam-line remove
  in_systemd disable --now $name.timer $name-notify.path || :
  sh packaging/remove-metrics
  for file in systemd/*.service systemd/*.timer systemd/*.path systemd/*.service.d/*.conf; do
    rm -f "$units/${file#systemd/}"
  done
  rm -rf "$library" "/usr/libexec/${name:?}" "/usr/share/${name:?}" "/var/cache/${name:?}"
  rm -f /usr/sbin/$name /usr/bin/$name /etc/tmpfiles.d/$name.conf /etc/sysusers.d/$name.conf \
    /etc/logrotate.d/$name /etc/profile.d/$name.sh /etc/profile.d/$name.csh
  in_systemd daemon-reload
  echo "removed; these stay: /etc/$name /var/lib/$name /var/log/$name"
  exit 0
fi

for file in dist/$name.cjs dist/sweep.cjs dist/tools.cjs dist/pino.cjs dist/reaper_native.node dist/session-close dist/keep dist/launcher; do
  if [ ! -e "$file" ]; then
    echo "install.sh: $file is missing; run: npm ci && npm run build" >&2
    exit 1
  fi
done
node=/usr/bin/node
[ -e $node ] || node=$(command -v node)
# Guard: root will run it each hour, and must not run what another user can change or put in its place.
part=$(readlink -f "$node")
while :; do
  if [ -n "$(find "$part" -prune \( ! -user 0 -o -perm -002 -o -perm -020 ! -group 0 \))" ]; then
    echo "install.sh: others than root can change $part, so root must not run $node;" \
      "install Node.js as a package, or: chown root:root $part; chmod go-w $part" >&2
    exit 1
  fi
  [ "$part" != / ] || break
  part=$(dirname "$part")
done
install -d "$library" /usr/libexec/$name /usr/share/$name/pam /usr/share/$name/hooks /etc/$name/config.d
install -m 644 dist/$name.cjs dist/sweep.cjs dist/tools.cjs dist/pino.cjs dist/reaper_native.node "$library/"
# The launcher starts Node.js by an absolute path and passes on no NODE_OPTIONS and no LD_PRELOAD.
install -m 755 dist/launcher /usr/sbin/$name
if [ "$node" != /usr/bin/node ]; then
  install -d "$library/node/bin"
  ln -sf "$(readlink -f "$node")" "$library/node/bin/node"
fi
# Ordinary users have no sbin in their PATH on Debian.
[ "$(readlink -f /usr/bin)" = "$(readlink -f /usr/sbin)" ] || ln -sf ../sbin/$name /usr/bin/$name
install -m 755 dist/session-close packaging/pam-line packaging/remove-metrics dist/keep /usr/libexec/$name/
install -m 644 pam/sshd.snippet /usr/share/$name/pam/
install -m 755 packaging/hooks/notify-* /usr/share/$name/hooks/
install -m 644 packaging/hooks/*.md packaging/hooks/*.conf /usr/share/$name/hooks/
if [ ! -e /etc/$name/config.toml ]; then
  install -m 644 packaging/config.toml /etc/$name/config.toml
  install -m 644 packaging/00-observe.toml /etc/$name/config.d/
fi
install -m 644 systemd/*.service systemd/*.timer systemd/*.path "$units/"
install -D -m 644 systemd/$name.tmpfiles.conf /etc/tmpfiles.d/$name.conf
install -D -m 644 systemd/$name.sysusers.conf /etc/sysusers.d/$name.conf
install -D -m 644 systemd/$name.logrotate /etc/logrotate.d/$name
install -m 644 profile/$name.sh profile/$name.csh /etc/profile.d/
if [ -d /run/systemd/system ]; then
  systemd-sysusers $name.conf
  systemd-tmpfiles --create $name.conf
  systemctl daemon-reload
fi
cat <<TEXT
installed. Next:
  /usr/libexec/$name/pam-line add                the logout hook, one line in /etc/pam.d/sshd
  systemctl enable --now $name.timer
  $name doctor
  $name enforce                                  after a day of observing
TEXT
