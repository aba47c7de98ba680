#!/bin/sh
# In a chroot of the machine's root, before it boots: the product from its packages, and the unit that runs the test.
set -eu
DEBIAN_FRONTEND=noninteractive dpkg --install /opt/*.deb
rm /etc/vscode-grim-reaper/config.d/00-observe.toml
printf 'grace = "0s"\n' >/etc/vscode-grim-reaper/config.toml
# Limits as sites set them for users: the hook starts with them and lifts them.
cat >/etc/security/limits.d/site.conf <<'END'
alice hard as 8000000
alice hard fsize 1000000
alice hard cpu 10
alice - nofile 200
alice - priority 5
END
# Root logs in, too: a domain of a unit's may not start ssh-keygen.
install -D -m 0600 /root/key.pub /root/.ssh/authorized_keys
useradd --create-home --shell /bin/bash --uid 2002 bob
install -d -m 0700 -o bob -g bob /home/bob/.ssh
install -m 0600 -o bob -g bob /root/key.pub /home/bob/.ssh/authorized_keys
cat >/etc/systemd/system/inside.service <<'END'
[Unit]
Description=The test
After=ssh.service systemd-logind.service auditd.service
Wants=ssh.service auditd.service
[Service]
Type=oneshot
ExecStart=/bin/sh /opt/inside.sh
ExecStopPost=/bin/systemctl poweroff --force --force
[Install]
WantedBy=multi-user.target
END
systemctl enable inside.service
