// What other tests with real processes could not notice: a puppet that does not do what its plan says.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { puppetNamed } from "../helpers/install.ts";
import { argvOf } from "../helpers/proc-read.ts";
import {
  type Behaviour,
  isAlive,
  PARENT_PID,
  puppetBinary,
  readStat,
  readUids,
  startTree,
} from "../helpers/puppet.ts";
import { isRoot, makeHome, USER } from "../helpers/real.ts";

const exe = puppetBinary();
const read = (pid: number, file: string): string => readFileSync(`/proc/${pid}/${file}`, "latin1");

test("executable, argv, parentage and uid are those of the plan; at the end nothing is left", async () => {
  const uid = isRoot ? USER : (process.getuid?.() ?? -1);
  const named = puppetNamed(makeHome(uid), "node", uid);
  const bytes = Buffer.from([0xff, 0xfe, 0x1b, 0x0a, 0x80]);
  const argv = ["", "two words", "tab\there", "back\\slash\\p", `--parent=${PARENT_PID}`, bytes];
  const child = { name: "b", uid, exe: named, argv };
  const stage = await startTree({ name: "a", uid, exe: named, argv: ["top"], children: [child] });
  const [a, b] = [stage.node("a"), stage.node("b")];
  assert.equal(readlinkSync(`/proc/${b.pid}/exe`), named);
  const shown = Buffer.from(read(b.pid, "cmdline"), "latin1");
  const expected = argv.with(4, `--parent=${a.pid}`).flatMap((one) => [Buffer.from(one), Buffer.from("\0")]);
  assert.deepEqual(shown, Buffer.concat(expected));
  assert.deepEqual([readStat(b.pid).ppid, readStat(a.pid).ppid], [a.pid, stage.pid]);
  assert.equal(readStat(b.pid).comm, "node");
  assert.deepEqual(readUids(b.pid), [uid, uid, uid, uid]);
  await stage.end();
  assert.deepEqual([a, b].map(isAlive), [false, false]);
});

test("a plan that cannot be carried out is refused", async () => {
  const plan = { exe, argv: ["a"], children: [{ exe: "/nonexistent/node", argv: ["b"] }] };
  await assert.rejects(startTree(plan), /\/nonexistent\/node: No such file/);
});

/** What /proc shows of a puppet that behaves so. */
const SHOWN: readonly (readonly [Behaviour, (pid: number) => boolean])[] = [
  ["stop", (pid) => readStat(pid).state === "T"],
  ["setsid", (pid) => readStat(pid).sid === pid],
  ["daemon", (pid) => readStat(pid).ppid === 1],
  ["zombie-leader", (pid) => readStat(pid).state === "Z" && /^Threads:\s*2$/m.test(read(pid, "status"))],
  ["comm=tmux: server,)", (pid) => readStat(pid).comm === "tmux: server,)"],
  ["title=ps", (pid) => argvOf(pid)[0] === "ps"],
  ["hide-argv", (pid) => /^\0*$/.test(read(pid, "cmdline"))],
  ["ignore-term", (pid) => /^SigIgn:.*[4-7c-f]..[02468ace]$/m.test(read(pid, "status"))],
];
for (const [behaviour, isShown] of SHOWN)
  test(behaviour, async () => {
    const stage = await startTree({ exe, argv: ["puppet"], behaviours: [behaviour] });
    const pid = stage.pids[0] ?? 0;
    assert.ok(isShown(pid), `${read(pid, "status")}${read(pid, "cmdline")}`);
  });

const skip = isRoot && existsSync("/proc/self/loginuid") ? false : "needs root, and audit session ids";
test("loginuid opens an audit session, which children of another uid inherit", { skip }, async () => {
  const child = { name: "b", uid: USER + 1, exe, argv: ["b"] };
  const plan = { name: "a", uid: USER, exe, argv: ["a"], behaviours: [`loginuid=${USER}`] as const };
  const stage = await startTree({ ...plan, children: [child] });
  const [a, b] = [stage.node("a").pid, stage.node("b").pid];
  assert.deepEqual([read(a, "loginuid"), read(b, "loginuid")], [String(USER), String(USER)]);
  assert.notEqual(read(a, "sessionid"), readFileSync("/proc/self/sessionid", "latin1"));
  assert.equal(read(b, "sessionid"), read(a, "sessionid"));
  assert.match(read(a, "status"), new RegExp(`^Gid:\\s*${USER}\\s+${USER}[\\s\\S]*^Groups:\\s*$`, "m"));
});
