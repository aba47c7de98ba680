import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, describe, it } from "node:test";
import { loadNative, type SnapshotOptions } from "../../src/shell/host/native.ts";
import {
  type FakeProc,
  fixtureUid,
  makeProcFolder,
  ownUid,
  removeProcFolder,
} from "../helpers/proc-folder.ts";

const native = loadNative();
const server = "/home/u/.vscode-server/cli/servers/Stable-1/server/node";
const folders: string[] = [];

function options(procRoot: string, more: Partial<SnapshotOptions> = {}): SnapshotOptions {
  return {
    procRoot,
    uids: null,
    full: false,
    exeMarkers: ["/.vscode-server/"],
    interpreters: ["node", "sh"],
    argvMarkers: ["/.vscode-server/"],
    sshdNames: ["sshd", "sshd-session"],
    jobVariables: [],
    timeoutMs: 400,
    budgetMs: 5000,
    ...more,
  };
}

function folder(...processes: FakeProc[]): string {
  const root = makeProcFolder(processes);
  folders.push(root);
  return root;
}

describe("snapshot", () => {
  after(() => folders.forEach(removeProcFolder));

  it("returns every field of a process, null where nothing is known", async () => {
    const second = { pid: 101, ppid: 100, state: "Z", threads: 3, comm: "(a b)", ignoresHangup: true };
    const root = folder(
      { pid: 100, ppid: 90, exe: server, argv: [server, "--port=0", ""], auditSession: 0, loginUid: 1001 },
      { ...second, exe: null, argv: [] },
    );
    const uptime = (): number => Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
    const before = uptime();
    const taken = await native.snapshot(options(root));
    const keys = "bootId ticksPerSecond uptime takenAt processes overBudget counts faults";
    assert.equal(Object.keys(taken).join(" "), keys);
    assert.equal(taken.bootId, "3f0c4f3e-1111-2222-3333-444455556666");
    // The kernel cuts its text to hundredths of a second.
    assert.ok(taken.uptime >= before && taken.uptime <= uptime() + 10);
    assert.ok(Math.abs(Date.now() - taken.takenAt) < 60_000);
    assert.deepEqual(taken.counts, { listed: 2, read: 2, gone: 0, denied: 0, malformed: 0, timedOut: 0 });
    assert.deepEqual(taken.faults, []);
    const first = {
      pid: 100,
      startTime: 5000,
      ppid: 90,
      pgid: 100,
      sid: 100,
      tty: 0,
      state: "S",
      threads: 1,
      cpuTicks: 18,
      rssKiB: 1024,
      uids: [fixtureUid, fixtureUid, fixtureUid, fixtureUid],
      uid: fixtureUid,
      ignoresHangup: false,
      comm: "node",
      exe: server,
      argv: [server, "--port=0", ""],
      argvStatus: "read",
      argvTruncated: false,
      cgroups: ["/user.slice/user-1001.slice/session-c1.scope"],
      auditSession: 0,
      loginUid: 1001,
      foreignUserNs: false,
      foreignPidNs: false,
      foreignMntNs: null,
    };
    const unknown = { exe: null, argv: [], argvStatus: "empty", auditSession: null, loginUid: null };
    assert.deepEqual(taken.processes, [first, { ...first, ...second, pgid: 101, sid: 101, ...unknown }]);
  });

  it("turns bytes that are not UTF-8 into U+FFFD and keeps hostile names whole", async () => {
    const root = folder(
      { pid: 100, exe: server, comm: Buffer.from([0x61, 0xff, 0x1b, 0x5b]) },
      { pid: 101, exe: server, comm: ") R 1 1\n" },
    );
    const { processes } = await native.snapshot(options(root));
    const names = processes.map((each) => each.comm);
    assert.deepEqual(names, ["a\ufffd\u001b[", ") R 1 1\n"]);
  });

  it("reports a command line that hangs, and lets the event loop run meanwhile", async () => {
    const root = folder({ pid: 100, exe: server, cmdlineBlocks: true }, { pid: 101, exe: server });
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    const taken = await native.snapshot(options(root));
    assert.ok(turned, "the event loop stood still");
    const statuses = taken.processes.map((each) => each.argvStatus);
    assert.deepEqual(statuses, ["timeout", "read"]);
    assert.equal(taken.counts.timedOut, 1);
    assert.equal(taken.faults[0]?.pid, 100);
  });

  it("finds this process in the live /proc, many times and several at once, without keeping a descriptor", async () => {
    const live = options("/proc", { full: true, uids: [ownUid] });
    const taken = await native.snapshot(live);
    const self = taken.processes.find((each) => each.pid === process.pid);
    assert.ok(self);
    assert.equal(self.ppid, process.ppid);
    assert.ok(self.argv.length >= 2);
    assert.ok(self.startTime > 0);
    const open = () => readdirSync("/proc/self/fd").length;
    const before = open();
    for (let i = 0; i < 12; i++) {
      const all = await Promise.all(Array.from({ length: 8 }, () => native.snapshot(live)));
      for (const { processes } of all) assert.ok(processes.some(({ pid }) => pid === process.pid));
    }
    assert.ok(open() <= before, "descriptors grew");
    const helpers = (await native.snapshot(live)).processes.filter((each) => each.ppid === process.pid);
    assert.deepEqual(helpers, [], "a helper was left behind");
  });

  it("goes on after a first stage, once", async () => {
    const root = folder(
      { pid: 100, ppid: 90, exe: server, argv: [server, "--port=0"] },
      { pid: 101, ppid: 100, exe: "/usr/bin/vim", argv: ["vim"] },
    );
    const staged = options(root, { staged: true });
    const { processes, chain, rest } = await native.snapshot(staged);
    assert.deepEqual(processes, []);
    assert.ok(chain && rest);
    assert.deepEqual(chain, [{ pid: 100, startTime: 5000, ppid: 90, uid: fixtureUid, suspect: true }]);
    const whole = await native.finishSnapshot(rest, []);
    const pids = whole.processes.map(({ pid }) => pid);
    assert.deepEqual(pids, [100, 101]);
    assert.deepEqual([whole.chain, whole.rest], [undefined, undefined]);
    assert.throws(() => native.finishSnapshot(rest, []), { message: /that was not finished yet/ });
    const again = await native.snapshot(staged);
    assert.ok(again.rest);
    assert.deepEqual((await native.finishSnapshot(again.rest, [fixtureUid])).processes, []);
    const none = await native.snapshot(options(folder(), { staged: true }));
    assert.deepEqual([none.chain, none.rest], [undefined, undefined]);
    const before = readdirSync("/proc/self/fd").length;
    const live = options("/proc", { staged: true, exeMarkers: ["/node"] });
    for (let i = 0; i < 20; i++) {
      const first = await native.snapshot(live);
      if (first.rest) await native.finishSnapshot(first.rest, []);
    }
    assert.ok(readdirSync("/proc/self/fd").length <= before, "descriptors grew");
  });

  it("rejects with the errno's name when nothing can be known", async () => {
    const error = { code: "ENOENT", message: /\/nonexistent/ };
    await assert.rejects(native.snapshot(options("/nonexistent")), error);
  });
});
