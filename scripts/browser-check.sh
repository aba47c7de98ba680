#!/bin/bash
# Tries the product with a real browser window on a real VS Code server; run by hand, as root, after
# `npm run build`. On a booted login node (see login-node.sh) alice's server is started over ssh, and headless Chromium
# opens its workbench and a terminal through `ssh -L`. Prints what the product says while the window is open, after the
# browser is killed, and when the sweep ends the tree. Status 0 if every step came out as expected; takes a minute.
# Needs what the tests in test/node need (Debian: mmdebstrap systemd-container) and Debian's chromium. playwright-core,
# which drives the browser, is installed from npm into the tests' cache, never into the checkout.
set -euo pipefail
cache=${REAPER_TEST_CACHE:-/var/cache/vscode-grim-reaper-test}
playwright_version=1.65.1

cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
  echo "browser-check.sh: run it as root" >&2
  exit 1
fi
if ! command -v chromium >/dev/null; then
  echo "browser-check.sh: not installed: chromium (Debian: apt-get install --no-install-recommends chromium)" >&2
  exit 1
fi

browser=$cache/playwright-$playwright_version
if [ ! -d "$browser" ]; then
  # Guard: root runs what is in this folder, so no other user may write to it.
  install -d -m 0755 "$cache"
  fresh=$(mktemp -d "$cache/tmp.playwright.XXXXXX")
  npm install --silent --no-save --no-package-lock --ignore-scripts --prefix "$fresh" \
    "playwright-core@$playwright_version" >&2
  # If two runs make it, either folder will do.
  mv -T "$fresh" "$browser" 2>/dev/null || rm -rf "$fresh"
fi

work=$(mktemp -d)
clean() {
  local status=$?
  rm -rf "$work" || true
  # A browser whose driver was killed writes for another moment, and makes its folder again.
  if [ "$status" != 0 ]; then
    sleep 2
    rm -rf "$work"
  fi
}
trap clean EXIT
node_modules/.bin/esbuild test/node/browser-check.ts --bundle --platform=node --format=esm --target=node20 \
  --log-level=warning --outfile="$work/check.mjs"
# The node and the browser end with the pipes to this process, however it ends.
TMPDIR=$work timeout --foreground --kill-after=10 1200 node "$work/check.mjs" "$browser" "$work"
