/** What the addon says of real sockets between real Node processes. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import type { Connection } from "../../src/core/observation/connections.ts";
import { loadNative } from "../../src/shell/host/native.ts";

const native = loadNative();
const folder = mkdtempSync(join(tmpdir(), "reaper-connections-"));
const children: ChildProcess[] = [];

const SERVER = `
const where = JSON.parse(process.argv[1]);
const server = require("node:net").createServer((socket) => { socket.resume(); console.log("accepted"); });
server.listen(where, () => console.log(String(server.address().port ?? "listening")));`;
const CLIENT = `
const where = JSON.parse(process.argv[1]);
const socket = require("node:net").connect(where, () => console.log("connected")).resume();`;

interface Node {
  readonly pid: number;
  readonly child: ChildProcess;
  /** The next line of its standard output. */
  readonly line: () => Promise<string>;
}

function start(script: string, where: object): Node {
  const child = spawn(process.execPath, ["-e", script, JSON.stringify(where)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await lines.next();
    assert.ok(!next.done, "the process ended before it was ready");
    return next.value;
  };
  assert.ok(child.pid);
  return { pid: child.pid, child, line };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

after(async () => {
  await Promise.all(children.map(end));
  rmSync(folder, { recursive: true, force: true });
});

const between = (all: readonly Connection[], near: number, far: number | null): Connection[] =>
  all.filter(
    (one) =>
      one.direction !== "pair" &&
      one.near.includes(near) &&
      (far === null ? one.far.length === 0 : one.far.includes(far)),
  );

test("a TCP connection is seen from both ends, and is gone with its client", async () => {
  const server = start(SERVER, { host: "127.0.0.1", port: 0 });
  const port = Number(await server.line());
  const client = start(CLIENT, { host: "127.0.0.1", port });
  assert.equal(await client.line(), "connected");
  assert.equal(await server.line(), "accepted");

  const found = await native.connections([server.pid, client.pid], "/proc");
  assert.equal(found.complete, true);
  assert.deepEqual([found.unreadable, found.unlisted, found.otherNets, found.faults], [[], [], [], []]);
  assert.ok(found.established.tcp >= 2, "both ends are counted");
  const [toServer, ...moreToServer] = between(found.connections, client.pid, server.pid);
  assert.equal(moreToServer.length, 0);
  assert.equal(toServer?.kind, "tcp");
  assert.equal(toServer?.remote, `127.0.0.1:${port}`);
  const [toClient] = between(found.connections, server.pid, client.pid);
  assert.deepEqual([toServer?.direction, toClient?.direction], ["opened", "accepted"]);
  assert.deepEqual([toClient?.otherHost ?? false, toClient?.farUid], [false, process.getuid?.()]);
  assert.ok(
    toClient?.idle !== null && (toClient?.idle ?? -1) >= 0,
    "the kernel counts since when nothing flowed",
  );
  assert.deepEqual([toClient?.local, toClient?.remote], [toServer?.remote, toServer?.local]);

  const alone = await native.connections([server.pid], "/proc");
  assert.equal(
    between(alone.connections, server.pid, null).length,
    1,
    "no process that was asked holds the other end",
  );

  await end(client.child);
  const left = await native.connections([server.pid, client.pid], "/proc");
  assert.equal(left.complete, true);
  assert.equal(between(left.connections, server.pid, null).length, 0);
  assert.deepEqual(left.unreadable, [], "gone is not unreadable");
});

test("a unix socket is seen from both ends by its path", async () => {
  const path = join(folder, "code-1.sock");
  const server = start(SERVER, { path });
  await server.line();
  const client = start(CLIENT, { path });
  assert.equal(await client.line(), "connected");
  assert.equal(await server.line(), "accepted");

  const found = await native.connections([server.pid, client.pid], "/proc");
  assert.ok(found.established.unix >= 2, "both ends are counted");
  const [connection] = between(found.connections, client.pid, server.pid);
  assert.equal(connection?.kind, "unix");
  assert.equal(connection?.remote, path);
  assert.match(connection?.local ?? "", /^unix:\d+$/);
  assert.equal(between(found.connections, server.pid, client.pid)[0]?.local, path);
});

test("a proc root that cannot be read is a fault, not an absence", async () => {
  const found = await native.connections([process.pid], join(folder, "absent"));
  assert.equal(found.complete, false);
  assert.deepEqual(found.unreadable, [process.pid]);
  assert.ok(found.faults.length > 0);
});

test("a hundred calls leave no descriptor behind", async () => {
  await native.connections([process.pid], "/proc");
  const before = readdirSync("/proc/self/fd").length;
  for (let turn = 0; turn < 100; turn++) await native.connections([process.pid], "/proc");
  assert.equal(readdirSync("/proc/self/fd").length, before);
});
