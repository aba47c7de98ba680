/** What the scenarios on the login node have in common: stand-in servers, connections to them, and the product's word. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, afterEach, before } from "node:test";
import type { HostDocument, TreeDocument } from "../../src/core/report/json.ts";
import { until } from "../helpers/until.ts";
import { repository } from "./boot.ts";
import type { Outcome, Running } from "./inside.ts";
import { installProduct } from "./install-product.ts";
import { LoginNode } from "./login-node.ts";
import type { RealServer } from "./real-server.ts";
import { quoted, type SshClient } from "./ssh-client.ts";

export const PROGRAM = "/usr/sbin/vscode-grim-reaper";
export const COMMIT = "e18005f0f1b33c29e81d732535d8c0e47cafb0b5";
const UIDS: Readonly<Record<string, number>> = { alice: 2001, bob: 2002, carol: 2003 };

/** A configuration under which an orphan is ended at once. */
export const AT_ONCE = 'grace = "0"\nsettle = "0s"\ntermWait = "2s"\n';

/**
 * A node with the product, and a configuration under which an orphan is ended at once, for the suite that calls this. What
 * a test leaves behind of servers is ended after it.
 */
export function suiteNode(layer?: () => Promise<string>): LoginNode {
  const node = new LoginNode();
  before(async () => {
    await node.boot(await layer?.());
    await installProduct(node);
    await configure(node, AT_ONCE);
  });
  after(() => node.powerOff());
  afterEach(() => endAll(node));
  return node;
}

/** A drop-in of the sweep's unit, in place of the one before. */
export async function dropIn(node: LoginNode, text: string): Promise<void> {
  await node.copyIn("/run/systemd/system/vscode-grim-reaper.service.d/test.conf", `[Service]\n${text}\n`);
  await node.run(["systemctl", "daemon-reload"]);
}

export function configure(node: LoginNode, toml: string): Promise<void> {
  return node.copyIn("/etc/vscode-grim-reaper/config.toml", toml);
}

/** `list --json`: the verdict of the tree that holds a process. */
export async function treeOf(node: LoginNode, pid: number): Promise<TreeDocument> {
  const { trees, errors } = await list(node);
  const tree = trees.find(({ pids }) => pids.includes(pid));
  assert.ok(tree, `no tree holds ${pid}: ${JSON.stringify({ trees, errors })}`);
  return tree;
}

export async function list(node: LoginNode): Promise<HostDocument> {
  return JSON.parse(await node.run([PROGRAM, "list", "--json"])) as HostDocument;
}

/**
 * Waits until the tree of a process has this verdict, and a tag or none where `tagged` is given: sshd, the hook and the
 * kernel take a moment to take note of an end.
 */
export function becomes(
  node: LoginNode,
  pid: number,
  verdict: string,
  tagged?: boolean,
): Promise<TreeDocument> {
  return until(
    async () => {
      const tree = await treeOf(node, pid);
      assert.equal(tree.verdict, verdict, JSON.stringify(tree.reasons));
      if (tagged !== undefined) assert.equal(tree.tagged, tagged, JSON.stringify(tree.reasons));
      return tree;
    },
    { everyMs: 200 },
  );
}

export interface Swept extends Outcome {
  readonly document: HostDocument;
  /** The standard log. */
  readonly log: readonly string[];
}

/** A real sweep with the standard log at -v. */
export async function sweep(node: LoginNode, ...args: string[]): Promise<Swept> {
  const outcome = await node.exec([PROGRAM, "sweep", "-v", "--json", ...args]);
  const log = outcome.stderr.split("\n").filter((line) => line !== "");
  assert.ok(outcome.stdout.startsWith("{"), outcome.stderr);
  return { ...outcome, document: JSON.parse(outcome.stdout) as HostDocument, log };
}

export interface StandIn {
  readonly pid: number;
  /** Its port, or its socket's path. */
  readonly at: string;
  /** Of `run`: the shell in it. */
  readonly shell: number | null;
}

export interface StandInOptions {
  readonly user?: string;
  readonly args?: readonly string[];
  /** Where the server lies; by default where the IDE puts it, in its user's home. */
  readonly folder?: string;
  /** A command that a shell below the server runs. */
  readonly run?: string;
  /** Started not by ssh but by this, as root; it gets the command to run as the user. */
  readonly prefix?: readonly string[];
}

/** The command line of a stand-in server whose files lie in its user's home, where a real one has them. */
export async function standInCommand(node: LoginNode, options: StandInOptions = {}): Promise<string[]> {
  const { user = "alice", args = [], run } = options;
  const { folder = `/home/${user}/.vscode-server/bin/${COMMIT}` } = options;
  const source = readFileSync(join(repository(), "test/node/server-stand-in.cjs"));
  await node.copyIn(`${folder}/out/server-main.js`, source, { owner: `${user}:${user}` });
  await node.run(["sh", "-c", `[ -e ${folder}/node ] || cp /usr/bin/node ${folder}/node`]);
  await node.run(["chown", `${user}:${user}`, dirname(dirname(folder)), dirname(folder)]);
  await node.run(["chown", "-R", `${user}:${user}`, folder]);
  const command = [`${folder}/node`, `${folder}/out/server-main.js`, "--start-server", ...args];
  return run === undefined ? command : [...command, "--run", run];
}

let logs = 0;

/** Starts a stand-in server that an ssh session leaves behind: an orphan without anybody connected. */
export async function startStandIn(node: LoginNode, options: StandInOptions = {}): Promise<StandIn> {
  const { user = "alice", prefix } = options;
  const command = (await standInCommand(node, options)).map(quoted).join(" ");
  const log = `/home/${user}/stand-in-${++logs}.log`;
  // The hook tags what it finds when the session ends, so the session stays until the stand-in runs.
  const ready = `timeout 20 sh -c 'until grep -q ^listening== ${log}; do sleep 0.05; done'`;
  const script = `setsid ${command} >${log} 2>&1 </dev/null &\n${ready}\n`;
  if (prefix) await node.run([...prefix, "su", user, "-c", `${script} :`]);
  else assert.equal((await (await node.ssh(user, null, { stdin: script })).waitExit()).status, 0);
  return started(() => node.read(log), options.run !== undefined);
}

/** Reads what a stand-in says of itself. */
export async function started(output: () => Promise<string>, withShell = false): Promise<StandIn> {
  return until(async () => {
    const text = await output();
    const [, pid, at] = /^listening==(\d+)==(.*)==$/m.exec(text) ?? [];
    const shell = /^shell==(\d+)==$/m.exec(text)?.[1];
    assert.ok(pid && at && (shell || !withShell), `the stand-in is not ready: ${text}`);
    return { pid: Number(pid), at, shell: shell ? Number(shell) : null };
  });
}

/** Opens a TCP connection, takes the greeting, and holds on. */
export const holdPort = (port: number | string, host = "127.0.0.1"): string[] => [
  "bash",
  "-c",
  `exec 3<>/dev/tcp/${host}/${port} && read -r line <&3 && echo "$line" && read -r _`,
];

/** The same through a SOCKS 5 proxy, as the window of `ssh -D` does. */
export function holdThroughSocks(proxy: number, port: string): string[] {
  const number = Number(port);
  const octal = [number >> 8, number & 255].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
  const ask = `printf '\\005\\001\\000' >&3; head -c2 <&3 >/dev/null; printf '\\005\\001\\000\\001\\177\\000\\000\\001${octal}' >&3; head -c10 <&3 >/dev/null`;
  const script = `exec 3<>/dev/tcp/127.0.0.1/${proxy}; ${ask}; read -r line <&3 && echo "$line" && read -r _`;
  return ["bash", "-c", script];
}

let loose = 0;

/**
 * Starts a script of a user below pid 1, in no session and with no descriptor of the test's, which is of another network
 * namespace. Resolves with its pid when its output matches.
 */
export async function startLoose(
  node: LoginNode,
  user: string,
  script: string,
  ready = /^/,
): Promise<number> {
  const log = `/home/${user}/loose-${++loose}.log`;
  const start = `setsid bash -c ${quoted(script)} </dev/null >${log} 2>&1 & echo $!`;
  const as = ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--reset-env"];
  const pid = Number(await node.run([...as, "sh", "-c", start]));
  await until(async () => assert.match(await node.read(log), ready));
  return pid;
}

/** Holds a connection to a port with the greeting printed, as a script. */
export const holdScript = (port: number | string): string =>
  `exec 3<>/dev/tcp/127.0.0.1/${port}; read -r line <&3; echo "$line"; sleep 1000`;

export interface Attached {
  readonly ssh: SshClient;
  readonly client: Running;
  /** Ends the client, then its ssh connection. */
  readonly drop: () => Promise<void>;
}

export type Transport = "-L port" | "-L socket" | "-D";

/** A client of a stand-in through an ssh connection of its own; it has got the greeting when this resolves. */
export async function attach(
  node: LoginNode,
  server: { readonly at: string },
  { user = "alice", transport = "-L port" }: { user?: string; transport?: Transport } = {},
): Promise<Attached> {
  const port = node.nextPort();
  const target = transport === "-L socket" ? server.at : `127.0.0.1:${server.at}`;
  const options =
    transport === "-D" ? ["-N", "-D", `127.0.0.1:${port}`] : ["-N", "-L", `127.0.0.1:${port}:${target}`];
  const ssh = await node.ssh(user, null, { options });
  await ssh.session();
  await until(async () => assert.notEqual(await node.run(["ss", "-Htln", `sport = :${port}`]), ""));
  const client = await node.spawn(transport === "-D" ? holdThroughSocks(port, server.at) : holdPort(port));
  await client.waitOutput(/^hello$/m);
  const drop = async () => {
    client.kill("SIGKILL");
    await client.waitExit();
    await ssh.close();
  };
  return { ssh, client, drop };
}

/** The living processes of these users below their IDE folders; of all by default. */
export async function serverProcesses(node: LoginNode, ...users: readonly string[]): Promise<number[]> {
  const uids = (users.length > 0 ? users : Object.keys(UIDS)).map((user) => UIDS[user]);
  return (await node.processes())
    .filter((p) => uids.includes(p.uid) && p.args.includes("/.vscode-server/") && node.alive(p.pid))
    .map(({ pid }) => pid);
}

/** Ends every server process, after each scenario, so that a failed one is not the next one's failure. */
export async function endAll(node: LoginNode): Promise<void> {
  await until(async () => {
    const left = await serverProcesses(node);
    if (left.length > 0) await node.exec(["kill", "-KILL", ...left.map(String)]);
    assert.deepEqual(left, []);
  });
}

export async function extensionHostOf(node: LoginNode, server: RealServer): Promise<number> {
  return until(async () => {
    const found = (await node.processes()).find(
      (p) => p.args.includes("--type=extensionHost") && p.ppid === server.mainPid,
    );
    assert.ok(found, "no extensionHost");
    return found.pid;
  });
}

/** The processes of a tree that a log says were killed, in the order of its lines. */
export function killedIn(log: readonly string[], root: number): number[] {
  const at = log.findIndex((line) => line.includes(` process(es) under pid ${root} (uid `));
  const count = Number(/ Killed (\d+) process/.exec(log[at] ?? "")?.[1]);
  assert.ok(count > 0, `no tree of ${root} was ended:\n${log.join("\n")}`);
  return log.slice(at + 1, at + 1 + count).map((line) => Number(/^\S+ +(\d+) /.exec(line)?.[1]));
}
