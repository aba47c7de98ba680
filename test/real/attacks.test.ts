/**
 * One user attacks the budgets of the addon (native/test/attack.cc); what it reads of another user stays right, and the
 * time and memory stay bounded.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Connection } from "../../src/core/observation/connections.ts";
import { loadNative } from "../../src/shell/host/native.ts";

const ATTACKER = 59_411;
const VICTIM = 59_412;
const ATTACK = "build/core/native/test/attack";
/** CPU time that one attack may cost, for other programs take part of the machine's. */
const MOST_MS = 10_000;
const MOST_MIB = 128;

/** How the addon shows that the attacker exceeds a budget; `none`: what it does fits. */
type Sign = "overBudget" | "unreadable" | "environ" | "none";
const ATTACKS: readonly (readonly [string, number, Sign])[] = [
  ["descriptors", 600, "unreadable"],
  ["argv", 1_500, "overBudget"],
  ["environ", 1_500, "environ"],
  ["sockets", 100_000, "unreadable"],
];

const SERVER = `require("node:net").createServer((s) => s.resume()).listen(process.argv[1], () => console.log("up"))`;
const CLIENT = `require("node:net").connect(process.argv[1], () => console.log("up")).resume()`;

describe("one user's attack changes nothing for another", {
  skip: process.getuid?.() !== 0 && "needs root",
}, () => {
  const native = loadNative();
  const folder = mkdtempSync(join(tmpdir(), "reaper-attacks-"));
  const children: ChildProcess[] = [];
  let server = 0;
  let client = 0;

  before(async () => {
    chmodSync(folder, 0o1777);
    copyFileSync(ATTACK, join(folder, "attack"));
    chmodSync(join(folder, "attack"), 0o755);
    const path = join(folder, "socket");
    const env = { SLURM_JOB_ID: "7", PATH: process.env.PATH ?? "" };
    server = (await start(VICTIM, [process.execPath, "-e", SERVER, path], env)).pid ?? 0;
    client = (await start(VICTIM, [process.execPath, "-e", CLIENT, path], env)).pid ?? 0;
  });
  after(async () => {
    await Promise.all(children.map(end));
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(
    uid: number,
    command: readonly string[],
    env: NodeJS.ProcessEnv,
  ): Promise<ChildProcess> {
    const user = ["--reuid", `${uid}`, "--regid", `${uid}`, "--clear-groups", "--"];
    const child = spawn("setpriv", [...user, ...command], { env, stdio: ["pipe", "pipe", "inherit"] });
    children.push(child);
    await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), "line");
    return child;
  }

  for (const [kind, count, sign] of ATTACKS)
    test(`${kind}: ${count}`, { timeout: 120_000 }, async (t) => {
      const attack = await start(ATTACKER, [join(folder, "attack"), kind, `${count}`], {
        PATH: "/bin:/usr/bin",
      });
      await settled(count, kind);
      try {
        await measure(t, sign);
      } finally {
        await end(attack);
        await gone();
      }
    });

  async function measure(t: TestContext, sign: Sign): Promise<void> {
    const began = performance.now();
    const cpu = process.cpuUsage();
    const rss = process.memoryUsage.rss();
    const snapshot = await native.snapshot({
      procRoot: "/proc",
      uids: [ATTACKER, VICTIM],
      full: true,
      exeMarkers: ["/.vscode-server/"],
      interpreters: ["node"],
      argvMarkers: ["/.vscode-server/"],
      sshdNames: [],
      argvTimeoutMs: 200,
      argvBudgetMs: 5_000,
    });
    const users = snapshot.processes.filter(({ uid }) => uid === ATTACKER || uid === VICTIM);
    const connections = await native.connections(
      users.map(({ pid }) => pid),
      "/proc",
    );
    const within = { procRoot: "/proc", names: ["SLURM_JOB_ID"], timeoutMs: 200, budgetMs: 5_000 };
    const environs = await native.environNames({ ...within, processes: users });
    const { user, system } = process.cpuUsage(cpu);
    const took = (user + system) / 1000;
    const wall = performance.now() - began;
    const grown = (process.memoryUsage.rss() - rss) / 1024 / 1024;
    t.diagnostic(
      `${users.length} processes: ${Math.round(took)} ms of CPU, ${Math.round(wall)} ms, ${Math.round(grown)} MiB more`,
    );

    const attackers = new Set(users.filter(({ uid }) => uid === ATTACKER).map(({ pid }) => pid));
    const signs: Record<Sign, boolean> = {
      overBudget: snapshot.overBudget.includes(ATTACKER),
      unreadable: connections.unreadable.some((pid) => attackers.has(pid)),
      environ: environs.faults.some(({ detail }) => detail.includes("64 MiB")),
      none: true,
    };
    assert.ok(signs[sign], `${sign}: ${JSON.stringify(snapshot.faults[0])}`);
    for (const pid of [server, client]) {
      const at = users.findIndex((one) => one.pid === pid);
      assert.equal(users[at]?.argvStatus, "read");
      assert.deepEqual(environs.results[at], ["SLURM_JOB_ID"]);
      assert.ok(
        !connections.unreadable.includes(pid) && !connections.unlisted.some((one) => one.pid === pid),
      );
    }
    assert.ok(connections.complete && !snapshot.overBudget.includes(VICTIM));
    const direction = (near: number, far: number): Connection["direction"] | undefined =>
      connections.connections.find((one) => one.near.includes(near) && one.far.includes(far))?.direction;
    assert.deepEqual([direction(client, server), direction(server, client)], ["opened", "accepted"]);
    assert.ok(took < MOST_MS, `${took} ms`);
    assert.ok(grown < MOST_MIB, `${grown} MiB`);
  }
});

const owned = (): string[] =>
  readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && statSync(join("/proc", name)).uid === ATTACKER;
    } catch {
      return false;
    }
  });

/** Waits until the forks of an attack are all there, or no more come. */
async function settled(count: number, kind: string): Promise<void> {
  const wanted = kind === "sockets" ? 1 : count;
  let quiet = 0;
  for (let last = 0, now = 0; now < wanted && quiet < 10; last = now) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    now = owned().length;
    quiet = now === last ? quiet + 1 : 0;
  }
}

/** Waits until the attack's processes have ended, as they do after their parent. */
async function gone(): Promise<void> {
  while (owned().length > 0) await new Promise((resolve) => setTimeout(resolve, 100));
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const left = once(child, "exit");
  child.kill("SIGKILL");
  await left;
}
