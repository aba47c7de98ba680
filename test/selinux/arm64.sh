#!/bin/bash
# By hand: the arm64 package on an emulated aarch64 machine; sshd, logouts, hook, clients and sweeps are real (inside/arm64.sh).
#   arm64.sh PACKAGE.deb... [SECONDS]    prints what the machine answered; status 0 when every expectation at the end held
# The root is made on this host, its arm64 programs under qemu-user. The kernel knows qemu-user in this script's own user
# namespace alone (Linux 6.7), so nothing stays registered. The root is the machine's initramfs, so it needs no disk driver.
# Run as root; needs mmdebstrap, cpio, arch-test, qemu-user and qemu-system-arm. The cache may be deleted at any time.
# shellcheck disable=SC2317  # where_arm64_runs calls functions by their names
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${REAPER_TEST_CACHE:-/var/cache/vscode-grim-reaper-test}
mirror=${REAPER_DEBIAN_MIRROR:-http://deb.debian.org/debian}

# Runs a function of this script where arm64 programs run. mmdebstrap's --mode=root is for a root that owns its namespace.
where_arm64_runs() {
  unshare --user --map-users=0:0:65536 --map-groups=0:0:65536 --mount --propagation private --pid --fork --mount-proc \
    bash -euo pipefail -c "$(declare -f "$1")"'
      mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
      cat /usr/share/qemu/binfmt.d/qemu-aarch64.conf >/proc/sys/fs/binfmt_misc/register
      "$@"' arm64 "$@"
}

# The text of this function is the recipe: a change of it makes another root.
make_root() { # FOLDER MIRROR
  mmdebstrap --quiet --mode=root --skip=chroot/mount/sys --variant=minbase --architectures=arm64 \
    --include=systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,openssh-client,procps,iproute2,kmod,nodejs,logrotate \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='chroot "$1" systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
      systemd-firstboot.service systemd-networkd.service getty.target serial-getty@ttyAMA0.service' \
    --customize-hook='chroot "$1" useradd --create-home --shell /bin/bash --uid 2001 alice' \
    --customize-hook='chroot "$1" useradd --create-home --shell /bin/bash --uid 2002 bob' \
    --customize-hook='APT_CONFIG=$MMDEBSTRAP_APT_CONFIG; export APT_CONFIG; cd "$1/tmp" && apt-get download "$(
      apt-cache depends linux-image-cloud-arm64 | sed -n "s/.*Depends: \(linux-image-[0-9].*\)/\1/p")"' \
    --customize-hook='cd "$1" && dpkg-deb --fsys-tarfile tmp/linux-image-*.deb | tar -x --wildcards \
      "./boot/vmlinuz-*" "./usr/lib/modules/*/modules.*" "./usr/lib/modules/*/kernel/net/*"' \
    --customize-hook='chroot "$1" sh -c "depmod \$(ls /usr/lib/modules)"' \
    --customize-hook='rm -rf "$1"/tmp/* "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*' \
    trixie "$1" "deb $2 trixie main" >&2
  chmod 0755 "$1"
}

# The packages and the test's own files, as an administrator would install them.
prepare() { # FOLDER
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  chroot "$1" sh /opt/prepare >&2
}

packages=() seconds=3600
for word; do if [ -f "$word" ]; then packages+=("$(realpath "$word")"); else seconds=$word; fi; done
root=$cache/arm64-root-$(declare -f make_root | sha256sum - | cut -c1-16)
mkdir -p "$cache"
work=$(mktemp -d "$cache/tmp.arm64.XXXXXX")
trap 'rm -rf --one-file-system -- "$work"' EXIT
chmod 0755 "$work"
SECONDS=0
if [ ! -d "$root" ]; then
  where_arm64_runs make_root "$work/root" "$mirror"
  mv -T "$work/root" "$root"
fi
echo "the root: $SECONDS s" >&2

top=$work/top
cp -a --reflink=auto "$root" "$top"
mv "$top"/boot/vmlinuz-* "$work/vmlinuz"
cp "${packages[@]}" "$top/opt/"
cp "$here/inside/arm64.sh" "$top/opt/inside.sh"
cp "$here/inside/prepare.sh" "$top/opt/prepare"
cp "$here/../node/server-stand-in.cjs" "$top/opt/"
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
install -D -m 0600 "$work/key" "$top/root/key"
for user in alice:2001 bob:2002; do
  install -d -m 0700 -o "${user#*:}" -g "${user#*:}" "$top/home/${user%:*}/.ssh"
  install -m 0600 -o "${user#*:}" -g "${user#*:}" "$work/key.pub" "$top/home/${user%:*}/.ssh/authorized_keys"
done
where_arm64_runs prepare "$top"
rm -f "$top"/opt/*.deb
(cd "$top" && find . -xdev | cpio --quiet --create --format=newc) >"$work/initrd"
echo "the packages installed: $SECONDS s" >&2

timeout --kill-after=5 "$seconds" qemu-system-aarch64 -machine virt -cpu cortex-a72 -accel tcg,thread=multi -smp 2 -m 3072 \
  -nodefaults -kernel "$work/vmlinuz" -initrd "$work/initrd" -display none -no-reboot -net none \
  -append "console=ttyAMA0 quiet rdinit=/sbin/init systemd.show_status=no systemd.default_timeout_start_sec=900" \
  -serial "file:$work/console" -serial "file:$work/answers" </dev/null || { tail -n 60 "$work/console" >&2; exit 1; }
echo "the machine ended: $SECONDS s" >&2
tr -d '\r' <"$work/answers" | tee "$work/said"
if ! grep -qx '=== end' "$work/said"; then tail -n 60 "$work/console" >&2; exit 1; fi

failed=0
expect() { grep -qE -- "$1" "$work/said" || { echo "not answered: $1" >&2; failed=1; }; }
server() { sed -n "s/^server of $1: //p" "$work/said"; }
expect '^Linux .* aarch64 GNU/Linux$'
expect "^\{.*\"pid\":$(server alice)[,}].*\"product\":\"vscode\""
expect "^\{.*\"pid\":$(server bob)[,}].*\"product\":\"vscode\""
expect "^first sweep: .*Killed 1 process\(es\) under pid $(server alice) \(uid 2001\)"
expect '^after the first sweep: alice none, bob alive$'
expect "^second sweep: .*Killed 1 process\(es\) under pid $(server bob) \(uid 2002\)"
expect '^after the second sweep: alice none, bob none$'
exit "$failed"
