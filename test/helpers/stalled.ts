// A process whose command line cannot be read: native/test/stalled_fuse.cc says how it comes about.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

export interface Stalled {
  /** Holds the lock of its address space for as long as the file system stands. */
  readonly pid: number;
  /** A healthy child of it, which ignores SIGTERM. */
  readonly child: number;
}

export interface StalledFileSystem {
  /** Starts `exe argv…` as this user, adopted by pid 1, and waits until it is stuck. */
  start(exe: string, argv: readonly string[], uid: number): Promise<Stalled>;
  /** Ends everything: the connection is aborted, and what waited on it wakes. */
  end(): Promise<void>;
}

/** Puts the stalling program at `exe`, for anybody to execute. */
export function installStalled(exe: string): void {
  mkdirSync(dirname(exe), { recursive: true });
  copyFileSync(binary(), exe);
  chmodSync(exe, 0o755);
}

/** Mounts a file system that never answers a write. Root only, in a mount namespace of the test's own. */
export async function mountStalled(): Promise<StalledFileSystem> {
  const folder = mkdtempSync(join(tmpdir(), "reaper-stalled-"));
  chmodSync(folder, 0o755);
  const server = spawn(binary(), ["--serve", folder], { stdio: ["pipe", "pipe", "inherit"] });
  const line = await firstLine(server.stdout);
  if (line !== "ready") throw new Error(`stalled_fuse: ${line}`);
  const started: Stalled[] = [];
  return {
    start: async (exe, argv, uid) => {
      const stalled = await startStalled(join(folder, String(started.length + 1)), exe, argv, uid);
      started.push(stalled);
      return stalled;
    },
    end: () => endServer(server, folder, started),
  };
}

/** True when `cat` cannot read the command line within a second; it is killed then. */
export function hangsReaders(pid: number): boolean {
  return spawnSync("timeout", ["-s", "KILL", "1", "cat", `/proc/${pid}/cmdline`]).signal === "SIGKILL";
}

async function firstLine(stream: Readable): Promise<string> {
  const [line] = await once(createInterface({ input: stream }), "line", {
    signal: AbortSignal.timeout(10_000),
  });
  return String(line);
}

const binary = (): string => join(dirname(puppetBinary()), "stalled_fuse");

async function startStalled(
  file: string,
  exe: string,
  argv: readonly string[],
  uid: number,
): Promise<Stalled> {
  // A file, not a pipe: Node's are socket pairs, and a tree with an open socket is another matter.
  const said = join(mkdtempSync(join(tmpdir(), "reaper-said-")), "pids");
  const output = openSync(said, "w");
  const launcher = spawn(exe, argv, {
    cwd: "/",
    env: { STALL: file },
    uid,
    gid: uid,
    stdio: ["ignore", output, output],
  });
  await once(launcher, "exit");
  closeSync(output);
  await eventually(() => readFileSync(said, "utf8").endsWith("\n"), `${exe} says who it is`);
  const [pid = -1, child = -1] = readFileSync(said, "utf8").split(" ").map(Number);
  rmSync(dirname(said), { recursive: true });
  await eventually(
    () => readdirSync(`/proc/${pid}/task`).some((thread) => isWaiting(`/proc/${pid}/task/${thread}`)),
    `${pid} gets stuck`,
  );
  return { pid, child };
}

const isWaiting = (folder: string): boolean => /^State:\tD/m.test(readFileSync(`${folder}/status`, "utf8"));

async function endServer(server: ChildProcess, folder: string, started: readonly Stalled[]): Promise<void> {
  for (const { pid, child } of started) {
    // The pids are still these processes' own: only pid 1 of this namespace collects them, and both wait
    // for a signal or for the file system.
    for (const each of [child, pid]) if (existsSync(`/proc/${each}`)) process.kill(each, "SIGKILL");
  }
  server.stdin?.end();
  if (server.exitCode === null) await once(server, "exit");
  for (const { pid, child } of started)
    await eventually(() => [pid, child].every((each) => !existsSync(`/proc/${each}`)), `${pid} wakes`);
  rmdirSync(folder);
}

import { puppetBinary } from "./puppet.ts";
import { eventually } from "./real.ts";
