/** Makes pictures of the real output of list, explain and a sweep on a booted login node; scripts/pictures.sh runs it. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { COLUMNS, terminalSvg } from "../../scripts/docs/terminal.ts";
import { whyNoLoginNode } from "./available.ts";
import { installProduct } from "./install-product.ts";
import { LoginNode } from "./login-node.ts";
import { becomes, configure, holdPort, startStandIn } from "./scenario-helpers.ts";

const [folder] = process.argv.slice(2);
assert.ok(folder, "usage: see scripts/pictures.sh");
const reason = whyNoLoginNode();
assert.equal(reason, null, reason ?? "");

await using node = await LoginNode.boot();
await installProduct(node);
await configure(node, 'grace = "2m"\nsettle = "0s"\n');
const alices = await startStandIn(node, { user: "alice", run: "sleep 7100" });
const bobs = await startStandIn(node, {
  user: "bob",
  run: "sleep 7101",
});
// The session that started alice's server is closed; a later one uses it, which only its connection shows.
await node.ssh("alice", holdPort(alices.at));
// Nobody's servers are seconds old.
await setTimeout(150_000);
const carols = await startStandIn(node, { user: "carol" });
await becomes(node, alices.pid, "spare");
await becomes(node, carols.pid, "wait");
await becomes(node, bobs.pid, "reap");

/** The command's output on a terminal, with its colours. */
async function shown(command: string): Promise<{ command: string; output: string }> {
  const sized = `stty cols ${COLUMNS}; ${command}`;
  const output = await node.run(["env", "TERM=xterm-256color", "script", "-qec", sized, "/dev/null"]);
  return { command, output };
}

const list = await shown("vscode-grim-reaper list");
const why = await shown(`vscode-grim-reaper explain ${alices.pid}`);
const log = await shown("vscode-grim-reaper -v");
const forced = await shown("vscode-grim-reaper -v -f -u alice");
for (const { output } of [log, forced]) assert.match(output, /Killed \d+ process\(es\)/);
writeFileSync(join(folder, "list.svg"), terminalSvg("vscode-grim-reaper list", [list]));
writeFileSync(join(folder, "explain.svg"), terminalSvg("vscode-grim-reaper explain", [why]));
writeFileSync(join(folder, "log.svg"), terminalSvg("the log of a sweep, and of a forced one", [log, forced]));
