// A host in trouble: three neighbours that a sweep must tell apart whatever fails, and ways to make things fail.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export const PROGRAM = resolve("dist/vscode-grim-reaper.cjs");
export const RUN_FOLDER = "/run/vscode-grim-reaper";

/** No grace; the orphans here do not hear SIGTERM, so a longer wait would only pass time. */
export const config = (more = ""): string =>
  temporaryFile("config.toml", `settle = "0s"\ngrace = "0"\ntermWait = "0"\n${more}`);

const ORPHAN = ["server", "worker", "helper", "shell"];
const SPARED = ["used", "used-worker", "sshd", "ssh-session", "bystander"];

/** A server without a client: a worker, a helper of it, and a shell that only its parents make the tree's. */
function orphan(): PlanNode {
  const home = makeHome(USER);
  const root = join(home, ".vscode-server", "bin", COMMIT);
  const node = (name: string, script: string, more: Partial<PlanNode>, args: string[] = []): PlanNode => {
    const exe = join(root, "node");
    const behaviours = ["ignore-term"] as const;
    return { name, uid: USER, exe, argv: [exe, join(root, script), ...args], behaviours, ...more };
  };
  const shell: PlanNode = {
    ...sleeper(home, "shell", ["bash"], USER),
    behaviours: ["ignore-term", "setsid"],
  };
  const helper = node("helper", "extensions/markdown/serverWorkerMain", {});
  const worker = node("worker", "out/bootstrap-fork", { children: [helper, shell] }, ["--type=ptyHost"]);
  return bareServer(home, USER, ["ignore-term"], [worker]);
}

/** The same user's other server, with an ssh session connected to it, and a program of that user's. */
function neighbours(): PlanNode[] {
  const home = makeHome(USER);
  const host = makeHome();
  spawnSync("chmod", ["-R", "a+rX", host]);
  const used = bareServer(home, USER, ["tcp-listen"]);
  const exe = join(home, ".vscode-server", "bin", COMMIT, "node");
  const argv = [exe, join(exe, "../out/bootstrap-fork"), "--type=extensionHost"];
  const sshd = puppetNamed(host, "sshd");
  spawnSync("chmod", ["-R", "a+rX", host]);
  const session: PlanNode = {
    name: "ssh-session",
    uid: USER,
    exe: sshd,
    argv: ["sshd-session: alice@notty"],
    behaviours: ["tcp-connect=@used"],
  };
  return [
    { ...used, name: "used", children: [{ name: "used-worker", uid: USER, exe, argv }] },
    { name: "sshd", uid: 0, exe: sshd, argv: ["sshd: alice [priv]"], children: [session] },
    { ...sleeper(home, "bystander", ["vim", ".vscode-server/settings.json"], USER), behaviours: ["daemon"] },
  ];
}

/** The neighbours, started once, and an orphan beside them, started anew whenever the last one has ended. */
export class Host {
  readonly neighbours: Stage;
  orphan: Stage;

  private constructor(neighbours: Stage, orphan: Stage) {
    this.neighbours = neighbours;
    this.orphan = orphan;
  }

  static async start(): Promise<Host> {
    const stage = await startTree(neighbours(), { endAfterTest: false });
    assert.deepEqual(living(stage), SPARED);
    return new Host(stage, await startTree(orphan(), { endAfterTest: false }));
  }

  async end(): Promise<void> {
    await this.orphan.end();
    await this.neighbours.end();
  }

  /** A whole orphan again. */
  async renew(): Promise<void> {
    if (living(this.orphan).length === ORPHAN.length) return;
    await this.orphan.end();
    this.orphan = await startTree(orphan(), { endAfterTest: false });
  }

  /** Whoever is in use or a stranger lives; the orphan is whole, gone, or (null) what the fault left of it. */
  assertSound(orphanLives: boolean | null, said: string): void {
    assert.deepEqual(living(this.neighbours), SPARED, `a wrong kill: ${said}`);
    if (orphanLives !== null) assert.deepEqual(living(this.orphan), orphanLives ? ORPHAN : [], said);
  }

  get orphanIsGone(): boolean {
    return living(this.orphan).length === 0;
  }

  /** The fault is over: the next sweep ends the orphan, all of it, and is content. */
  heal(args: readonly string[] = []): void {
    const swept = run(["-v", "-c", config(), ...args]);
    assert.equal(swept.status, 0, swept.stderr);
    this.assertSound(false, swept.stderr);
  }
}

const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** A tag of the user, as the hook writes it. "At boot": before the orphan started, so that it does not count. */
export function writeTag(
  folder: string,
  { closed, bootId }: { closed: "now" | "at boot"; bootId?: string },
): string {
  const uptime = Math.round(Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000);
  const tag = {
    schemaVersion: 1,
    bootId: bootId ?? readFileSync(BOOT_ID, "utf8").trim(),
    uid: USER,
    auditSession: null,
    logindSession: null,
    closedAt: closed === "now" ? Date.now() : 1,
    closedUptime: closed === "now" ? uptime : 1,
    remoteHost: null,
  };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(dirname(folder), 0o700);
  const file = join(folder, `${USER}.json`);
  writeFileSync(file, `${JSON.stringify(tag)}\n`, { mode: 0o600 });
  return file;
}

export interface Trouble {
  /** Shell text run first, in a mount namespace of its own; a failing line there fails the test. */
  readonly before?: string;
  /** The program runs below this command. */
  readonly under?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Node itself may be ended by a signal: it does so when it cannot start. */
  readonly mayDie?: boolean;
  /** In place of the built program. */
  readonly program?: string;
}

const SETUP_FAILED = 99;

/** Runs `vscode-grim-reaper ARGS` in trouble. */
export function runIn(
  { before = "true", under = [], env = {}, mayDie = false, program }: Trouble,
  args: readonly string[],
): Ran {
  const script = `set -e\ntrap 'exit ${SETUP_FAILED}' EXIT\n${before}\ntrap - EXIT\nexec "$@"`;
  const command = [...under, process.execPath, program ?? PROGRAM, ...args];
  const { status, signal, stdout, stderr, error } = spawnSync(
    "unshare",
    ["--mount", "--propagation", "private", "/bin/sh", "-c", script, "sh", ...command],
    {
      encoding: "utf8",
      timeout: HANG_MS,
      killSignal: "SIGKILL",
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env },
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  if (error) throw error;
  assert.notEqual(status, SETUP_FAILED, `the trouble could not be made: ${stderr}`);
  assert.ok(signal === null || mayDie, `ended by ${signal}: ${stderr}`);
  return { status, stdout, stderr };
}

/** Checks a failing sweep: this status, these words, no stack trace, and every process lives. */
export function assertRefused(host: Host, ran: Ran, says: RegExp, status = 1): void {
  assert.match(ran.stderr, says);
  assert.doesNotMatch(ran.stderr, /^vscode-grim-reaper: +at /m, "a stack trace is not a message");
  assert.equal(ran.status, status, ran.stderr);
  host.assertSound(true, ran.stderr);
}

const folders: string[] = [];

/** Compiles a C source of test/real for this machine; its path. */
export function compile(source: string, ...flags: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "reaper-built-"));
  folders.push(folder);
  const output = join(folder, "out");
  execFileSync("cc", [
    "-O1",
    "-Wall",
    "-Wextra",
    "-Werror",
    ...flags,
    "-o",
    output,
    join("test/real", source),
  ]);
  return output;
}

process.on("exit", () => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

import { bareServer, COMMIT, puppetNamed, sleeper } from "./ide-trees.ts";
import { HANG_MS, type Ran, run, temporaryFile } from "./program.ts";
import { living, type PlanNode, type Stage, startTree } from "./puppet.ts";
import { makeHome, USER } from "./real.ts";
