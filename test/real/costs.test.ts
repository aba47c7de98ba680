// Costs of real processes: CPU time, file watches, and the limits of a user's slice.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { readProcess } from "../../src/shell/costs/read-process.ts";
import { readSlice } from "../../src/shell/costs/read-slice.ts";
import { until } from "../helpers/until.ts";

const WATCHES = 300;
const folder = mkdtempSync(join(tmpdir(), "reaper-costs-"));
const children: ChildProcess[] = [];
const never = (): boolean => false;

/** A Node.js that watches folders, uses up some CPU time, and says when it is ready. */
async function watcher(): Promise<{ pid: number; startTime: number }> {
  for (let i = 0; i < WATCHES; i++) mkdirSync(join(folder, `watched-${i}`), { recursive: true });
  const script = `
    const fs = require("node:fs");
    for (let i = 0; i < ${WATCHES}; i++) fs.watch(${JSON.stringify(folder)} + "/watched-" + i, () => {});
    const end = process.cpuUsage().user + 400000;
    while (process.cpuUsage().user < end);
    fs.writeFileSync(${JSON.stringify(join(folder, "ready"))}, "");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["-e", script], { stdio: "ignore" });
  children.push(child);
  await until(() => readFileSync(join(folder, "ready")), { timeoutMs: 30_000 });
  const pid = child.pid ?? 0;
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return { pid, startTime: Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]) };
}

describe("costs of a real process", () => {
  after(() => {
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  test("CPU time and file watches are read, for this very process only", async () => {
    const id = await watcher();
    const costs = readProcess("/proc", id, 100, never);
    assert.equal(costs.inotifyWatches, WATCHES);
    assert.ok((costs.cpuMs ?? 0) >= 400 && (costs.cpuMs ?? 0) < 60_000, String(costs.cpuMs));
    const recycled = readProcess("/proc", { ...id, startTime: id.startTime + 1 }, 100, never);
    assert.deepEqual(recycled, { cpuMs: null, inotifyWatches: null });
    const late = readProcess("/proc", id, 100, () => true);
    assert.equal(late.inotifyWatches, null);
    assert.ok((late.cpuMs ?? 0) >= 400, "CPU time is one read, and always in time");
    assert.deepEqual(readProcess("/proc", { pid: 2 ** 22 + 1, startTime: 1 }, 100, never), {
      cpuMs: null,
      inotifyWatches: null,
    });
  });

  test("a slice is read from version 2, or from version 1", () => {
    const put = (path: string, text: string): void => {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), text);
    };
    put("v2/user.slice/user-7.slice/pids.current", "480\n");
    put("v2/user.slice/user-7.slice/pids.max", "500\n");
    put("v2/user.slice/user-7.slice/memory.current", "1048576\n");
    put("v2/user.slice/user-7.slice/memory.max", "max\n");
    put("v1/pids/user.slice/user-7.slice/pids.current", "3\n");
    put("v1/pids/user.slice/user-7.slice/pids.max", "max\n");
    put("v1/memory/user.slice/user-7.slice/memory.usage_in_bytes", "2048\n");
    put("v1/memory/user.slice/user-7.slice/memory.limit_in_bytes", "4096\n");
    assert.deepEqual(readSlice(7, "/proc", join(folder, "v2")), {
      tasks: { used: 480, limit: 500 },
      sliceMemoryKiB: { used: 1024, limit: null },
      maxWatches: Number(readFileSync("/proc/sys/fs/inotify/max_user_watches", "utf8")),
    });
    assert.deepEqual(readSlice(7, "/none", join(folder, "v1")), {
      tasks: { used: 3, limit: null },
      sliceMemoryKiB: { used: 2, limit: 4 },
      maxWatches: null,
    });
    assert.deepEqual(readSlice(8, "/none", join(folder, "v1")).tasks, { used: null, limit: null });
  });
});
