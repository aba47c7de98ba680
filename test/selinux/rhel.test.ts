// The policy module in a policy like RHEL's: it links with every neverallow rule, and allows what hook, sweep, logrotate and
// confined users do. The policy is Debian's reference policy with what RHEL has besides (rhel-policy.sh, rhel.cil). By hand
// also RHEL's own, as rhel-policy.sh writes it: REAPER_RHEL_POLICIES="c9s.cil c10s.cil" node scripts/test.mjs selinux/rhel
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../helpers/program.ts";
import { repository } from "../node/boot.ts";
import { OPERATIONS } from "./operations.ts";

const DOMAIN = "vscode_grim_reaper_hook_t";
const MODULE = join(repository(), "packaging/selinux/vscode-grim-reaper.cil");
const file = (name: string) => join(repository(), "test/selinux", name);
const NEEDED = [
  "/usr/src/selinux-policy-src.tar.zst",
  "/usr/bin/checkpolicy",
  "/usr/bin/secilc",
  "/usr/bin/zstd",
  "/usr/lib/python3/dist-packages/setools",
];
const missing = NEEDED.filter((path) => !existsSync(path));
// With CI=true a policy that cannot be made is a failure, for a skip would go unseen.
const skip =
  process.env.CI !== "true" &&
  missing.length > 0 &&
  `not installed: ${missing.join(", ")} (see CONTRIBUTING.md)`;

const questions = [
  readFileSync(file("questions.txt"), "utf8"),
  ...OPERATIONS.flatMap(([, , needs]) => needs).map((need) => `${DOMAIN} ${need}`),
].join("\n");

for (const own of ["", ...(process.env.REAPER_RHEL_POLICIES ?? "").split(" ").filter(Boolean)])
  test(`the module in ${own || "a policy like RHEL's"}: no neverallow is violated, every right is there and no other`, {
    skip,
  }, () => {
    const folder = temporaryFolder();
    const base = own || join(folder, "base.cil");
    if (own === "") execFileSync("bash", [file("rhel-policy.sh"), base]);
    const policy = join(folder, "policy");
    const texts = [base, ...(own === "" ? [file("rhel.cil")] : []), file("sshd-session.cil"), MODULE];
    // Its status is 255 where a neverallow rule is violated, and it names the rule.
    execFileSync("secilc", ["-M", "1", "-c", "31", "-o", policy, "-f", `${policy}.contexts`, ...texts]);
    const ask = ["/usr/bin/python3", file("ask.py"), policy, DOMAIN] as const;
    assert.equal(execFileSync(ask[0], ask.slice(1), { input: questions, encoding: "utf8" }), "");
  });
