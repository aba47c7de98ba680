import assert from "node:assert/strict";
import test from "node:test";
import type { Proc } from "../../../src/core/observation/process.ts";
import { makeCatalogue } from "../../../src/core/recognition/catalogue.ts";
import { type Recognition, recognise } from "../../../src/core/recognition/recognise.ts";
import { dropUnproved, recogniseParents } from "../../../src/core/recognition/structure.ts";
import { COMMIT, LEGACY, type ProcInit, proc } from "../../helpers/proc.ts";

const catalogue = makeCatalogue();
const NODE = `${LEGACY}/node`;

const PTY_HOST = `${LEGACY}/out/bootstrap-fork --type=ptyHost`;
const worker = (init: Partial<ProcInit> = {}): Proc =>
  proc({ pid: 200, ppid: 100, exe: NODE, argv: `${NODE} ${PTY_HOST}`, ...init });

/** Processes by pid, and what each is by itself. */
function tableOf(processes: readonly Proc[]) {
  const byPid = new Map(processes.map((process) => [process.pid, process]));
  const found = processes.flatMap((process) => {
    const one = recognise(process, catalogue);
    return one ? [[process.pid, one] as const] : [];
  });
  return { byPid, recognised: new Map<number, Recognition>(found) };
}

/** What the structure adds to a table of processes, by pid: "product role". */
function added(processes: readonly Proc[]): Record<number, string> {
  const { recognised, byPid } = tableOf(processes);
  const more = recogniseParents(recognised, byPid, catalogue);
  return Object.fromEntries([...more].map(([pid, { product, role }]) => [pid, `${product} ${role}`]));
}

test("a server that installs extensions first is known by its workers, and its launcher with it", () => {
  const flags = "--install-builtin-extension a.b --install-extension c.d";
  const launcher = proc({ pid: 90, exe: "/usr/bin/dash", argv: `sh /ide/bin/gitpod-code ${flags}` });
  const exe = "/ide/node";
  const server = proc({ pid: 100, ppid: 90, exe, argv: `${exe} /ide/out/server-main.js ${flags}` });
  const child = worker({ exe, argv: `${exe} /ide/out/bootstrap-fork --type=extensionHost` });
  const both = { 90: "openvscode-server launcher", 100: "unknown-fork server" };
  assert.deepEqual(added([launcher, server, child]), both);
  assert.deepEqual(added([launcher, server]), {});
});

test("a server that installs extensions first is known by its script where it runs on the host's node", () => {
  const argv = `node ${LEGACY}/out/server-main.js --install-extension a.b`;
  const server = proc({ pid: 100, exe: "/usr/bin/node", argv });
  assert.deepEqual(added([server, worker()]), { 100: "vscode server" });
  assert.deepEqual(added([server]), {});
});

test("whatever a process shows, workers of its own executable make it the server", () => {
  for (const shown of [
    { argv: `${NODE} strange.js` },
    { argv: "", argvStatus: "timeout" as const },
    { exe: `${NODE} (deleted)`, argv: "x" },
  ]) {
    const hidden = proc({ pid: 100, exe: NODE, startTime: 1, ...shown });
    assert.deepEqual(added([hidden, worker()]), { 100: "vscode server" });
  }
});

test("Coder's first process, which names nothing but its folder, is known by the one that it starts", () => {
  const node = "/home/alice/vscode/lib/node";
  const parent = proc({ pid: 100, exe: node, argv: `${node} /home/alice/vscode` });
  const entry = proc({ pid: 200, ppid: 100, exe: node, argv: `${node} /home/alice/vscode/out/node/entry` });
  assert.deepEqual(added([parent, entry]), { 100: "code-server server" });
});

test("a parent that only shares the host's node, another user's or a recycled number is not the server", () => {
  const parent = proc({ pid: 100, exe: "/usr/bin/node", argv: "node app.js" });
  assert.deepEqual(added([parent, worker({ exe: "/usr/bin/node", argv: `node ${PTY_HOST}` })]), {});
  const others = ["/usr/bin/bash", null, "/opt/app/node"].map((exe) => ({ exe }));
  for (const other of [{ uid: 2002 }, { startTime: 9_999_999 }, ...others]) {
    const strange = proc({ pid: 100, exe: NODE, argv: `${NODE} strange.js`, ...other });
    assert.deepEqual(added([strange, worker()]), {}, JSON.stringify(other));
  }
});

test("a helper does not make its parent a server: a passing command may run one", () => {
  const argv = `${NODE} ${LEGACY}/out/server-main.js --install-extension a.b`;
  const rg = worker({ exe: `${LEGACY}/node_modules/@vscode/ripgrep/bin/rg`, argv: "rg x" });
  assert.deepEqual(added([proc({ pid: 100, exe: NODE, argv }), rg]), {});
});

test("processes that are each other's parents end the walk", () => {
  const a = worker({ pid: 100, ppid: 200, startTime: 1 });
  const b = proc({ pid: 200, ppid: 100, exe: NODE, argv: `${NODE} x.js`, startTime: 1 });
  assert.deepEqual(added([a, b]), { 200: "vscode server" });
});

/** The pids that stay recognised in a table of processes. */
function kept(processes: readonly Proc[]): number[] {
  const { recognised, byPid } = tableOf(processes);
  dropUnproved(recognised, byPid, catalogue);
  return [...recognised.keys()];
}

const OPENCODE = { exe: "/home/alice/.opencode/bin/opencode", argv: "opencode serve" };
const agent = (init: Partial<ProcInit> = {}): Proc =>
  proc({ pid: 200, pgid: 150, sid: 150, ...OPENCODE, ...init });

test("a program that serves whoever started it counts only once its parent has ended", () => {
  assert.deepEqual(kept([agent()]), [200]);
  const parent = { pid: 100, exe: "/usr/bin/python3", argv: "python3 job.py" };
  assert.deepEqual(kept([proc(parent), agent({ ppid: 100 })]), []);
  // Nothing is known of a parent that the table does not hold.
  assert.deepEqual(kept([agent({ ppid: 100 })]), []);
  assert.deepEqual(kept([agent({ ppid: -1 })]), []);
});

test("an orphan below the user's service manager counts, and a child of root's does not", () => {
  const keptBelow = (exe: string, argv: string): number[] =>
    kept([proc({ pid: 100, exe, argv }), agent({ ppid: 100 })]);
  assert.deepEqual(keptBelow("/usr/lib/systemd/systemd", "systemd --user"), [200]);
  assert.deepEqual(keptBelow("/usr/lib/systemd/systemd", "systemd --system"), []);
  assert.deepEqual(keptBelow("/usr/bin/sh", "sh --user"), []);
});

test("a job that a shell started is its user's, also after the shell has ended", () => {
  assert.deepEqual(kept([agent({ pgid: 200 })]), []);
  assert.deepEqual(kept([agent({ pgid: 200, sid: 200 })]), [200]);
});

test("what an ordinary rule recognises stays, whoever its parent is", () => {
  const shell = proc({ pid: 100, exe: "/usr/bin/bash", argv: "-bash" });
  assert.deepEqual(kept([shell, worker({ pgid: 200, sid: 100 })]), [200]);
});

const SITE = `/srv/www/bin/${COMMIT}`;
const NEXT = `${SITE}/node_modules/next/dist/bin/next`;
const web = proc({ pid: 200, exe: "/usr/bin/node", argv: `node ${NEXT} start` });
const ESBUILD = `${SITE}/node_modules/@esbuild/linux-x64/bin/esbuild`;
const esbuild = proc({ pid: 300, exe: ESBUILD, argv: "esbuild --ping" });

test("a web site in a folder that looks like an installation is none, and another helper proves nothing", () => {
  assert.deepEqual([kept([web]), kept([web, esbuild])], [[], []]);
});

test("a helper beside a server or a worker of its own installation is its helper", () => {
  const server = { pid: 400, exe: `${SITE}/node`, argv: `${SITE}/node ${SITE}/out/server-main.js --port=0` };
  assert.deepEqual(kept([web, esbuild, proc(server)]), [200, 300, 400]);
  const script = { ...server, exe: "/usr/bin/node", argv: `node ${SITE}/out/bootstrap-fork --type=ptyHost` };
  assert.deepEqual(kept([web, proc(script)]), [200, 400]);
  assert.deepEqual(kept([web, proc({ ...server, argv: "", argvStatus: "denied" })]), [200, 400]);
  assert.deepEqual(kept([web, proc({ ...server, uid: 2002 })]), [400]);
  const other = server.argv.replaceAll("/www/", "/www2/");
  assert.deepEqual(kept([web, proc({ ...server, exe: `/srv/www2/bin/${COMMIT}/node`, argv: other })]), [400]);
});
