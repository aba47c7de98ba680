import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, describe, it } from "node:test";
import type { ProcId } from "../../src/core/observation/process.ts";
import { loadNative } from "../../src/shell/host/native.ts";
import { ownUid } from "../helpers/proc-folder.ts";
import { readStat } from "../helpers/proc-read.ts";

const native = loadNative();
const children: ChildProcess[] = [];
const within = { procRoot: "/proc", timeoutMs: 1000, budgetMs: 5000 };
const names = ["SLURM_JOB_ID", "PBS_JOBID"];

/** A child with this environment, once it runs. */
async function start(env: Record<string, string>): Promise<ProcId> {
  const child = spawn("/bin/sh", ["-c", "echo ready; exec cat"], { env, stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  await once(child.stdout, "data");
  return { pid: child.pid ?? -1, startTime: readStat(child.pid ?? -1).startTime };
}

describe("environNames", () => {
  after(() => {
    for (const child of children) child.stdin?.end();
  });

  it("returns the names that a process has, never a value", async () => {
    const job = await start({ SLURM_JOB_ID: "s3cr3t", PATH: "/bin:/usr/bin" });
    const plain = await start({ NOT_PBS_JOBID: "1", PATH: "/bin:/usr/bin" });
    const processes = [job, plain].map((id) => ({ ...id, uid: ownUid }));
    const found = await native.environNames({ ...within, processes, names });
    assert.deepEqual(found, { results: [["SLURM_JOB_ID"], []], faults: [] });
  });

  it("returns null for a recycled pid and for one that is gone, without a fault", async () => {
    const { pid, startTime } = await start({ SLURM_JOB_ID: "1" });
    const processes = [
      { pid, startTime: startTime - 1 },
      { pid: 2 ** 22 - 1, startTime: 1 },
    ];
    const asked = processes.map((id) => ({ ...id, uid: ownUid }));
    const environs = await native.environNames({ ...within, processes: asked, names });
    assert.deepEqual(environs, { results: [null, null], faults: [] });
  });

  it("rejects a proc root that cannot be opened, and names a wrong argument", async () => {
    const nowhere = { ...within, procRoot: "/nonexistent", processes: [] };
    await assert.rejects(native.environNames({ ...nowhere, names }), { code: "ENOENT" });
    await assert.rejects(native.environNames({ ...within, processes: [], names: ["A=B"] }), {
      code: "EINVAL",
    });
    const call = native.environNames as (...given: unknown[]) => unknown;
    const wrong: [unknown, RegExp][] = [
      [undefined, /^options must be/],
      [{ ...within, processes: [{ pid: 1 }], names }, /options\.processes\[0\]\.startTime/],
      [{ ...within, processes: [{ pid: 1, startTime: 1 }], names }, /options\.processes\[0\]\.uid/],
      [{ ...within, processes: [{ pid: 1, startTime: 1, uid: "0" }], names }, /options\.processes\[0\]\.uid/],
      [{ ...within, processes: [], names: [1] }, /options\.names\[0\]/],
      [{ ...within, owners: [{ first: 1 }], processes: [], names }, /options\.owners\[0\]\.count/],
      [{ ...within, budgetMs: -1, processes: [], names }, /options\.budgetMs/],
    ];
    for (const [given, message] of wrong) assert.throws(() => call(given), { name: "TypeError", message });
  });
});
