#!/bin/sh
# Makes the README's pictures of list, explain and the log from real output on a booted login node; run by hand, as
# root, after `npm run build`. Needs what the tests in test/node need.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
node_modules/.bin/esbuild test/node/pictures.ts --bundle --platform=node --format=esm --target=node20 \
  --log-level=warning --outfile="$work/pictures.mjs"
timeout --foreground --kill-after=10 600 node "$work/pictures.mjs" docs/pictures
