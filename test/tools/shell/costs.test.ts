// What explain adds from the machine: the file watches of real processes, and the limits of a user's slice.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { readLimits } from "../../../src/tools/shell/limits.ts";
import { countWatches } from "../../../src/tools/shell/watches.ts";
import { until } from "../../helpers/until.ts";

const WATCHES = 1500;
const folder = mkdtempSync(join(tmpdir(), "reaper-costs-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

test("the file watches of a real process are counted, more than one piece of the kernel's text", async () => {
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
    assert.equal(countWatches([watcher]), WATCHES);
    assert.equal(
      countWatches([watcher, { pid: 2 ** 22 + 1, startTime: 1 }]),
      null,
      "a part is not the whole",
    );
  } finally {
    child.kill("SIGKILL");
  }
});

test("a process with a million descriptors or watches is not counted", () => {
  const made = (pid: number, descriptors: number, watches: number): { pid: number; startTime: number } => {
    mkdirSync(join(folder, `proc/${pid}/fd`), { recursive: true });
    for (let fd = 0; fd < descriptors; fd++)
      symlinkSync(fd === 0 ? "anon_inode:inotify" : "/dev/null", join(folder, `proc/${pid}/fd/${fd}`));
    put(`proc/${pid}/fdinfo/0`, `pos:\t0\n${"inotify wd:1 ino:2 sdev:3 mask:4\n".repeat(watches)}`);
    return { pid, startTime: 1 };
  };
  /** A clock by which each question takes a millisecond. */
  const clock = () => {
    let time = 0;
    return () => time++;
  };
  const count = (one: { pid: number; startTime: number }) =>
    countWatches([one], join(folder, "proc"), clock());
  assert.equal(count(made(11, 400, 5)), 5);
  assert.equal(count(made(12, 600, 5)), null, "not in time");
  assert.equal(
    countWatches([made(13, 4097, 5)], join(folder, "proc"), () => 0),
    null,
  );
  assert.equal(count(made(14, 1, 1_200_000)), null, "not in time");
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
