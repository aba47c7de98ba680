#!/bin/sh
# In the booted aarch64 machine, as root: two users leave a server behind and log out; one comes back with a client. The first
# sweep ends the other user's server, the second, after the client has gone, ends this one. Every answer is a section that
# starts with "=== NAME". Not to ttyAMA0, which is the console's.
exec >/dev/ttyAMA1 2>&1
run=/run/vscode-grim-reaper
log=/var/log/vscode-grim-reaper/sweep.log
section() { printf '=== %s\n' "$1"; }
# Waits, for minutes on an emulated processor, until a command succeeds.
wait_for() {
  for _ in $(seq 1500); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.2
  done
  echo "waited in vain for: $*"
}
logged_out() { ! pgrep -f "^sshd-session: $1"; }
alive() { if pgrep -u "$1" -f start-server >/dev/null; then echo alive; else echo none; fi; }
both() { echo "after the $1 sweep: alice $(alive alice), bob $(alive bob)"; }

mkdir -p /root/.ssh
cat >/root/.ssh/config <<'END'
IdentityFile /root/key
StrictHostKeyChecking no
BatchMode yes
LogLevel ERROR
END

section machine
uname -a
dpkg --print-architecture
for node in /usr/bin/node /usr/lib/vscode-grim-reaper/node/bin/node; do [ ! -x $node ] || echo "$node $($node --version)"; done
sshd -V
stat -fc %T /sys/fs/cgroup
dpkg-query --show --showformat='${Package} ${Version} ${Architecture} ${db:Status-Status}\n' 'vscode-grim-reaper*'

# Leaves a server with Node.js on a TCP port of its choice, as the remote extension does.
cat >/tmp/leave-a-server <<'END'
d=$HOME/.vscode-server/bin/0123456789abcdef0123456789abcdef01234567
mkdir -p "$d/out"
cp /usr/bin/node "$d/node"
cp /opt/server-stand-in.cjs "$d/out/server-main.js"
setsid "$d/node" "$d/out/server-main.js" --start-server >"$HOME/stand-in.log" 2>&1 </dev/null &
END
section logouts
for user in alice bob; do
  ssh "$user@127.0.0.1" sh </tmp/leave-a-server
  wait_for grep -q '^listening' "/home/$user/stand-in.log"
  wait_for logged_out "$user"
  IFS='=' read -r _ _ pid _ port _ <"/home/$user/stand-in.log"
  echo "server of $user: $pid"
done
section tags
cat "$run"/tags/*.json
section hook-faults
stat -c '%n %s' "$run"/hook.* 2>/dev/null
section hook-syslog
journalctl --quiet --output=cat --identifier=vscode-grim-reaper | grep session-close

# Bob's window comes back: a TCP connection through `ssh -L`, as the editor has it.
section client
ssh -N -L "4000:127.0.0.1:$port" bob@127.0.0.1 >/dev/null </dev/null &
forward=$!
wait_for sh -c 'ss -Hltn "sport = :4000" | grep -q .'
bash -c 'exec 3<>/dev/tcp/127.0.0.1/4000 && read -r line <&3 && echo "$line" >/tmp/greeted && exec sleep 100000' &
client=$!
wait_for grep hello /tmp/greeted
cat /tmp/greeted
ss -Htnp state established "sport = :$port or dport = :$port"

section doctor
vscode-grim-reaper doctor
section list
vscode-grim-reaper list
section explain
vscode-grim-reaper explain "$pid"

section first-sweep
systemctl start vscode-grim-reaper.service
systemctl show --property=Result --property=ExecMainStatus vscode-grim-reaper.service
sed 's/^/first sweep: /' "$log"
both first
lines=$(wc -l <"$log")

section second-sweep
kill "$client" "$forward"
wait_for logged_out bob
systemctl start vscode-grim-reaper.service
systemctl show --property=Result --property=ExecMainStatus vscode-grim-reaper.service
tail -n "+$((lines + 1))" "$log" | sed 's/^/second sweep: /'
both second
section sweep-journal
journalctl --quiet --output=cat --unit=vscode-grim-reaper.service
section uptime
cat /proc/uptime
section end
sync
