/** Coding agents' daemons behind relays, kernels that outlive their server, and what only looks like either. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, it } from "node:test";
import { until } from "../helpers/until.ts";
import { onLoginNode } from "./available.ts";
import { repository } from "./boot.ts";
import {
  AT_ONCE,
  becomes,
  COMMIT,
  configure,
  list,
  started,
  suiteNode,
  sweep,
  treeOf,
} from "./scenario-helpers.ts";
import { quoted } from "./ssh-client.ts";

const HOME = "/home/alice";
const CODEX = `${HOME}/.nvm/versions/node/v24.13.0/bin/codex`;
const CLAUDE = `${HOME}/.local/share/claude/versions/2.1.168`;
const WARP = `${HOME}/.warp/remote-server/oz-v0.2026.08.19.08.12.stable_01`;
const EXTENSIONS = `${HOME}/.positron-server/bin/${COMMIT}/extensions`;
const SUPERVISOR = `${EXTENSIONS}/positron-supervisor/resources`;
const ARK = `${EXTENSIONS}/positron-r/resources/ark/ark`;
const JUPYTER = `env PYTHONPATH=${HOME}/venv python3 -Xfrozen_modules=off -m ipykernel_launcher --f=${HOME}/kernel-v3`;
const SITE = `${HOME}/bin/${COMMIT}/node_modules/next/dist/bin/next`;
const GRACES = { agent: 2, server: 3, kernel: 4 };

interface Daemon {
  readonly product: string;
  readonly kind: "agent" | "server";
  /** As a shell runs it. */
  readonly daemon: string;
  readonly relay: string;
}

const DAEMONS: readonly Daemon[] = [
  {
    product: "codex",
    kind: "agent",
    daemon: `/usr/bin/node ${CODEX} app-server --listen unix://${HOME}/codex.sock`,
    relay: `/usr/bin/node ${CODEX} app-server proxy --sock ${HOME}/codex.sock`,
  },
  {
    product: "claude",
    kind: "agent",
    daemon: `env -C ${dirname(CLAUDE)} ${CLAUDE} daemon run --origin transient --spawned-by '{"label":"claude"}'`,
    relay: `env -C ${dirname(CLAUDE)} ${CLAUDE} attach ab5f01f8`,
  },
  {
    product: "warp",
    kind: "server",
    daemon: `env -C ${dirname(WARP)} ${WARP} remote-server-daemon --identity-key f3a9`,
    relay: `env -C ${dirname(WARP)} ${WARP} remote-server-proxy --identity-key f3a9`,
  },
];

const KERNELS = {
  positron: `bash ${SUPERVISOR}/supervisor-wrapper.sh nohup /tmp/kallichore-a34.out.log ${SUPERVISOR}/kallichore/kcserver ${SUPERVISOR}/kernel.sh --log-level debug --handshake-socket /tmp/kallichore-a34.sock --idle-shutdown-hours 4`,
  jupyter: `${JUPYTER}e2bd68047f03d2a10d308404f60b530e5cb8fd86.json`,
};

/** Each kernel works while the file that $WORK names exists; the command that it then waits for is no work. */
const SCRIPTS = {
  [`${SUPERVISOR}/supervisor-wrapper.sh`]: `shift 2; nohup bash -l -c "$(printf "'%s' " "$@")" 2>&1`,
  [`${SUPERVISOR}/kernel.sh`]: `case $BASH in
*/kcserver) echo "listening==$$==-=="; ${ARK} $0 --connection_file /tmp/registration_r-1a.json --session-mode console ;;
*) while [ -e "$WORK" ]; do for ((i = 0; i < 20000; i++)); do :; done; sleep 0.1; done; sleep infinity ;;
esac; :`,
  [`${HOME}/venv/ipykernel_launcher.py`]: `import os, subprocess, time
print(f"listening=={os.getpid()}==-==", flush=True)
while os.path.exists(os.environ.get("WORK", "")): sum(range(1000000)); time.sleep(0.05)
subprocess.run(["sleep", "infinity"])`,
  [SITE]: `const server = require("node:http").createServer((_, answer) => answer.end("site"));
server.listen(3000, "127.0.0.1", () => console.log(\`listening==\${process.pid}==3000==\`));`,
};

onLoginNode("coding agents and kernels", () => {
  const node = suiteNode();
  let logs = 0;
  let others = { site: 0, kernel: 0, inTmux: 0 };

  /** Starts a program in an ssh session that it outlives; resolves with the pid that it prints. */
  async function leave(command: string, how = "setsid"): Promise<number> {
    const log = `${HOME}/left-${++logs}.log`;
    const stdin = `${how} ${command} >${log} 2>&1 </dev/null &\n`;
    assert.equal((await (await node.ssh("alice", null, { stdin })).waitExit()).status, 0);
    return (await started(() => node.read(log))).pid;
  }

  before(async () => {
    const { agent, server, kernel } = GRACES;
    const graces = `[agents]\ngrace = "${agent}s"\n[kernels]\ngrace = "${kernel}s"\n[graceByProduct]\nwarp = "${server}s"\n`;
    await configure(node, AT_ONCE + graces);
    const standIn = readFileSync(join(repository(), "test/node/agent-stand-in.cjs"));
    const verbs = ["daemon", "attach"].map((verb) => join(dirname(CLAUDE), verb));
    verbs.push(...["daemon", "proxy"].map((verb) => join(dirname(WARP), `remote-server-${verb}`)));
    for (const path of [CODEX, ...verbs]) await node.copyIn(path, standIn);
    for (const [path, text] of Object.entries(SCRIPTS)) await node.copyIn(path, text);
    for (const path of [CLAUDE, WARP]) await node.run(["cp", "/usr/bin/node", path]);
    for (const path of [`${SUPERVISOR}/kallichore/kcserver`, ARK])
      await node.run(["install", "-D", "/bin/bash", path]);
    await node.run(["chown", "-R", "alice:alice", HOME]);
    const inTmux = `node ${CODEX} app-server --listen unix://${HOME}/tmux.sock >${HOME}/tmux.log`;
    await node.run(["su", "-", "alice", "-c", `tmux new-session -d ${quoted(inTmux)}`]);
    others = {
      // As a dead server's child it leads neither a session nor a process group.
      site: await leave(`node ${SITE} start -p 3000`, ""),
      kernel: await leave(`bash -c '${JUPYTER}ab.json; :'`),
      inTmux: (await started(() => node.read(`${HOME}/tmux.log`))).pid,
    };
  });

  /** Sweeps until a process is ended, and asserts by which rule. */
  async function isEnded(pid: number): Promise<void> {
    const tree = await until(
      async () => {
        const { trees } = (await sweep(node)).document;
        const last = trees.find(({ pids }) => pids.includes(pid));
        assert.equal(node.alive(pid), false, JSON.stringify(last));
        return last;
      },
      // Node.js collects garbage seconds after the last client: more than 1 % of a core between two sweeps is "busy".
      { everyMs: 2500 },
    );
    assert.equal(tree?.reasonCode, "two-sweeps");
  }

  async function isEndedByTwoSweeps(pid: number, grace: number): Promise<void> {
    assert.equal((await becomes(node, pid, "wait")).graceSeconds, grace);
    assert.deepEqual((await sweep(node)).log, [], "one sweep is not enough");
    await isEnded(pid);
  }

  for (const { product, kind, daemon, relay } of DAEMONS)
    it(`a ${product} daemon in use through its relay is spared; left and idle it is ended by two sweeps`, async () => {
      const pid = await leave(daemon);
      // One sweep ends a server whose user has left the host.
      const window = kind === "server" ? await node.ssh("alice", ["sleep", "1000"]) : null;
      const session = await node.ssh("alice", ["sh", "-c", `exec ${relay}`]);
      await session.waitOutput(/hello/);
      assert.deepEqual((await sweep(node)).log, []);
      await until(async () => assert.ok((await treeOf(node, pid)).ageSeconds > 2 * GRACES[kind]));
      assert.deepEqual((await sweep(node)).log, []);
      const tree = await treeOf(node, pid);
      assert.deepEqual([tree.product, tree.kind], [product, kind]);
      assert.match(tree.reasonCode, /^in-use-/);
      await session.close();
      await isEndedByTwoSweeps(pid, GRACES[kind]);
      await window?.close();
    });

  for (const [product, kernel] of Object.entries(KERNELS))
    it(`a ${product} kernel that is idle is ended by two sweeps; a busy one is spared until it is idle`, async () => {
      const work = `${HOME}/work`;
      await node.copyIn(work, "");
      const busy = await leave(`env WORK=${work} ${kernel}`);
      await isEndedByTwoSweeps(await leave(kernel), GRACES.kernel);
      const tree = (await sweep(node)).document.trees.find(({ pids }) => pids.includes(busy));
      assert.deepEqual([tree?.product, tree?.kind, tree?.reasonCode], [product, "kernel", "agent-busy"]);
      await node.run(["rm", work]);
      await isEnded(busy);
    });

  it("a web site in bin/<commit>, a kernel whose parent lives and a daemon in tmux outlive all sweeps", async () => {
    const alive = Object.entries(others).map(([name, pid]) => [name, node.alive(pid)]);
    assert.deepEqual(Object.fromEntries(alive), { site: true, kernel: true, inTmux: true });
    const held = (await list(node)).trees.flatMap(({ pids }) => pids);
    assert.deepEqual([held.includes(others.site), held.includes(others.kernel)], [false, false]);
  });
});
