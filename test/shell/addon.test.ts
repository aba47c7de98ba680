// What crosses between the addon and Node; native/test shows what the calls decide.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, symlinkSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import type { ProcId } from "../../src/core/observation/process.ts";
import { loadNative, type Native } from "../../src/shell/host/native.ts";
import { ownUid } from "../helpers/proc-folder.ts";
import { temporaryFolder } from "../helpers/program.ts";

const native = loadNative();
const folder = temporaryFolder();
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
});

/** A Node that runs this script, once it has written a line: that line, too. */
async function start(script: string, ...args: string[]): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(process.execPath, ["-e", `${script}; setInterval(() => {}, 1e6)`, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  return { child, line: chunk.toString().trim() };
}

function idOf({ pid = 0 }: { readonly pid?: number | undefined }): ProcId {
  const line = readFileSync(`/proc/${pid}/stat`, "latin1");
  return { pid, startTime: Number(line.slice(line.lastIndexOf(")") + 2).split(" ")[19]) };
}

test("a signal reaches the same process only, and its end is seen before Node has reaped it", async () => {
  const { child } = await start("console.log()");
  const id = idOf(child);
  const earlier = { ...id, startTime: id.startTime - 1 };
  const signal = (to: ProcId, uid = ownUid): string => native.signal(to, uid, 15).outcome;
  assert.deepEqual([signal(earlier), signal(id, ownUid + 1)], ["recycled", "foreign"]);
  for (const own of [{ pid: 1, startTime: 0 }, { pid: 2, startTime: 0 }, idOf(process)])
    assert.equal(native.signal(own, ownUid, 0).outcome, "denied");
  assert.deepEqual(await native.waitGone([id], 1), [id]);
  const exited = once(child, "exit");
  // Were the event loop held, the signal would come when the wait is over.
  const gone = native.waitGone([id, earlier], 600_000);
  assert.equal(signal(id), "sent");
  assert.deepEqual(await gone, []);
  assert.deepEqual(await exited, [null, "SIGTERM"]);
  assert.deepEqual(native.signal(id, ownUid, 15), { outcome: "gone", weak: false });
});

test("a connection is plain data from both of its ends, and gone with its client", async (t) => {
  const server = createServer((socket) => socket.resume()).listen({ host: "127.0.0.1", port: 0 });
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const client = "require('node:net').connect({host: '127.0.0.1', port: +process.argv[1]})";
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const { child } = await start(`${client}.once('connect', () => console.log()).resume()`, String(port));
  const [socket] = await accepted;
  const pids = [process.pid, child.pid ?? 0];
  const found = await native.connections(pids, "/proc");
  const { complete, connections, established, ...nothing } = found;
  assert.deepEqual([complete, Object.values(nothing)], [true, [[], [], [], []]]);
  assert.ok(established.tcp >= 2, "both ends are counted");
  const here = `127.0.0.1:${port}`;
  const there = `127.0.0.1:${socket.remotePort}`;
  const ends = connections.filter(({ local, remote }) => [local, remote].includes(here));
  const told = ends.map(({ idle, farUid, otherHost = false, ...end }) => {
    assert.ok((idle ?? -1) >= 0, "the kernel counts since when nothing flowed");
    assert.deepEqual([farUid, otherHost], [ownUid, false]);
    return [end.kind, end.direction, end.local, end.remote, end.near, end.far];
  });
  const [mine, its] = [[process.pid], [child.pid]];
  assert.deepEqual(told.sort(), [
    ["tcp", "accepted", here, there, mine, its],
    ["tcp", "opened", there, here, its, mine],
  ]);
  // Its socket closes before it has died: until then the kernel lets no other process read its descriptors.
  const ended = Promise.all([once(socket, "close"), once(child, "exit")]);
  child.kill("SIGKILL");
  await ended;
  const left = await native.connections(pids, "/proc");
  assert.deepEqual([left.connections.filter(({ local }) => local === here), left.unreadable], [[], []]);
});

test("a unix socket has its path, and a proc root that cannot be read is a fault", async (t) => {
  const path = join(folder, "code-1.sock");
  const server = createServer().listen(path);
  t.after(() => server.close());
  await once(server, "listening");
  const client = connect(path);
  t.after(() => client.destroy());
  const [socket] = (await once(server, "connection")) as [Socket];
  t.after(() => socket.destroy());
  const { connections, established } = await native.connections([process.pid], "/proc");
  const end = connections.find(({ remote }) => remote === path);
  const told = [end?.kind, /^unix:\d+$/.test(end?.local ?? ""), established.unix >= 2];
  assert.deepEqual(told, ["unix", true, true]);
  const blind = await native.connections([process.pid], join(folder, "absent"));
  assert.deepEqual([blind.complete, blind.unreadable], [false, [process.pid]]);
  assert.ok(blind.faults.length > 0);
  const before = readdirSync("/proc/self/fd").length;
  for (let turn = 0; turn < 100; turn++) await native.connections([process.pid], "/proc");
  assert.equal(readdirSync("/proc/self/fd").length, before, "no call keeps a descriptor");
});

test("a lock is held until the process that took it ends", async () => {
  const path = join(folder, "lock");
  const lock = "console.log(require(process.argv[1]).lock(process.argv[2]))";
  const addon = resolve("build/Release/reaper_native.node");
  const { child, line } = await start(lock, addon, path);
  assert.deepEqual([line, native.lock(path)], ["acquired", "busy"]);
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
  assert.equal(native.lock(path), "acquired");
});

test("what the system refuses is an error with its code and the path", () => {
  const link = join(folder, "link");
  symlinkSync(join(folder, "victim"), link);
  const calls: readonly (readonly [() => unknown, string])[] = [
    [() => native.lock(link), "ELOOP"],
    [() => native.lock(join(link, "lock")), "ENOENT"],
    [() => native.grantRead(link, 1), "ELOOP"],
    [() => native.grantRead(join(folder, "link-absent"), 1), "ENOENT"],
  ];
  for (const [call, code] of calls) assert.throws(call, { code, message: /link/ }, code);
});

test("a wrong argument is refused", () => {
  const call = native as unknown as Record<keyof Native, (...given: unknown[]) => unknown>;
  const id = { pid: 300, startTime: 1 };
  const options = { procRoot: "/proc", uids: null, full: false, timeoutMs: 400, budgetMs: 5000 };
  const lists = { exeMarkers: ["x"], interpreters: [], argvMarkers: [], sshdNames: [], jobVariables: [] };
  const snapshot = (wrong: object): unknown => call.snapshot({ ...options, ...lists, ...wrong });
  const cases: readonly (() => unknown)[] = [
    () => call.signal(),
    () => call.signal({ pid: 0, startTime: 1 }, 0, 0),
    () => call.signal({ pid: -1, startTime: 1 }, 0, 0),
    () => call.signal({ pid: 300 }, 0, 0),
    () => call.signal({ pid: 300, startTime: 2 ** 53 }, 0, 0),
    () => call.signal(id, "0", 0),
    () => call.signal(id, 0, 1000),
    () => call.signal(id, 0, 0, -1),
    () => call.waitGone(id, 1),
    () => call.waitGone([id, { pid: 1 }], 1),
    () => call.waitGone([id], -1),
    () => call.lock(7),
    () => call.grantRead(folder, "alice"),
    () => call.grantRead(folder, -1),
    () => call.grantRead(7, 1),
    () => call.connections([0], "/proc"),
    () => call.connections([1], 2),
    () => call.finishSnapshot({}, []),
    () => call.snapshot(),
    () => snapshot({ procRoot: 1 }),
    () => snapshot({ procRoot: "/proc\0/x" }),
    () => snapshot({ uids: undefined }),
    () => snapshot({ uids: [1, -1] }),
    () => snapshot({ uids: [1.5] }),
    () => snapshot({ full: 1 }),
    () => snapshot({ staged: 1 }),
    () => snapshot({ exeMarkers: [""] }),
    () => snapshot({ argvMarkers: "x" }),
    () => snapshot({ timeoutMs: Number.NaN }),
  ];
  for (const wrong of cases) assert.throws(wrong, { name: /^(?:Type)?Error$/ }, String(wrong));
});

test("a list that grows while it is read ends where it ended at first", async () => {
  const ids: ProcId[] = [];
  const grow = (): number => {
    for (let i = 0; i < 200_000; i++) ids.push({ pid: 1, startTime: 0 });
    return 2;
  };
  ids.push({
    get pid() {
      return grow();
    },
    startTime: 0,
  });
  assert.deepEqual(await native.waitGone(ids, 0), []);
});
