// What explain adds from the machine: the file watches of real processes, and the limits of a user's slice.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { countWatches, readLimits } from "../../../src/tools/shell/limits.ts";
import { HANG_MS, temporaryFolder } from "../../helpers/program.ts";
import { until } from "../../helpers/until.ts";

const WATCHES = 1500;
const folder = temporaryFolder();

function put(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

test("the file watches of a real process are counted, in time and of all processes", async () => {
  // A watch for each folder: inotify knows the same folder again.
  for (let i = 0; i < WATCHES; i++) mkdirSync(join(folder, `watched-${i}`));
  const script = `
    const fs = require("node:fs");
    for (let i = 0; i < ${WATCHES}; i++) fs.watch(${JSON.stringify(folder)} + "/watched-" + i, () => {});
    fs.writeFileSync(${JSON.stringify(join(folder, "ready"))}, "");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["-e", script], { stdio: "ignore" });
  try {
    await until(() => readFileSync(join(folder, "ready")), { timeoutMs: 30_000 });
    const watcher = { pid: child.pid ?? 0, startTime: 0 };
    // A descriptor that it closes meanwhile cannot be read.
    await until(() => assert.equal(countWatches([watcher], HANG_MS), WATCHES));
    const gone = { pid: 2 ** 22 + 1, startTime: 1 };
    assert.equal(countWatches([watcher, gone], HANG_MS), null, "a part is not the whole");
    assert.equal(countWatches([watcher], 1), null, "not in time");
    assert.equal(countWatches([{ pid: process.ppid, startTime: 1 }], HANG_MS), 0);
  } finally {
    child.kill("SIGKILL");
  }
});

test("a slice is read from version 2, or from version 1", () => {
  put("v2/user.slice/user-7.slice/pids.current", "480\n");
  put("v2/user.slice/user-7.slice/pids.max", "500\n");
  put("v2/user.slice/user-7.slice/memory.current", "1048576\n");
  put("v2/user.slice/user-7.slice/memory.max", "max\n");
  put("v1/pids/user.slice/user-7.slice/pids.current", "3\n");
  put("v1/pids/user.slice/user-7.slice/pids.max", "max\n");
  put("v1/memory/user.slice/user-7.slice/memory.usage_in_bytes", "2048\n");
  put("v1/memory/user.slice/user-7.slice/memory.limit_in_bytes", "9223372036854771712\n");
  const read = (version: string, uid = 7) => readLimits(uid, join(folder, version));
  assert.deepEqual(read("v2"), {
    uid: 7,
    tasks: { used: 480, limit: 500 },
    memoryKiB: { used: 1024, limit: null },
  });
  assert.deepEqual(read("v1"), {
    uid: 7,
    tasks: { used: 3, limit: null },
    memoryKiB: { used: 2, limit: null },
  });
  assert.deepEqual(read("v1", 8).tasks, { used: null, limit: null });
});
