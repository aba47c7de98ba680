// Costs of real processes: CPU time, file watches, and the limits of a user's slice.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { Proc } from "../../src/core/observation/process.ts";
import type { Tree } from "../../src/core/tree/tree.ts";
import { measureCosts } from "../../src/shell/costs/measure-costs.ts";
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

describe("file watches of several users", () => {
  /** One process in a /proc of our making, as a tree of its own: so many descriptors, one of them with 5 watches. */
  const one = (pid: number, uid: number, descriptors: number) => {
    for (const name of ["fd", "fdinfo"]) mkdirSync(join(folder, "proc", `${pid}`, name), { recursive: true });
    const put = (name: string, text: string): void =>
      writeFileSync(join(folder, "proc", `${pid}`, name), text);
    for (let fd = 0; fd < descriptors; fd++)
      symlinkSync(fd === 0 ? "anon_inode:inotify" : "/dev/null", join(folder, `proc/${pid}/fd/${fd}`));
    put("fdinfo/0", `pos:\t0\n${"inotify wd:1 ino:2 sdev:3 mask:4\n".repeat(5)}`);
    put("stat", `${pid} (node) S ${"1 ".repeat(49)}`);
    const root = { pid, startTime: 1, uid, rssKiB: 0, threads: 1 } as Proc;
    return { root, uid, members: [root] } as unknown as Tree;
  };
  /** A clock by which each descriptor takes a millisecond. */
  const clock = () => {
    let time = 0;
    return () => time++;
  };
  const measure = (trees: readonly Tree[], more = {}) =>
    measureCosts(trees, {
      procRoot: join(folder, "proc"),
      ticksPerSecond: 100,
      cgroupRoot: "/none",
      now: clock(),
      ...more,
    }).trees.map(({ inotifyWatches, cpuSeconds }) => [inotifyWatches, cpuSeconds]);

  test("one user's thousand descriptors use up 150 ms of their own, and nothing of another user's", () => {
    const trees = [one(11, 1, 20), one(12, 1, 1000), one(13, 1, 20), one(21, 2, 20)];
    assert.deepEqual(measure(trees), [
      [5, 0],
      [null, 0],
      [null, 0],
      [5, 0],
    ]);
    // Just within: 130 descriptors of both trees.
    assert.deepEqual(measure([one(31, 3, 100), one(32, 3, 30)]), [
      [5, 0],
      [5, 0],
    ]);
  });

  test("all users together have a budget as well", () => {
    assert.deepEqual(measure([one(41, 4, 60), one(51, 5, 60)], { budgetMs: 100 }), [
      [5, 0],
      [null, 0],
    ]);
  });
});

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
