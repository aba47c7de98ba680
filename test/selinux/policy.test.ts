// Every system call of the hook has a row that says which SELinux permissions it needs, and the policy module gives them all.
// A new call, or a permission that is taken out of the module, fails here, without a kernel that enforces.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { allowRules, parseCil } from "./cil.ts";
import { OPERATIONS, UNCHECKED } from "./operations.ts";
import { traceHook } from "./trace.ts";

const MODULE = "packaging/selinux/vscode-grim-reaper.cil";
const DOMAIN = "vscode_grim_reaper_hook_t";
const RUN = "/run/vscode-grim-reaper";
const USER = 4321;

const rules = allowRules(parseCil(readFileSync(MODULE, "utf8")));
const hook = ["build/session-close", "build/core/session-close"]
  .map((path) => resolve(path))
  .find(existsSync);
const skip = process.getuid?.() !== 0 && "needs root: a mount namespace and a login uid";

/** What the module does not give of "TYPE class permission…". */
function missing(need: string): string[] {
  const [target = "", targetClass = "", ...permissions] = need.split(" ");
  const type = target === "self" ? DOMAIN : target;
  const given = new Set(
    rules
      .filter((rule) => rule.source === DOMAIN && rule.target === type && rule.targetClass === targetClass)
      .flatMap((rule) => rule.permissions),
  );
  return permissions.filter((permission) => !given.has(permission));
}

for (const { what, needs } of OPERATIONS)
  test(`the module lets the hook ${what}`, () => {
    for (const need of needs) assert.deepEqual(missing(need), [], need);
  });

test("the module gives nothing that no operation needs", () => {
  const needed = new Set(
    OPERATIONS.flatMap(({ needs }) => needs).flatMap((need) => {
      const [target = "", targetClass = "", ...permissions] = need.split(" ");
      return permissions.map(
        (permission) => `${target === "self" ? DOMAIN : target} ${targetClass} ${permission}`,
      );
    }),
  );
  // Attributes of what may be done anyway (getattr beside read), the descriptors that pam_exec passes on, and the socket of
  // the log before journald has it.
  const beside = /getattr|getopt|setopt|^(?:ssh_server|kernel_t|init_t) /;
  const spare = rules
    .filter(({ source }) => source === DOMAIN)
    .flatMap((rule) =>
      rule.permissions.map((permission) => `${rule.target} ${rule.targetClass} ${permission}`),
    )
    .filter((text) => !needed.has(text) && !beside.test(text));
  assert.deepEqual(spare, []);
});

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
      const rows = OPERATIONS.filter((operation) => operation.call.test(call));
      assert.equal(rows.length, 1, `${situation}: "${call}" has ${rows.length} rows in operations.ts`);
      used.add(rows[0]?.what ?? "");
    }
  }
  assert.deepEqual(
    OPERATIONS.map(({ what }) => what).filter((what) => !used.has(what)),
    [],
  );
});
