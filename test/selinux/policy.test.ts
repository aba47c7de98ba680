// Every system call of the hook has a row that says which SELinux permissions it needs: a new call fails here, without a kernel
// that enforces. That the policy module gives them, and no others, is in rhel.test.ts.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { OPERATIONS, UNCHECKED } from "./operations.ts";
import { traceHook } from "./trace.ts";

const RUN = "/run/vscode-grim-reaper";
const USER = 4321;

const hook = ["build/session-close", "build/core/session-close"]
  .map((path) => resolve(path))
  .find(existsSync);
const skip = process.getuid?.() !== 0 && "needs root: a mount namespace and a login uid";

const FOLDERS = `mkdir -p -m 700 ${RUN} ${RUN}/tags`;
const SITUATIONS: readonly (readonly [string, string, string?])[] = [
  ["the folders of systemd-tmpfiles", FOLDERS],
  [
    "a full disk",
    `${FOLDERS} && mount -t tmpfs -o size=4k,nr_inodes=10,mode=700 tmpfs ${RUN}/tags && { yes >${RUN}/tags/full || true; }`,
  ],
  ["no tag folder", `mkdir -m 700 ${RUN}`],
  ["a fault", `mkdir -m 700 ${RUN} && touch ${RUN}/tags`],
  ["the user's limits and priority", FOLDERS, "nice -n 19 prlimit --nofile=100: --cpu=100:"],
];

test("every system call of the hook has a row in the table, and every row is used", { skip }, () => {
  assert.ok(hook, "build it first: npm run build");
  const used = new Set<string>();
  for (const [situation, prepare, wrapper = ""] of SITUATIONS) {
    const calls: string[] = traceHook(hook, { loginUid: USER, prepare, wrapper });
    for (const call of calls.filter((name) => !UNCHECKED.has(name))) {
      const rows = OPERATIONS.filter(([, pattern]) => pattern.test(call));
      assert.equal(rows.length, 1, `${situation}: "${call}" has ${rows.length} rows in operations.ts`);
      used.add(rows[0]?.[0] ?? "");
    }
  }
  const unused = OPERATIONS.map(([what]) => what).filter((what) => !used.has(what));
  assert.deepEqual(unused, []);
});
