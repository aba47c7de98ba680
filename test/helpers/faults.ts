// A host in trouble: three neighbours that a sweep must tell apart whatever fails, and ways to make things fail.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, beforeEach } from "node:test";
import { bareServer, COMMIT, puppetNamed, sleeper } from "./ide-trees.ts";
import { HANG_MS, PROGRAM, type Ran, run, temporaryFile } from "./program.ts";
import { living, type PlanNode, type Stage, startTree } from "./puppet.ts";
import { eventually, makeHome, USER } from "./real.ts";

export const RUN_FOLDER = "/run/vscode-grim-reaper";

/** No grace; the orphans here do not hear SIGTERM, so a longer wait would only pass time. */
export const config = (more = ""): string =>
  temporaryFile("config.toml", `settle = "0s"\ngrace = "0"\ntermWait = "0"\n${more}`);

const ORPHAN = ["server", "worker", "helper", "shell"];
const SPARED = ["used", "used-worker", "sshd", "ssh-session", "bystander"];

/** A server without a client: a worker, a helper of it, and a shell that only its parents make the tree's. */
function orphan(): PlanNode {
  const home = makeHome(USER);
  const behaviours = ["ignore-term"] as const;
  const exe = join(home, ".vscode-server", "bin", COMMIT, "node");
  const node = { uid: USER, exe, behaviours };
  const shell: PlanNode = {
    ...sleeper(home, "shell", ["bash"], USER),
    behaviours: ["ignore-term", "setsid"],
  };
  const helper: PlanNode = { ...node, name: "helper", argv: [exe, "extensions/markdown/serverWorkerMain"] };
  const argv = [exe, join(exe, "../out/bootstrap-fork"), "--type=ptyHost"];
  return bareServer(home, USER, behaviours, [{ ...node, name: "worker", argv, children: [helper, shell] }]);
}

/** The same user's other server, with an ssh session connected to it, and a program of that user's. */
function neighbours(): PlanNode[] {
  const home = makeHome(USER);
  const exe = join(home, ".vscode-server", "bin", COMMIT, "node");
  const argv = [exe, join(exe, "../out/bootstrap-fork"), "--type=extensionHost"];
  const worker: PlanNode = { name: "used-worker", uid: USER, exe, argv };
  const host = makeHome();
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
    { ...bareServer(home, USER, ["tcp-listen"], [worker]), name: "used" },
    { name: "sshd", uid: 0, exe: sshd, argv: ["sshd: alice [priv]"], children: [session] },
    { ...sleeper(home, "bystander", ["vim", ".vscode-server/settings.json"], USER), behaviours: ["daemon"] },
  ];
}

/** The neighbours, started once, and an orphan beside them, started anew whenever the last one has ended. */
export class Host {
  #neighbours: Stage | undefined;
  #orphan: Stage | undefined;

  /** To be called where the tests of a file are registered; each test begins with a whole orphan. */
  constructor() {
    before(async () => {
      this.#neighbours = await startTree(neighbours(), { endAfterTest: false });
      assert.deepEqual(living(this.neighbours), SPARED);
    });
    beforeEach(() => this.renew());
    after(async () => {
      await this.#orphan?.end();
      await this.#neighbours?.end();
    });
  }

  get neighbours(): Stage {
    assert.ok(this.#neighbours);
    return this.#neighbours;
  }

  get orphan(): Stage {
    assert.ok(this.#orphan);
    return this.#orphan;
  }

  /** A whole orphan again. */
  async renew(): Promise<void> {
    if (this.#orphan && living(this.#orphan).length === ORPHAN.length) return;
    await this.#orphan?.end();
    this.#orphan = await startTree(orphan(), { endAfterTest: false });
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

/** Waits until a process is older than a grace of one second. */
export const outgrow = ({ startTime }: { readonly startTime: number }): Promise<void> =>
  eventually(() => uptime() > startTime * 10 + 1000, "it is older than its grace");

/** As if what the last sweep saw had been at the boot. */
export function ageStates(): void {
  const file = `${RUN_FOLDER}/states.json`;
  writeFileSync(file, readFileSync(file, "utf8").replace(/"(usedAt|orphanAt)":\d[^,}]*/g, '"$1":1'));
}

/** Milliseconds since boot. */
const uptime = (): number => Math.round(Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000);

/** A tag as the hook writes it. "At boot": before the orphan started, so that it does not count. */
export function writeTag(
  folder: string,
  { closed, bootId, uid = USER }: { closed: "now" | "at boot"; bootId?: string; uid?: number },
): string {
  const tag = {
    schemaVersion: 1,
    bootId: bootId ?? readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    uid,
    auditSession: null,
    logindSession: null,
    closedAt: closed === "now" ? Date.now() : 1,
    closedUptime: closed === "now" ? uptime() : 1,
    remoteHost: null,
  };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(dirname(folder), 0o700);
  const file = join(folder, `${uid}.json`);
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

/** Compiles a C source for this machine; its path. */
export function compile(source: string, ...flags: readonly string[]): string {
  const output = join(dirname(temporaryFile("log", "")), "out");
  const warnings = ["-O1", "-Wall", "-Wextra", "-Werror"];
  execFileSync("cc", [...warnings, ...flags, "-o", output, source]);
  return output;
}
