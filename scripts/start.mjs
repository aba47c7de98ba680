// `npm start`: a dry-run sweep of this host, and what to try next. It changes nothing.
import { spawnSync } from "node:child_process";

const run = spawnSync(
  process.execPath,
  ["dist/vscode-grim-reaper.cjs", "sweep", "--dry-run", "-vv", "--json"],
  { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
);
if (run.status !== 0) process.exit(run.status ?? 1);
const { trees } = JSON.parse(run.stdout);
console.log(
  trees.length === 0
    ? `
No IDE server runs ${process.getuid() === 0 ? "on this host" : "under your user id on this host"}. To see one found, explained and ended:

  npm run demo`
    : `
That was a dry run: nothing was changed. More about these trees:

  node dist/vscode-grim-reaper.cjs list
  node dist/vscode-grim-reaper.cjs explain ${trees[0].root.pid}`,
);
