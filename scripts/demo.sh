#!/bin/sh
# Starts a stand-in for an orphaned VS Code server, shows how it is found, explained and ended, and cleans up: `npm run
# demo`, after a build. Takes about ten seconds. As root the stand-in belongs to a user id without an account, and the sweep
# ends it; without root it belongs to you, and `end` ends it. Nothing else is ended: it runs in a pid namespace of its own
# where the kernel allows that, else only the stand-in's own tree is named.
set -eu
cd "$(dirname "$0")/.."
demo_uid=64999
node=$(command -v node)

if [ "${1:-}" != --inside ]; then
  if [ ! -e dist/tools.cjs ]; then
    echo "demo: the program is not built; run: npm run demo" >&2
    exit 1
  fi
  set -- --pid --mount --fork --mount-proc --kill-child
  if [ "$(id -u)" != 0 ]; then set -- --user --map-current-user "$@"; fi
  if unshare "$@" true 2>/dev/null; then exec unshare "$@" sh scripts/demo.sh --inside; fi
  echo "(This host allows no pid namespace, so the demonstration names its own tree in every command.)"
fi

# Not below a home: the stand-in's user must be able to run it.
work=$(mktemp -d "${TMPDIR:-/tmp}/reaper-demo-XXXXXX")
pids=
clean() {
  for pid in $pids; do kill -KILL "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM
chmod 755 "$work"
# A copy that every user can read, wherever this checkout is.
mkdir "$work/program"
cp dist/*.cjs dist/reaper_native.node "$work/program/"
chmod -R go+rX "$work/program"
if [ "$(id -u)" = 0 ] && [ "$$" = 1 ]; then
  # Inside the namespace of mounts: the host's state stays as it is.
  mount -t tmpfs -o mode=755 tmpfs /run
  mount -t tmpfs -o mode=755 tmpfs /var/lib
  mount -t tmpfs -o mode=755 tmpfs /var/log
fi
printf 'settle = "0s"\ngrace = "0s"\ntermWait = "2s"\n' >"$work/demo.toml"

# The stand-in: a shell in the place of the server's node, which the kernel then names as the executable.
server=$work/alice/.vscode-server/bin/e18005f0f1b33c29e81d732535d8c0e47cafb0b5
mkdir -p "$server/out"
cp "$(readlink -f /bin/sh)" "$server/node"
cat >"$server/out/bootstrap-fork" <<'STAND_IN'
while :; do read -r _ <"$REAPER_DEMO_WAIT" || :; done
STAND_IN
cat >"$server/out/server-main.js" <<'STAND_IN'
root=${0%/out/*}
for type in extensionHost ptyHost fileWatcher; do
  "$root/node" "$root/out/bootstrap-fork" "--type=$type" &
done
. "$root/out/bootstrap-fork"
STAND_IN
mkfifo "$work/wait"
chmod -R go+rX "$work/alice"
chmod 644 "$work/wait"

run_as() { "$@"; }
if [ "$(id -u)" = 0 ]; then
  run_as() { setpriv --reuid="$demo_uid" --regid="$demo_uid" --clear-groups "$@"; }
fi
# A second fork, so that its parent ends: an orphan, as a dropped connection leaves it.
run_as env REAPER_DEMO_WAIT="$work/wait" setsid --fork "$server/node" "$server/out/server-main.js" --start-server \
  --host=127.0.0.1 --port=0 </dev/null >/dev/null 2>&1
tree_pids() { pgrep_exe "$server/node"; }
pgrep_exe() {
  for link in /proc/[0-9]*/exe; do
    if [ "$(readlink "$link" 2>/dev/null)" = "$1" ]; then
      pid=${link#/proc/}
      echo "${pid%/exe}"
    fi
  done | sort -n
}
tries=0
while pids=$(tree_pids) && [ "$(echo "$pids" | wc -w)" -lt 4 ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 100 ]; then
    echo "demo: the stand-in did not start" >&2
    exit 1
  fi
  sleep 0.1
done
root=$(echo "$pids" | head -n 1)

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); fi
reaper() { "$node" "$work/program/vscode-grim-reaper.cjs" "$@"; }
show() {
  printf '\n%s$ vscode-grim-reaper %s%s\n' "$bold" "$*" "$plain"
  reaper "$@" --config "$work/demo.toml"
}
echo
echo "A stand-in for a VS Code server runs now, left behind by a session that is gone."
show list
show explain "$root"
if [ "$(id -u)" = 0 ]; then
  show sweep --dry-run --pid "$root"
  show sweep -v --pid "$root"
else
  show end --dry-run --pid "$root"
  show end -v --pid "$root"
fi
left=$(tree_pids)
if [ -n "$left" ]; then
  echo "demo: the stand-in still runs: $left" >&2
  exit 1
fi
pids=
echo
echo "The tree is gone, and so is everything that this demonstration made."
