import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, describe, it } from "node:test";
import type { ProcId } from "../../src/core/observation/process.ts";
import { loadNative } from "../../src/shell/host/native.ts";
import { ownUid } from "../helpers/proc-folder.ts";

const native = loadNative();
const children: ChildProcess[] = [];
const SIGTERM = 15;

function idOf(pid: number): ProcId {
  const line = readFileSync(`/proc/${pid}/stat`, "latin1");
  const startTime = Number(line.slice(line.lastIndexOf(")") + 2).split(" ")[19]);
  return { pid, startTime };
}

/** A child that answers SIGTERM by ending, once it has said that it runs. */
async function start(): Promise<{ child: ChildProcess; id: ProcId }> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6); process.stdout.write('ready')"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  assert.ok(child.pid && child.stdout);
  await once(child.stdout, "data");
  return { child, id: idOf(child.pid) };
}

describe("signal and waitGone", () => {
  after(() => {
    for (const child of children)
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  });

  it("signals the same process only, and sees its end before it is reaped", async () => {
    const { child, id } = await start();
    const earlier = { ...id, startTime: id.startTime - 1 };
    assert.equal(native.signal(earlier, ownUid, SIGTERM).outcome, "recycled");
    assert.equal(native.signal(id, ownUid + 1, SIGTERM).outcome, "foreign");
    assert.equal(child.exitCode, null);
    assert.deepEqual(await native.waitGone([id], 50), [id]);
    const exited = once(child, "exit");
    assert.equal(native.signal(id, ownUid, SIGTERM).outcome, "sent");
    assert.deepEqual(await native.waitGone([id, earlier], 10_000), []);
    assert.deepEqual(await exited, [null, "SIGTERM"]);
    assert.deepEqual(native.signal(id, ownUid, SIGTERM), { outcome: "gone", weak: false });
  });

  it("refuses init, kthreadd and itself", () => {
    for (const id of [{ pid: 1, startTime: 0 }, { pid: 2, startTime: 0 }, idOf(process.pid)])
      assert.equal(native.signal(id, ownUid, 0).outcome, "denied");
  });

  it("waits without holding the event loop", async () => {
    const { child, id } = await start();
    const waiting = native.waitGone([id], 60_000);
    child.kill("SIGKILL");
    assert.deepEqual(await waiting, []);
  });

  it("names the wrong argument in a TypeError", () => {
    const signal = native.signal as (...given: unknown[]) => unknown;
    const waitGone = native.waitGone as (...given: unknown[]) => unknown;
    const id = { pid: 300, startTime: 1 };
    const cases: [() => unknown, RegExp][] = [
      [() => signal(), /^id must be/],
      [() => signal({ pid: 0, startTime: 1 }, 0, 0), /id\.pid/],
      [() => signal({ pid: -1, startTime: 1 }, 0, 0), /id\.pid/],
      [() => signal({ pid: 300 }, 0, 0), /id\.startTime/],
      [() => signal({ pid: 300, startTime: 2 ** 53 }, 0, 0), /id\.startTime/],
      [() => signal(id, "0", 0), /uid/],
      [() => signal(id, 0, 1000), /signo/],
      [() => signal(id, 0, 0, -1), /loginUid/],
      [() => waitGone(id, 1), /ids must be an array/],
      [() => waitGone([id, { pid: 1 }], 1), /ids\[1\]\.startTime/],
      [() => waitGone([id], -1), /timeoutMs/],
    ];
    for (const [call, message] of cases) assert.throws(call, { name: "TypeError", message }, String(message));
  });
});
