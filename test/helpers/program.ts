// Runs the built program as a user would.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { HostDocument, TreeDocument } from "../../src/core/report/json.ts";

export const PROGRAM = resolve("dist/vscode-grim-reaper.cjs");

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
}

/** A program that runs longer hangs. Far more than a run takes, because the host may be busy. */
export const HANG_MS = 300_000;

/** Runs `vscode-grim-reaper ARGS` to its end. */
export function run(args: readonly string[], options: RunOptions = {}): Ran {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not built; build it: npm run build`);
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [PROGRAM, ...args], {
    encoding: "utf8",
    timeout: HANG_MS,
    maxBuffer: 64 * 1024 * 1024,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...options.env },
    ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** The same where it must succeed. */
export function succeeds(args: readonly string[], options: RunOptions = {}): Ran {
  const ran = run(args, options);
  assert.equal(ran.status, 0, `${args.join(" ")}: ${ran.stdout}${ran.stderr}`);
  return ran;
}

/** Runs a command beside others to its end. */
export async function start(command: string, args: readonly string[], uid?: number): Promise<Ran> {
  const identity = uid === undefined ? {} : { uid, gid: uid };
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], timeout: HANG_MS, ...identity });
  const ran = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      ran[stream] += text;
    });
  const [status] = (await once(child, "close")) as [number | null];
  return { ...ran, status };
}

const folders: string[] = [];

/** A new folder that is removed when the test file ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "reaper-test-"));
  folders.push(folder);
  return folder;
}

/** A file with this text in a temporary folder of its own. */
export function temporaryFile(name: string, text: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, text, { mode: 0o644 });
  return path;
}

/** A configuration file that every user may read: no grace, no settling, a short wait for puppets that do not fold on SIGTERM. */
export function config(more = ""): string {
  const file = temporaryFile("config.toml", `settle = "0s"\ngrace = "0"\ntermWait = "1s"\n${more}`);
  chmodSync(dirname(file), 0o755);
  return file;
}

/** What `list --json` says of the tree that holds a process, or undefined. */
export const treeOf = (pid: number, file = config()): TreeDocument | undefined =>
  listed(file).find(({ pids }) => pids.includes(pid));
export const listed = (file = config()): readonly TreeDocument[] =>
  (JSON.parse(run(["list", "--json", "-c", file]).stdout) as HostDocument).trees;

process.on("exit", () => {
  for (const folder of folders.splice(0)) spawnSync("rm", ["-rf", "--", folder]);
});
