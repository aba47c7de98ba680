// A sweep that ends at any step: asked to (SIGTERM) or not (SIGKILL). Nobody else is hurt, nothing is torn, nothing
// stays stopped that could have been let go, and the next sweep finishes the work.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs, { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { NO_ACCOUNTS } from "../../src/core/verdict/exemption.ts";
import { UNFORCED } from "../../src/core/verdict/judge.ts";
import { loadConfig } from "../../src/shell/config.ts";
import { loadNative, type Native } from "../../src/shell/host/native.ts";
import { openLog, STDERR } from "../../src/shell/output/log.ts";
import { heedInterrupts } from "../../src/shell/reap/on-termination.ts";
import { prepareFolder } from "../../src/shell/store/safe-files.ts";
import { readTags } from "../../src/shell/store/tags.ts";
import { observeAndJudge, sweep } from "../../src/sweep/sweep.ts";
import { config, Host, RUN_FOLDER, writeTag } from "../helpers/faults.ts";
import { readStat } from "../helpers/proc-read.ts";
import { isAlive } from "../helpers/puppet.ts";
import { eventually, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

const TAGS = join(RUN_FOLDER, "tags");
const STATES = join(RUN_FOLDER, "states.json");
const BOOT_ID = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
type End = "SIGTERM" | "SIGKILL";

/** In the child: one sweep that ends at its `at`-th step by this signal, and says how many steps there were. */
async function drive(at: number, end: End, file: string): Promise<void> {
  let steps = 0;
  const step = (what: string): void => {
    steps += 1;
    if (steps !== at) return;
    fs.writeSync(1, `at ${what}\n`);
    process.kill(process.pid, end);
  };
  const native = stepped(loadNative(), step);
  for (const name of ["openSync", "writeFileSync", "renameSync", "rmSync", "mkdirSync"] as const) {
    const real = fs[name] as (...given: unknown[]) => unknown;
    Object.assign(fs, {
      [name]: (...given: unknown[]): unknown => {
        step(`${name} ${String(given[0])}`);
        return real(...given);
      },
    });
  }
  syncBuiltinESMExports();
  prepareFolder(RUN_FOLDER, 0o700);
  assert.equal(native.lock(join(RUN_FOLDER, "lock")), "acquired");
  const log = openLog({ format: "standard", to: STDERR, verbosity: 2 });
  const { policy } = loadConfig(file);
  const options = { ...UNFORCED, uids: [USER] };
  const context = { policy, accounts: NO_ACCOUNTS, today: "2026-01-01", options };
  const { stop, obey } = heedInterrupts();
  const waits = { wait: async () => {}, holdSignals: async () => {}, stop };
  const ports = { native, log, runFolder: RUN_FOLDER, ...waits, keepsAccount: false };
  const request = { context, dryRun: false, settle: 0, uids: [USER] };
  const { failed } = await sweep(ports, request, await observeAndJudge(ports, request));
  process.exitCode = failed ? 1 : 0;
  fs.writeSync(1, `steps ${steps}\n`);
  obey();
}

/** The addon with a step before each of its calls, and one more while it works on its own thread. */
function stepped(native: Native, step: (what: string) => void): Native {
  return new Proxy(native, {
    get:
      (target, name: keyof Native) =>
      (...given: unknown[]) => {
        step(name === "signal" ? `signal ${String(given[2])}` : name);
        const result = (target[name] as (...given: unknown[]) => unknown)(...given);
        if (result instanceof Promise) step(`${name}, begun`);
        return result;
      },
  });
}

/** Runs the sweep of `drive` in a process of its own. */
function runUntil(at: number, end: End, file: string): ReturnType<typeof spawnSync> & { stdout: string } {
  const env = { ...process.env, REAPER_END_AT: `${at} ${end} ${file}` };
  const limits = { timeout: 300_000, killSignal: "SIGABRT" } as const;
  const argv = ["--enable-source-maps", fileURLToPath(import.meta.url)];
  const ran = spawnSync(process.execPath, argv, { encoding: "utf8", ...limits, env });
  if (ran.error) throw ran.error;
  return ran;
}

/** The folder as the hook and an earlier sweep leave it: the orphan has a tag, and another tree a state. */
function writeState(): void {
  rmSync(RUN_FOLDER, { recursive: true, force: true });
  writeTag(TAGS, { closed: "at boot" });
  const states = [{ pid: 3_999_999, startTime: 1, uid: USER, usedAt: null, orphanAt: 1 }];
  const text = JSON.stringify({ schemaVersion: 1, bootId: BOOT_ID, states, lastSweepAt: 1, survivors: [] });
  writeFileSync(STATES, `${text}\n`, { mode: 0o600 });
}

function assertStateWhole(where: string): void {
  assert.deepEqual(readTags(RUN_FOLDER, BOOT_ID).faults, [], where);
  if (existsSync(STATES)) assert.doesNotThrow(() => JSON.parse(readFileSync(STATES, "utf8")), where);
}

function insideNamespace(): void {
  const file = config("");
  const host = new Host();

  for (const lane of ["SIGTERM", "SIGKILL"] as const)
    test(`${lane} at every step of a sweep`, async (t) => {
      writeState();
      const whole = runUntil(0, lane, file);
      assert.equal(whole.status, 0, String(whole.stderr));
      host.assertSound(false, String(whole.stderr));
      const steps = Number(/^steps (\d+)$/m.exec(whole.stdout)?.[1]);
      assert.ok(steps > 40, `${steps} steps`);
      let left = 0;
      let ends = 0;
      for (let at = 1; at <= steps; at++) {
        await host.renew();
        writeState();
        const ran = runUntil(at, lane, file);
        const where = `step ${at}: ${ran.stdout}${ran.stderr}`;
        // Asked to end in its very last steps, a sweep may be done first; and one has fewer steps than another.
        if (ran.status === 0) assert.ok(host.orphanIsGone, where);
        else assert.equal(ran.signal, lane, where);
        ends += ran.status === 0 ? 0 : 1;
        host.assertSound(null, where);
        assertStateWhole(where);
        if (lane === "SIGTERM")
          await eventually(
            () => host.orphan.nodes.every((node) => !isAlive(node) || readStat(node.pid).state !== "T"),
            `all run on: ${where}`,
          );
        left += host.orphanIsGone ? 0 : 1;
        host.heal();
        assertStateWhole(where);
      }
      // After the last signals a sweep does not come back to hear SIGTERM before it is done.
      const fewest = lane === "SIGKILL" ? steps - 3 : steps / 2;
      assert.ok(ends >= fewest, `only ${ends} of ${steps} sweeps were ended`);
      t.diagnostic(`${ends} ended at ${steps} steps, ${left} unfinished`);
    });
}

const [at, end, file] = process.env.REAPER_END_AT?.split(" ") ?? [];
if (at && end && file) await drive(Number(at), end as End, file);
else insidePidNamespace(import.meta.url, "a sweep ended at every step", insideNamespace);
