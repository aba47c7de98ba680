#!/bin/sh
# In the booted machine, as root: a user logs in, leaves a server behind and logs out; then the sweep runs from its unit.
# Every answer is a section that starts with "=== NAME". Not to ttyS0, which is the console's.
exec >/dev/ttyS1 2>&1
hook=/usr/libexec/vscode-grim-reaper/session-close
run=/run/vscode-grim-reaper
section() { printf '=== %s\n' "$1"; }
# What another machine has shown already: an emulated processor takes half a minute for each.
skips() { grep -qw "$1" /opt/skip; }
label() { for path; do printf '%s %s\n' "$path" "$(stat -c %C "$path" 2>&1)"; done; }

section mode
getenforce
section kernel
uname -r
section cgroup
stat -fc %T /sys/fs/cgroup
ls -d /sys/fs/cgroup/user.slice /sys/fs/cgroup/unified /sys/fs/cgroup/systemd 2>/dev/null
section modules
semodule --list | grep -i reaper
section labels
label "$hook" "$run" "$run/tags" /var/log/vscode-grim-reaper /usr/sbin/vscode-grim-reaper /usr/bin/node
section folders
stat -c '%n %a %U' "$run" "$run/tags"

# What ran in which domain: the subject of an execve's record is the domain after it.
auditctl -a always,exit -F arch=b64 -S execve -F exe="$hook" -k hook >/dev/null
auditctl -a always,exit -F arch=b64 -S execve -F exe=/usr/bin/node -k node >/dev/null

section login
mkdir -p /root/.ssh
cat >/tmp/leave-a-server <<'END'
d=$HOME/.vscode-server/bin/0123456789abcdef0123456789abcdef01234567
mkdir -p "$d/out"
mkfifo "$d/never"
# A shell by the name of node: it waits for a line that does not come.
cp /bin/dash "$d/node"
echo "read -r line <>$d/never" >"$d/out/server-main.js"
setsid "$d/node" "$d/out/server-main.js" --start-server >/dev/null 2>&1 </dev/null &
echo "server $!"
echo "user $(cat /proc/self/attr/current)"
END
sed 's/^setsid/timeout 60 vscode-grim-reaper keep 2h || echo "keep: status $?"\n&/' /tmp/leave-a-server >/tmp/keep-a-server
# Not journalctl itself: from initrc_t it enters a domain that may not read /var/log in this policy.
cp /usr/bin/journalctl /tmp/journal
logout() {
  ssh -i /root/key -o StrictHostKeyChecking=no -o BatchMode=yes -o LogLevel=ERROR alice@127.0.0.1 "$1" </tmp/leave-a-server
  # The hook has ended when the session's monitor has.
  for _ in $(seq 600); do
    pgrep -f '^sshd-session: alice' >/dev/null || break
    sleep 0.2
  done
}
logout sh
section tags
cat "$run"/tags/*.json 2>/dev/null
section tag-labels
label "$run"/tags/*.json
# A second logout writes over the tag of the first.
logout true
section counts
stat -c '%n %s' "$run"/hook.* 2>/dev/null
section syslog
/tmp/journal --quiet --output=cat --identifier=vscode-grim-reaper | grep session-close

# Debian's policy denies execmem to initrc_t, which RHEL's allows to unconfined_service_t.
setsebool allow_execmem on
if ! skips doctor; then
  section doctor
  vscode-grim-reaper doctor
fi
# A confined user keeps their server. In this policy a user's home must have the user's SELinux identity (UBAC).
if ! skips keep; then
  section keep
  chcon -R --user=user_u /home/bob
  ssh -i /root/key -o StrictHostKeyChecking=no -o BatchMode=yes -o LogLevel=ERROR bob@127.0.0.1 sh </tmp/keep-a-server
  for _ in $(seq 600); do pgrep -f '^sshd-session: bob' >/dev/null || break; sleep 0.2; done
  ps -ww -C keep -o label=,user=,args=
fi
section sweep
systemctl start vscode-grim-reaper.service
systemctl show --property=Result --property=ExecMainStatus vscode-grim-reaper.service
cat /var/log/vscode-grim-reaper/sweep.log
section sweep-journal
/tmp/journal --quiet --output=cat --unit=vscode-grim-reaper.service
# logrotate from its own unit, twice: each file renamed, made anew, and the older copy compressed.
if ! skips rotation; then
  section rotation
  logs='/var/log/vscode-grim-reaper/sweep.log /var/log/vscode-grim-reaper/ledger.jsonl'
  for _ in 1 2; do
    { echo 'logrotate state -- version 2'; for file in $logs; do echo "\"$file\" 2020-1-1-0:0:0"; done; } >/var/lib/logrotate/status
    systemctl start logrotate.service
    systemctl show --property=Result logrotate.service
    for file in $logs; do echo line >>"$file"; done
  done
  for file in $logs; do label "$file" "$file.1" "$file.2.gz"; done
  section doctor-rotated
  vscode-grim-reaper doctor
fi
# The unit goes on writing to the files that logrotate made.
section server
pgrep -u alice -x node || echo none
section kept
pgrep -u bob -x node || echo none
# The private runtime with the label of most of /usr/lib: what the launcher starts keeps the domain of the launcher.
if ! skips private-runtime; then
  section private-runtime
  private=/usr/lib/vscode-grim-reaper/node/bin/node
  mkdir -p "${private%/*}"
  cp /usr/bin/node "$private"
  chcon --type=lib_t "$private"
  label "$private"
  auditctl -a always,exit -F arch=b64 -S execve -F exe="$private" -k node >/dev/null
  systemctl start vscode-grim-reaper.service
  systemctl show --property=Result vscode-grim-reaper.service
fi
section domains
# The records of both rules, one for each program that was started.
grep -h '^type=SYSCALL' /var/log/audit/audit.log | grep -E 'key="(hook|node)"' | sed -E 's/.* exe="([^"]*)" subj=([^ ]*) .*/\1 \2/' | sort -u
section denials
grep -hE '^type=(AVC|USER_AVC|SELINUX_ERR)' /var/log/audit/audit.log
# What a site runs on a node of its own, with the policy that a site has.
if [ -e /opt/prove-on-host ]; then
  section proof
  cp /root/usual-policy/* /etc/selinux/default/policy/
  ssh -i /root/key -o StrictHostKeyChecking=no -o BatchMode=yes -o LogLevel=ERROR root@127.0.0.1 '
    load_policy && bash /opt/prove-on-host
    echo "status $?, $SECONDS s, left behind: $(getent passwd reaper-proof)"' 2>&1 | sed 's/^=/ =/'
fi
section end
sync
