#!/bin/bash
# A machine with a kernel of its own, SELinux enforcing, under qemu without KVM.
#   machine.sh root                 make the cached root file system unless it is there; print its folder
#   machine.sh image FOLDER LAYER [MODULE.cil]
#                                   make FOLDER/disk.img, FOLDER/vmlinuz and FOLDER/initrd: the root, the files of LAYER over
#                                   it, then `sh /opt/prepare` of LAYER in a chroot, then the policy module, then the labels
#   machine.sh boot FOLDER SECONDS [KERNEL OPTION]...
#                                   boot it, until it powers off or SECONDS have passed (status 124); what the machine writes
#                                   to ttyS1 is in FOLDER/answers, its console in FOLDER/console
# Run as root; needs mmdebstrap, policycoreutils, e2fsprogs and qemu-system-x86. The cache may be deleted at any time.
set -euo pipefail
shopt -s inherit_errexit # or a root that could not be made is cached
cache=${REAPER_TEST_CACHE:-/var/cache/vscode-grim-reaper-test}
policy=etc/selinux/default

# The machine's own apt sources; one on a local disk cannot be seen from inside the new root.
machine_sources() {
  find /etc/apt/sources.list /etc/apt/sources.list.d -name '*.list' -exec cat {} + 2>/dev/null |
    grep '^deb ' | grep -vE '(file|copy|cdrom):' >"$1/machine.list" || true
  find /etc/apt/sources.list.d -name '*.sources' -exec sh -c 'for f; do cat "$f"; echo; done' sh {} + |
    awk 'BEGIN { RS = ""; ORS = "\n\n" } !/(^|\n)URIs:[^\n]*(file|copy|cdrom):/ && !/(^|\n)Enabled: *no/' |
    grep -v '^#' >"$1/machine.sources" || true
  find "$1" -name 'machine.*' -size +1c
}

# Writes the labels of the policy's file contexts. setfiles leaves a file alone whose label is right already, so on an
# overlay only changed files are copied.
label() { setfiles -r "$1" "$1/$policy/contexts/files/file_contexts" "$1" 2>&1 | grep -v 'Operation not supported' >&2 || true; }

# The text of this function is the recipe: a change of it makes another root.
make_root() {
  local key root work sources options packages
  packages=linux-image-cloud-amd64,initramfs-tools,systemd,systemd-sysv,dbus,libpam-systemd,udev,auditd
  packages=$packages,selinux-policy-default,policycoreutils,semodule-utils,selinux-utils
  packages=$packages,openssh-server,openssh-client,procps,iproute2,nodejs,logrotate
  key=$(declare -f make_root machine_sources | sha256sum - | cut -c1-16)
  root=$cache/selinux-root-$key
  if [ -d "$root" ]; then
    echo "$root"
    return
  fi
  install -d -m 0755 "$cache"
  work=$(mktemp -d "$cache/tmp.root.XXXXXX")
  # shellcheck disable=SC2064  # the folder of now
  trap "rm -rf --one-file-system '$work'" EXIT
  mapfile -t sources < <(machine_sources "$work")
  mapfile -t options < <(apt-config dump | grep -E '^Acquire::(https?|Check-|Retries)' | sed 's/^/--aptopt=/')
  mmdebstrap --quiet --variant=minbase --include="$packages" "${options[@]}" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='chroot "$1" systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
      e2scrub_all.timer fstrim.timer systemd-firstboot.service systemd-networkd.service getty.target' \
    --customize-hook='chroot "$1" useradd --create-home --shell /bin/bash --uid 2001 alice' \
    --customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*' \
    trixie "$work/root" "${sources[@]}" >&2
  printf 'SELINUX=enforcing\nSELINUXTYPE=default\n' >"$work/root/etc/selinux/config"
  echo enforcing >"$work/root/etc/hostname"
  rm -f "$work"/root/etc/ssh/ssh_host_* "$work/root/etc/motd"
  chroot "$work/root" ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
  chroot "$work/root" ssh-keygen -q -t ed25519 -N '' -f /root/key
  install -D -m 0600 "$work/root/root/key.pub" "$work/root/home/alice/.ssh/authorized_keys"
  chroot "$work/root" chown -R alice:alice /home/alice
  label "$work/root"
  chmod 0755 "$work/root"
  # The first of two runs to rename wins; the root of the other is the same.
  mv -T "$work/root" "$root" 2>/dev/null || [ -d "$root" ]
  echo "$root"
}

# In a mount namespace of its own: its mounts end with it.
make_image() {
  local folder=$1 layer=$2 module=${3:-} root top
  root=$(make_root)
  mkdir -p "$folder/upper" "$folder/work" "$folder/top"
  top=$folder/top
  mount -t overlay -o "lowerdir=$root,upperdir=$folder/upper,workdir=$folder/work" machine "$top"
  cp -a "$layer/." "$top/"
  mount -t proc proc "$top/proc"
  mount --bind /dev "$top/dev"
  chroot "$top" sh /opt/prepare >&2
  if [ -n "$module" ]; then
    cp "$module" "$top/tmp/"
    chroot "$top" semodule --noreload --priority=200 --install="/tmp/${module##*/}" >&2
    # As sites have it, for later; the machine boots with one in which no dontaudit rule hides a denial.
    cp -a "$top/$policy/policy" "$top/root/usual-policy"
    chroot "$top" semodule --noreload --disable_dontaudit --build >&2
  fi
  # A confined user; what installs a module writes this file anew.
  echo bob:user_u:s0-s0 >>"$top/$policy/seusers"
  umount "$top/dev" "$top/proc"
  label "$top"
  cp "$(find "$top/boot" -name 'vmlinuz-*')" "$folder/vmlinuz"
  cp "$(find "$top/boot" -name 'initrd.img-*')" "$folder/initrd"
  truncate --size=2G "$folder/disk.img"
  mke2fs -q -t ext4 -O '^has_journal' -d "$top" "$folder/disk.img"
  umount "$top"
  rm -rf --one-file-system "$folder/upper" "$folder/work" "$folder/top"
}

# no_timer_check: a busy host emulates the timer too slowly for the check at boot (a kernel panic, seen).
# security=selinux: Debian's kernel has AppArmor first, and "selinux=1" alone does not change that.
boot() {
  local folder=$1 seconds=$2
  shift 2
  : >"$folder/answers"
  # exec: when the caller dies, the kernel ends the deadline's process, and that one qemu.
  exec setpriv --pdeathsig TERM timeout --kill-after=5 "$seconds" qemu-system-x86_64 -accel tcg,thread=multi -smp 2 -cpu max -m 1536 -nodefaults \
    -kernel "$folder/vmlinuz" -initrd "$folder/initrd" -drive "file=$folder/disk.img,if=virtio,format=raw,snapshot=on" \
    -append "root=/dev/vda rw console=ttyS0 quiet security=selinux enforcing=1 audit=1 audit_backlog_limit=8192 no_timer_check $*" \
    -display none -serial "file:$folder/console" -serial "file:$folder/answers" -no-reboot -net none </dev/null
}

case ${1:-} in
  root) make_root ;;
  image)
    if [ "${REAPER_MACHINE_UNSHARED:-}" = "$$" ]; then
      make_image "${@:2}"
    else
      REAPER_MACHINE_UNSHARED=$$ exec unshare --mount --propagation private bash "$0" "$@"
    fi
    ;;
  boot) boot "${@:2}" ;;
  *)
    sed -n '2,11p' "$0" | cut -c3- >&2
    exit 64
    ;;
esac
