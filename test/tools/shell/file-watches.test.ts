// What explain counts of the machine: the file watches of real processes.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { countWatches } from "../../../src/tools/shell/file-watches.ts";
import { HANG_MS, temporaryFolder } from "../../helpers/program.ts";
import { until } from "../../helpers/until.ts";

const WATCHES = 1500;
const folder = temporaryFolder();

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
