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

describe("environNames and pss", () => {
  after(() => {
    for (const child of children) child.stdin?.end();
  });

  it("tell which names a process has, never a value, and its share of memory", async () => {
    const job = await start({ SLURM_JOB_ID: "s3cr3t", PATH: "/bin:/usr/bin" });
    const plain = await start({ NOT_PBS_JOBID: "1", PATH: "/bin:/usr/bin" });
    const processes = [job, plain].map((id) => ({ ...id, uid: ownUid }));
    const found = await native.environNames({ ...within, processes, names });
    assert.deepEqual(found, {
      results: [
        { ...job, names: ["SLURM_JOB_ID"] },
        { ...plain, names: [] },
      ],
      faults: [],
    });
    const { results, faults } = await native.pss({ ...within, processes: [job, plain] });
    assert.deepEqual(faults, []);
    for (const { pssKiB } of results)
      assert.ok(pssKiB !== null && pssKiB > 0 && pssKiB < 100_000, `${pssKiB}`);
  });

  it("a recycled pid and one that is gone are null, and no fault", async () => {
    const { pid, startTime } = await start({ SLURM_JOB_ID: "1" });
    const processes = [
      { pid, startTime: startTime - 1 },
      { pid: 2 ** 22 - 1, startTime: 1 },
    ];
    const environs = await native.environNames({ ...within, processes, names });
    assert.deepEqual(environs, { results: processes.map((id) => ({ ...id, names: null })), faults: [] });
    const weights = await native.pss({ ...within, processes });
    assert.deepEqual(weights, { results: processes.map((id) => ({ ...id, pssKiB: null })), faults: [] });
  });

  it("reject with the proc root that cannot be opened, and name the wrong argument", async () => {
    const nowhere = { ...within, procRoot: "/nonexistent", processes: [] };
    await assert.rejects(native.pss(nowhere), { code: "ENOENT" });
    await assert.rejects(native.environNames({ ...nowhere, names }), { code: "ENOENT" });
    await assert.rejects(native.environNames({ ...within, processes: [], names: ["A=B"] }), {
      code: "EINVAL",
    });
    const call = native.environNames as (...given: unknown[]) => unknown;
    const wrong: [unknown, RegExp][] = [
      [undefined, /^options must be/],
      [{ ...within, processes: [{ pid: 1 }], names }, /options\.processes\[0\]\.startTime/],
      [{ ...within, processes: [{ pid: 1, startTime: 1, uid: "0" }], names }, /options\.processes\[0\]\.uid/],
      [{ ...within, processes: [], names: [1] }, /options\.names\[0\]/],
      [{ ...within, budgetMs: -1, processes: [], names }, /options\.budgetMs/],
    ];
    for (const [given, message] of wrong) assert.throws(() => call(given), { name: "TypeError", message });
  });
});
