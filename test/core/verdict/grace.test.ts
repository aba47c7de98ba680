import assert from "node:assert/strict";
import test from "node:test";
import { mergePolicy } from "../../../src/core/policy/policy.ts";
import { makeTable } from "../../../src/core/tree/process-table.ts";
import { findTrees } from "../../../src/core/tree/tree.ts";
import { graceOf, shortestGrace } from "../../../src/core/verdict/grace.ts";
import { COMMIT, HOME, LEGACY, proc } from "../../helpers/proc.ts";

const POLICY = mergePolicy([{ grace: "3h", graceByProduct: { zed: "3m" } }]);
const SERVER = ["--start-server", "--enable-remote-auto-shutdown"];

/** The grace in seconds of a launcher and a server with these flags. */
function graceWith(launcher: readonly string[], server: readonly string[]): number {
  const exe = `${LEGACY}/node`;
  const above = ["sh", `${LEGACY}/bin/code-server`, ...SERVER, ...launcher];
  const argv = [exe, `${LEGACY}/out/server-main.js`, ...SERVER, ...server];
  // What a worker or a program in a terminal is given says nothing of the server.
  const given = "--reconnection-grace-time=60";
  return secondsOf([
    proc({ pid: 100, exe: "/usr/bin/dash", argv: above }),
    proc({ pid: 200, ppid: 100, exe, argv }),
    proc({ pid: 300, ppid: 200, exe, argv: [exe, `${LEGACY}/out/bootstrap-fork`, "--type=ptyHost", given] }),
    proc({ pid: 400, ppid: 300, argv: ["x", given] }),
  ]);
}

function secondsOf(processes: ReturnType<typeof proc>[]): number {
  const [tree] = findTrees(makeTable(processes), POLICY.catalogue);
  assert.ok(tree);
  return graceOf(tree, POLICY) / 1000;
}

const rows: readonly (readonly [seconds: number, launcher: string[], server: string[]])[] = [
  [10_800, [], []],
  [1200, [], ["--reconnection-grace-time=1200"]],
  [1200, ["--reconnection-grace-time", "1200"], []],
  // The longest that any of them states counts, and the site's is the cap.
  [1800, ["--reconnection-grace-time=1200"], ["--reconnection-grace-time=1800"]],
  [10_800, [], ["--reconnection-grace-time=2592000"]],
  // None is shorter than 10 minutes.
  [600, [], ["--reconnection-grace-time=599"]],
  [600, [], ["--reconnection-grace-time=0"]],
  [10_800, [], ["--reconnection-grace-time=20m"]],
  [10_800, [], ["--reconnection-grace-time=-1"]],
  [10_800, [], ["--reconnection-grace-time"]],
  [10_800, [], ["--reconnection-grace-timeout=5"]],
];

for (const [seconds, launcher, server] of rows)
  test(`the grace is ${seconds} s with ${[...launcher, ...server].join(" ") || "no flag"}`, () =>
    assert.equal(graceWith(launcher, server), seconds));

const CLI = `${HOME}/.vscode-server/code-${COMMIT}`;
const agents: readonly (readonly [seconds: number, exe: string, argv: string])[] = [
  [1200, CLI, `${CLI} agent host --idle-timeout 1200`],
  [600, CLI, `${CLI} agent host --idle-timeout=300`],
  // Zero means no time-out, so the agents' own grace counts.
  [7200, CLI, `${CLI} agent host --idle-timeout 0`],
  [7200, "/usr/bin/node", `node relay.js --detached --grace-time 0 --sock-path ${HOME}/.orca-remote/r.sock`],
  [600, "/usr/bin/node", `node relay.js --detached --grace-time 60 --sock-path ${HOME}/.orca-remote/r.sock`],
  [180, `${HOME}/.zed_server/zed-remote-server-stable`, "zed-remote-server-stable run"],
];

for (const [seconds, exe, argv] of agents)
  test(`the grace is ${seconds} s of ${argv}`, () =>
    assert.equal(secondsOf([proc({ pid: 100, exe, argv })]), seconds));

const KC = `${HOME}/.positron-server/bin/${COMMIT}/extensions/positron-supervisor/resources/kallichore/kcserver`;
const kernels: readonly (readonly [seconds: number, flags: string])[] = [
  [86_400, ""],
  [14_400, " --idle-shutdown-hours 4"],
  [3600, " --idle-shutdown-hours=1"],
  // The site's limit is the cap, and no kernel's own time is shorter than 10 minutes.
  [86_400, " --idle-shutdown-hours 168"],
  [600, " --idle-shutdown-hours 0"],
];

for (const [seconds, flags] of kernels)
  test(`a kernel's grace is ${seconds} s with${flags || " no flag"}`, () => {
    const argv = `${KC} --handshake-socket /tmp/h.sock${flags}`;
    assert.equal(secondsOf([proc({ pid: 100, exe: KC, argv })]), seconds);
  });

test("a site sets another grace for kernels, agents and products; the shortest of all is what staging counts by", () => {
  const policy = mergePolicy([
    { agents: { grace: "2h" }, kernels: { grace: "1h" }, graceByProduct: { zed: "5h" } },
  ]);
  const graces = [`${KC} --handshake-socket /tmp/h.sock`, `${CLI} agent host`].map((argv) => {
    const processes = [proc({ pid: 100, exe: argv.split(" ")[0] ?? "", argv })];
    const [tree] = findTrees(makeTable(processes), policy.catalogue);
    return tree && graceOf(tree, policy);
  });
  assert.deepEqual(graces, [3_600_000, 7_200_000]);
  assert.equal(shortestGrace(policy), 3_600_000);
  assert.equal(shortestGrace(mergePolicy([{ grace: "3h", agents: { grace: "2h" } }])), 7_200_000);
});
