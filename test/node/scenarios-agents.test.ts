/** Coding agents' daemons, reached through relays on the standard streams of ssh sessions. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { until } from "../helpers/until.ts";
import { hasLoginNode, whyNoLoginNode } from "./available.ts";
import { repository } from "./boot.ts";
import type { LoginNode } from "./login-node.ts";
import { AT_ONCE, becomes, bootWithProduct, configure, started, sweep, treeOf } from "./scenario-helpers.ts";
import { quoted } from "./ssh-client.ts";

const HOME = "/home/alice";
const CODEX = `${HOME}/.nvm/versions/node/v24.13.0/bin/codex`;
const CLAUDE = `${HOME}/.claude/remote/srv/5db5e4a12f88487e47c2c48259b69a2d630bb3f7`;

interface Agent {
  readonly product: string;
  readonly script: string;
  readonly daemon: readonly string[];
  readonly relay: readonly string[];
}

const AGENTS: readonly Agent[] = [
  {
    product: "codex",
    script: CODEX,
    daemon: ["/usr/bin/node", CODEX, "app-server", "--listen", `unix://${HOME}/codex.sock`],
    relay: ["/usr/bin/node", CODEX, "app-server", "proxy", "--sock", `${HOME}/codex.sock`],
  },
  {
    product: "claude-remote",
    script: `${CLAUDE}/stand-in.cjs`,
    daemon: [`${CLAUDE}/server`, `${CLAUDE}/stand-in.cjs`, "--serve", "--socket", `${HOME}/rpc.sock`],
    relay: [`${CLAUDE}/server`, `${CLAUDE}/stand-in.cjs`, "--bridge", "--socket", `${HOME}/rpc.sock`],
  },
];

describe("agents' daemons behind relays", () => {
  let node: LoginNode;

  before(async () => {
    if (whyNoLoginNode() !== null) return;
    node = await bootWithProduct();
    await configure(node, `${AT_ONCE}[agents]\ngrace = "2s"\n`);
    const source = readFileSync(join(repository(), "test/node/agent-stand-in.cjs"));
    for (const { script } of AGENTS) await node.copyIn(script, source);
    await node.run(["cp", "/usr/bin/node", `${CLAUDE}/server`]);
    await node.run(["chown", "-R", "alice:alice", HOME]);
  });
  after(() => node?.powerOff());

  for (const { product, daemon, relay } of AGENTS)
    it(`a ${product} daemon in use through its relay is spared; left and idle it is ended by two sweeps`, async (t) => {
      if (!hasLoginNode(t)) return;
      const log = `${HOME}/${product}.log`;
      const script = `setsid ${daemon.map(quoted).join(" ")} >${log} 2>&1 </dev/null &\n`;
      assert.equal((await (await node.ssh("alice", null, { stdin: script })).waitExit()).status, 0);
      const { pid } = await started(() => node.read(log));
      const session = await node.ssh("alice", relay);
      await session.waitOutput(/hello/);
      const tree = await treeOf(node, pid);
      assert.deepEqual([tree.product, tree.verdict], [product, "spare"], JSON.stringify(tree.reasons));
      assert.deepEqual((await sweep(node)).log, []);
      await session.close();
      await becomes(node, pid, "wait");
      assert.deepEqual((await sweep(node)).log, [], "one sweep is not enough");
      // Node.js collects garbage seconds after the last client: more than 1 % of a core between two sweeps is "busy".
      const { document, log: lines } = await until(
        async () => {
          const last = await sweep(node);
          assert.equal(node.alive(pid), false, JSON.stringify(last.document.trees));
          return last;
        },
        { everyMs: 2500 },
      );
      assert.match(lines[0] ?? "", /Killed 1 process\(es\) under pid/);
      assert.deepEqual(
        document.trees.map(({ reasonCode }) => reasonCode),
        ["two-sweeps"],
      );
    });
});
