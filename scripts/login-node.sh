#!/bin/bash
# Boots the login node for tests: systemd, logind, sshd and PAM on pure cgroup v2, on a private loopback.
#   login-node.sh root                       make the cached root file system if needed, print its folder
#   login-node.sh boot NAME REPO [LAYER]
#                                            boot a temporary copy of it; it ends with standard input. LAYER lies
#                                            over its root (may be empty)
# Run as root; needs mmdebstrap and systemd-container. The cache may be deleted at any time.
set -euo pipefail
cache=${REAPER_TEST_CACHE:-/var/cache/vscode-grim-reaper-test}

# Uses the machine's own apt sources, except those on a local disk, which the new root cannot see.
machine_sources() {
  find /etc/apt/sources.list /etc/apt/sources.list.d -name '*.list' -exec cat {} + 2>/dev/null |
    grep '^deb ' | grep -vE '(file|copy|cdrom):' >"$1/machine.list" || true
  find /etc/apt/sources.list.d -name '*.sources' -exec sh -c 'for f; do cat "$f"; echo; done' sh {} + |
    awk 'BEGIN { RS = ""; ORS = "\n\n" } !/(^|\n)URIs:[^\n]*(file|copy|cdrom):/ && !/(^|\n)Enabled: *no/' |
    grep -v '^#' >"$1/machine.sources" || true
  find "$1" -name 'machine.*' -size +1c
}

# Its text is part of the key: a change of it makes another root.
make_root() {
  local key root work sources options suite=trixie packages
  packages=systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,openssh-client,procps,iproute2,logrotate
  packages=$packages,python3,python3-apt,nodejs,libstdc++6,sudo,tmux,vim-tiny,socat,netcat-openbsd,dropbear-bin,screen,dtach
  packages=$packages,bubblewrap,nftables,uidmap,nginx-light,libnginx-mod-stream,tigervnc-standalone-server,x11-apps
  key=$(declare -f make_root machine_sources | sha256sum - | cut -c1-16)
  root=$cache/root-$key
  [ -d "$root" ] && echo "$root" && return
  # Guard: root boots what is in this folder, so no other user may write to it.
  install -d -m 0755 "$cache"
  work=$(mktemp -d "$cache/tmp.root.XXXXXX")
  # shellcheck disable=SC2064  # the folder of now
  trap "rm -rf --one-file-system '$work'" EXIT
  chmod 0755 "$work"
  mapfile -t sources < <(machine_sources "$work")
  mapfile -t options < <(apt-config dump | grep -E '^Acquire::(https?|Check-|Retries)' | sed 's/^/--aptopt=/')
  # Host keys and names are a run's own, a greeting would be in every login's output, and the units masked here only
  # cost start-up time. Mesa's drivers are two thirds of what an X server brings, and no test draws with them.
  mmdebstrap --quiet --variant=minbase --include="$packages" "${options[@]}" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=*/libLLVM*' --dpkgopt='path-exclude=*/libgallium*' --dpkgopt='path-exclude=/usr/share/icons/*' \
    --customize-hook='rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname "$1"/etc/motd "$1"/etc/update-motd.d/*' \
    --customize-hook='chroot "$1" systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
      e2scrub_all.timer logrotate.timer nginx.service console-getty.service getty.target systemd-networkd.service systemd-firstboot.service' \
    --customize-hook='for user in alice:2001 bob:2002 carol:2003; do
      chroot "$1" useradd --create-home --shell /bin/bash --uid "${user#*:}" "${user%:*}"
      chmod 0700 "$1/home/${user%:*}"; done' \
    "$suite" "$work/root" "${sources[@]}" >&2
  cat >"$work/root/etc/ssh/sshd_config.d/test.conf" <<'END'
ListenAddress 127.0.0.1
UseDNS no
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
PerSourcePenalties no
MaxStartups 200
MaxSessions 100
LogLevel VERBOSE
# Clients whose network a test will cut come from here, so that sshd gives them up after two seconds.
Match Address 127.9.0.0/16
  ClientAliveInterval 1
  ClientAliveCountMax 2
END
  chmod 0755 "$work/root"
  # If two runs make it, either root will do.
  mv -T "$work/root" "$root" 2>/dev/null || [ -d "$root" ]
  echo "$root"
}

# A cgroup is named after the process that removes it; what one left whose remover was killed is ended here.
start_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20 || true; }
sweep_cgroups() {
  local dir pid start
  for dir in /sys/fs/cgroup/vscode-grim-reaper-test.*; do
    IFS=. read -r _ pid start _ <<<"${dir##*/}"
    if [ -d "$dir" ] && [ "$(start_of "$pid")" != "$start" ]; then remove_cgroup "$dir"; fi
  done
}
remove_cgroup() {
  for _ in {1..200}; do
    # Another run may be removing it too.
    [ -d "$1" ] || return 0
    echo 1 2>/dev/null >"$1/cgroup.kill" || true
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null && return 0
    sleep 0.02
  done
  echo "not removed: $1" >&2
}

# In mount and cgroup namespaces of its own: whatever is mounted here goes when the last process does.
boot() {
  local name=$1 repo=$2 layer=${3:-} root cgroup node
  root=$(make_root)
  mount -t tmpfs -o mode=0755,size=4g tmpfs /run
  mkdir /run/upper /run/work /run/root
  mount -t overlay -o "lowerdir=${layer:+$layer:}$root,upperdir=/run/upper,workdir=/run/work" node /run/root
  umount -R /sys/fs/cgroup 2>/dev/null || true
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  sweep_cgroups

  mkdir -m 0700 /run/root/root/keys
  chroot /run/root ssh-keygen -A >/dev/null
  for user in alice bob carol; do
    chroot /run/root ssh-keygen -q -t ed25519 -N '' -f "/root/keys/$user"
    install -D -m 0600 "/run/root/root/keys/$user.pub" "/run/root/home/$user/.ssh/authorized_keys"
    chroot /run/root chown -R "$user:$user" "/home/$user/.ssh"
  done

  cgroup=/sys/fs/cgroup/vscode-grim-reaper-test.$$.$(start_of $$).$name
  mkdir "$cgroup"
  # Two children, and either one's end ends the other: the reader of standard input, which the test holds open, and
  # the node. Should this shell be killed, the kernel ends both; nspawn's own death would leave its init running, so
  # it gets a signal that it passes on as SIGKILL. A test that is gone reads no messages: that must end nothing here.
  trap '' PIPE
  exec 3<&0
  setpriv --pdeathsig KILL cat <&3 >/dev/null &
  (
    echo "$BASHPID" >"$cgroup/cgroup.procs"
    exec setpriv --pdeathsig TERM systemd-nspawn --quiet --directory=/run/root --boot --register=no --keep-unit \
      --private-network --console=pipe --kill-signal=SIGKILL --machine="$name" \
      --bind-ro="$repo:/opt/vscode-grim-reaper" --bind-ro=/usr:/opt/host/usr
  ) </dev/null >&2 3<&- &
  node=$!
  echo "$node $cgroup" || true
  wait -n || true
  remove_cgroup "$cgroup"
  # By job, not by pid: the shell knows whether it has ended and its number may be another's by now.
  kill -KILL %1 2>/dev/null || true
}

case ${1:-} in
  root) make_root ;;
  boot)
    if [ "${REAPER_NODE_UNSHARED:-}" = "$$" ]; then
      boot "${@:2}"
    else
      REAPER_NODE_UNSHARED=$$ exec unshare --mount --cgroup --propagation private bash "$0" "$@"
    fi
    ;;
  *)
    echo "usage: $0 root | boot NAME REPO [LAYER [SHARED]]" >&2
    exit 64
    ;;
esac
