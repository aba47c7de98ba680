#!/bin/bash
# By hand: the arm64 package on an emulated aarch64 machine, hook and sweep with a real sshd and real sockets.
#   arm64.sh PACKAGE.deb [SECONDS]       prints what the machine said; status 0 when the tag was written and the tree ended
# The root comes from debootstrap and is set up inside the machine, so nothing of arm64 runs on this host. It is the machine's
# initramfs, so no driver is needed. Needs debootstrap, cpio and qemu-system-arm; about a quarter of an hour without KVM.
set -euo pipefail
deb=$(realpath "$1") seconds=${2:-3600}
here=$(cd "$(dirname "$0")" && pwd)
cache=${REAPER_TEST_CACHE:-/var/cache/vscode-grim-reaper-test}
mirror=${REAPER_DEBIAN_MIRROR:-http://deb.debian.org/debian}
packages=systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,openssh-client,procps,iproute2,nodejs,linux-image-cloud-arm64
root=$cache/arm64-root-$(sha256sum <<<"$packages" | cut -c1-16)
if [ ! -d "$root" ]; then
  mkdir -p "$cache"
  staging=$(mktemp -d "$cache/tmp.arm64.XXXXXX")
  debootstrap --foreign --arch=arm64 --variant=minbase --include="$packages" trixie "$staging/root" "$mirror" >&2
  # The kernel as a file of its own; its package would make an initrd inside the machine.
  dpkg-deb --fsys-tarfile "$(find "$staging/root/var/cache/apt/archives" -name 'linux-image-[0-9]*cloud-arm64_*.deb')" |
    tar -x -C "$staging" --wildcards './boot/vmlinuz-*'
  mv "$staging"/boot/vmlinuz-* "$staging/root.vmlinuz"
  mv "$staging/root.vmlinuz" "$root.vmlinuz"
  mv -T "$staging/root" "$root"
  rm -rf "$staging"
fi

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir -p "$work/layer/opt"
cp "$deb" "$work/layer/opt/vscode-grim-reaper.deb"
cp "$here/inside/inside.sh" "$work/layer/opt/inside.sh"
cp "$here/inside/prepare.sh" "$work/layer/opt/prepare"
cat >"$work/layer/first-init" <<'END'
#!/bin/sh
# Process 1 until the root is set up.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec >/dev/ttyAMA0 2>&1 </dev/null
# The kernel's package would make an initrd for a disk that is not there.
sed -i 's/linux-image-[^ ]*//g; s/linux-base//; s/initramfs-tools[^ ]*//g' /debootstrap/required /debootstrap/base
/debootstrap/debootstrap --second-stage >/var/log/second-stage 2>&1 || tail -n 30 /var/log/second-stage
useradd --create-home --shell /bin/bash --uid 2001 alice
ssh-keygen -q -t ed25519 -N '' -f /root/key
install -D -m 0600 -o alice -g alice /root/key.pub /home/alice/.ssh/authorized_keys
chown -R alice:alice /home/alice
ssh-keygen -A
systemctl mask serial-getty@ttyAMA0.service getty.target apt-daily.timer systemd-firstboot.service
sh /opt/prepare
echo 'set up'
exec /sbin/init
END
chmod 755 "$work/layer/first-init"
# One console: the answers go there, too.
sed -i 's,/dev/ttyS1,/dev/ttyAMA0,; /setsebool\|getsebool\|semodule\|restorecon\|chcon/d' "$work/layer/opt/inside.sh"
(cd "$root" && find . -xdev ! -path './var/cache/apt/*linux-image*' | cpio --quiet --create --format=newc) >"$work/initrd"
(cd "$work/layer" && find . | cpio --quiet --create --format=newc) >>"$work/initrd"

timeout --kill-after=5 "$seconds" qemu-system-aarch64 -machine virt -cpu cortex-a72 -accel tcg,thread=multi -smp 2 -m 4096 \
  -nodefaults -kernel "$root.vmlinuz" -initrd "$work/initrd" -append "console=ttyAMA0 rdinit=/first-init" -display none \
  -serial "file:$work/console" -no-reboot -net none </dev/null || { tail -n 60 "$work/console"; exit 1; }
tr -d '\r' <"$work/console" | sed -n '/^=== mode/,$p'
uname=$(tr -d '\r' <"$work/console")
grep -q '"product":"vscode"' <<<"$uname" && grep -q 'Killed 1 process(es) under pid' <<<"$uname"
