// The session-close hook on the login node: light servers to leave behind, what sshd said, tags, sweeps.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const TAGS = "/run/vscode-grim-reaper/tags";
export const PUPPET = "/usr/local/lib/puppet";
const CONFIG = "/etc/vscode-grim-reaper/config.toml";

export interface Visit {
  readonly user: string;
  readonly ssh: SshClient;
  readonly session: SshSession;
  /** The server that it left in the background. */
  readonly pid: number;
}

/** A node with the product, its PAM line last in sshd's stack, and the program that stands in for servers. */
export async function bootWithHook(layer?: string): Promise<LoginNode> {
  const node = await LoginNode.boot(layer === undefined ? {} : { layer });
  try {
    const { installed, missing } = await installProduct(node);
    assert.ok(installed.includes(HOOK), `build it first (npm run build): ${missing.join(" ")}`);
    await node.copyIn(PUPPET, readFileSync(puppetBinary()), { mode: 0o755 });
    return node;
  } catch (error) {
    await node.powerOff();
    throw error;
  }
}

/** Shell text that leaves a server process behind: `node …/out/server-main.js`, without a tie to its session. */
export function serverScript(): string {
  const root = `$HOME/.vscode-server/bin/${COMMIT}`;
  const run = `$HOME/.run-${randomUUID()}`;
  return `
    mkdir -p "${root}/out" "${run}"
    [ -e "${root}/node" ] || cp ${PUPPET} "${root}/node"
    mkfifo "${run}/report"
    PUPPET_BEHAVIOUR=tcp-listen PUPPET_NODE=0 PUPPET_RUN="${run}" "${root}/node" "${root}/out/server-main.js" --start-server \\
      3<>"${run}/report" >/dev/null 2>&1 </dev/null &
    echo "server==$!=="
`;
}

/** Logs in, starts a server that will outlive the session, and stays. */
export async function visit(node: LoginNode, user: string, options: SshOptions = {}): Promise<Visit> {
  const ssh = await node.ssh(user, null, options);
  ssh.stdin.write(serverScript());
  const pid = Number((await ssh.waitOutput(/^server==(\d+)==$/m))[1]);
  return { user, ssh, pid, session: await ssh.session() };
}

export async function logOut({ ssh }: Pick<Visit, "ssh">): Promise<void> {
  ssh.stdin.end("exit\n");
  assert.equal((await ssh.waitExit()).status, 0);
}

export async function endServer(node: LoginNode, { pid }: Pick<Visit, "pid">): Promise<void> {
  await node.exec(["kill", "-KILL", `${pid}`]);
  await until(() => assert.equal(node.alive(pid), false));
}

/** The tags in the folder, which holds nothing else but temporary files, by uid. */
export function tags(node: LoginNode): Map<number, Tag> {
  const folder = `/proc/${node.machine.initPid}/root${TAGS}`;
  return new Map(
    readdirSync(folder).flatMap((name) => {
      const text = readOr(join(folder, name), "");
      if (text === "" || name.startsWith(".")) return [];
      const tag = JSON.parse(text) as Tag;
      assert.equal(name, `${tag.uid}.json`);
      return [[tag.uid, tag]];
    }),
  );
}

/** Waits for the tag of the connection from this address. */
export function waitForTag(node: LoginNode, uid: number, address: string, timeoutMs = 10_000): Promise<Tag> {
  const find = (): Tag => {
    const tag = tags(node).get(uid);
    assert.equal(tag?.remoteHost, address);
    assert.ok(tag);
    return tag;
  };
  return until(find, { timeoutMs, everyMs: 10 });
}

/** When sshd's monitor said this, in milliseconds since 1970, by the journal's clock. */
export async function saidAt(node: LoginNode, monitor: number, pattern: RegExp): Promise<number> {
  return until(async () => {
    const lines = (await node.journal("-o", "json", `_PID=${monitor}`)).split("\n").filter(Boolean);
    const entries = lines.map(
      (line) => JSON.parse(line) as { MESSAGE: string; __REALTIME_TIMESTAMP: string },
    );
    const found = entries.find(({ MESSAGE }) => pattern.test(MESSAGE));
    assert.ok(found, `${pattern} is not among: ${entries.map(({ MESSAGE }) => MESSAGE).join("; ")}`);
    return Number(found.__REALTIME_TIMESTAMP) / 1000;
  });
}

export async function configure(node: LoginNode, text: string): Promise<void> {
  // Other suites show that a sweep settles.
  await node.copyIn(CONFIG, `settle = "0s"\n${text}`);
}

export async function treeOf(node: LoginNode, { pid }: { readonly pid: number }): Promise<TreeDocument> {
  const { trees, errors } = JSON.parse(await node.run(["vscode-grim-reaper", "list", "--json"])) as {
    trees: TreeDocument[];
    errors: unknown[];
  };
  assert.deepEqual(errors, []);
  const tree = trees.find(({ pids }) => pids.includes(pid));
  assert.ok(tree, `no tree holds ${pid}: ${JSON.stringify(trees)}`);
  return tree;
}

/** One sweep by hand, outside the unit's sandbox. */
export async function sweep(node: LoginNode): Promise<Outcome> {
  const outcome = await node.exec(["vscode-grim-reaper", "sweep", "-vv"]);
  assert.equal(outcome.status, 0, outcome.stderr);
  return outcome;
}

/** One sweep by the unit, in its sandbox; answers what it added to the log. */
export async function sweepByUnit(node: LoginNode): Promise<string> {
  const log = "/var/log/vscode-grim-reaper.log";
  const before = (await node.exec(["cat", log])).stdout;
  const { status } = await node.exec(["systemctl", "start", "vscode-grim-reaper.service"]);
  assert.equal(status, 0, await node.journal("-u", "vscode-grim-reaper.service"));
  return (await node.exec(["cat", log])).stdout.slice(before.length);
}

/** What the hook told the system log. */
export async function saidByHook(node: LoginNode, priority = "info"): Promise<string[]> {
  const said = await node.journal("-q", "-o", "cat", "-p", priority, "-t", "vscode-grim-reaper");
  return said.split("\n").filter((line) => line.startsWith("session-close"));
}

/** Compiles a source of this folder on the machine that the test runs on; the node has the same C library. */
export async function compileInto(
  node: LoginNode,
  source: string,
  target: string,
  flags: readonly string[],
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "hook-node-"));
  try {
    const output = join(folder, "out");
    execFileSync("c++", [
      "-std=c++17",
      "-O2",
      ...flags,
      "-o",
      output,
      join(repository(), "test/node", source),
    ]);
    await node.copyIn(target, readFileSync(output), { mode: 0o755 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

import type { Tag } from "../../src/core/observation/observation.ts";
import type { TreeDocument } from "../../src/core/report/json.ts";
import { COMMIT } from "../helpers/ide-trees.ts";
import { puppetBinary } from "../helpers/puppet.ts";
import { until } from "../helpers/until.ts";
import { readOr, repository } from "./boot.ts";
import type { Outcome } from "./inside.ts";
import { HOOK, installProduct } from "./install-product.ts";
import { LoginNode } from "./login-node.ts";
import type { SshClient, SshOptions, SshSession } from "./ssh-client.ts";
