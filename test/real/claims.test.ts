// What the documents promise of kinds of trees, over real processes: whose they are, where a batch system put them,
// which product they belong to, and what the configuration says of that.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import type { TreeDocument } from "../../src/core/report/json.ts";
import { bareServer } from "../helpers/ide-trees.ts";
import { installPuppet, writeOwned } from "../helpers/install.ts";
import { config, succeeds, temporaryFile, treeOf } from "../helpers/program.ts";
import { living, type PlanNode, type Stage, startTree } from "../helpers/puppet.ts";
import { makeHome, removeCgroup, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

const uid = USER;
const MEMBER = USER + 1;
const SYSTEM_ACCOUNT = 500;
const V2 = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((at) => existsSync(`${at}/cgroup.procs`));
const V1 = ["/sys/fs/cgroup/freezer", "/sys/fs/cgroup/pids"].find((at) => existsSync(`${at}/cgroup.procs`));
const OWN = `user.slice/user-${uid}.slice/user@${uid}.service`;

/** As the batch systems name them, and one that a user can make. */
const CGROUPS: readonly (readonly [mount: string | undefined, path: string, code: string])[] = [
  [V2, `system.slice/slurmstepd.scope/job_${process.pid}/step_0/user/task_0`, "batch-job"],
  [V2, `pbspro.slice/pbspro-${process.pid}.server.slice`, "batch-job"],
  [V2, `${OWN}/app.slice/slurmstepd.scope/job_${process.pid}`, "two-sweeps"],
  [V1, `slurm/uid_${uid}/job_${process.pid}/step_0/task_0`, "batch-job"],
  [V1, `sge/${process.pid}.1`, "batch-job"],
];

function program(home: string, path: string, args: readonly string[], children: PlanNode[] = []): PlanNode {
  const exe = join(home, path);
  installPuppet(home, exe, uid);
  return { uid, exe, argv: [exe, ...args], behaviours: ["daemon"], children };
}

function zed(home: string): PlanNode {
  const args = ["run", "--log-file", "w.log", "--pid-file", "w.pid", "--stdin-socket", "i.sock"];
  return program(home, ".zed_server/zed-remote-server-stable-0.199.1", args);
}

/** Gateway's script, the backend that it starts, and a helper of that. */
function jetbrains(home: string): PlanNode {
  const dist = ".cache/JetBrains/RemoteDev/dist/1a2b_ideaIU-2025.1";
  const notifier = program(home, `${dist}/bin/fsnotifier`, []);
  const args = ["-cp", "x.jar", "com.intellij.idea.Main", "serverMode", "/p"];
  const backend = program(home, `${dist}/jbr/bin/java`, args, [{ ...notifier, behaviours: [] }]);
  const script = join(home, dist, "bin/remote-dev-server.sh");
  writeOwned(script, `"\${0%/bin/*}/jbr/bin/java" ${args.join(" ")}\n:\n`, uid, 0o755);
  const argv = ["bash", script, "run", "/p"];
  const children = [{ ...backend, behaviours: [] }];
  return { uid, exe: "/bin/bash", argv, behaviours: ["foreign", "launch", "daemon"], children };
}

function insideNamespace(): void {
  let stage: Stage;
  const made = CGROUPS.filter(([mount]) => mount !== undefined);
  const folderOf = (mount: string | undefined, path: string): string => join(mount ?? "", path);

  before(async () => {
    for (const [mount, path] of made) mkdirSync(folderOf(mount, path), { recursive: true });
    const named = (name: string, plan: PlanNode): PlanNode => ({ ...plan, name });
    stage = await startTree(
      [
        named("plain", bareServer(makeHome(uid), uid)),
        named("member", bareServer(makeHome(MEMBER), MEMBER)),
        named("root", bareServer(makeHome(0), 0)),
        named("system", bareServer(makeHome(SYSTEM_ACCOUNT), SYSTEM_ACCOUNT)),
        named("zed", zed(makeHome(uid))),
        named("jetbrains", jetbrains(makeHome(uid))),
        ...made.map(([mount, path]) =>
          named(path, bareServer(makeHome(uid), uid, [`cgroup=${folderOf(mount, path)}`])),
        ),
      ],
      { endAfterTest: false },
    );
    const accounts = `
      { cat /etc/passwd; echo alice:x:${uid}:${uid}::/:/bin/sh; echo bob:x:${MEMBER}:${MEMBER}::/:/bin/sh; } >/run/passwd
      { cat /etc/group; echo ide:x:64999:bob; } >/run/group
      mount --bind /run/passwd /etc/passwd; mount --bind /run/group /etc/group`;
    assert.equal(spawnSync("sh", ["-ec", accounts]).status, 0);
  });
  after(async () => {
    await stage.end();
    for (const [mount, path] of made) {
      await removeCgroup(folderOf(mount, path));
      const above = dirname(path);
      spawnSync("rmdir", ["--parents", "--ignore-fail-on-non-empty", above], { cwd: mount });
    }
  });

  /** The tree of a name, under a configuration. */
  function treeAt(name: string, settings = ""): TreeDocument {
    const tree = treeOf(stage.node(name).pid, temporaryFile("config.toml", `settle = "0s"\n${settings}`));
    assert.ok(tree, `no tree: ${name}`);
    return tree;
  }

  const NO_GRACE = 'grace = "0"\n';
  const PATIENT = '[graceByProduct]\njetbrains = "2h"\n';
  const CLAIMS: readonly (readonly [claim: string, name: string, settings: string, code: string])[] = [
    ["a tree of root's", "root", NO_GRACE, "root-user"],
    ["a tree of a system account", "system", NO_GRACE, "system-account"],
    ["one of a user whose group is exempt", "member", `${NO_GRACE}exemptGroups = ["ide"]\n`, "exempt-entry"],
    ["one of another user", "plain", `${NO_GRACE}exemptGroups = ["ide"]\n`, "two-sweeps"],
    ["one of an exempt product", "zed", `${NO_GRACE}[[exempt]]\nproduct = "zed"\n`, "exempt-entry"],
    ["one of another product", "jetbrains", `${NO_GRACE}[[exempt]]\nproduct = "zed"\n`, "two-sweeps"],
    ["a product with a grace of its own", "jetbrains", PATIENT, "inside-grace"],
    ...made.map(([, path, code]) => [`a tree in ${path}`, path, NO_GRACE, code] as const),
  ];
  for (const [claim, name, settings, code] of CLAIMS)
    test(`${claim}: ${code}`, () => assert.equal(treeAt(name, settings).reasonCode, code));

  test("the layouts of Zed and of JetBrains' Gateway, each with its product and all its processes", () => {
    const trees = ["plain", "zed", "jetbrains"].map((name) => treeAt(name));
    const sizes = trees.map(({ product, pids }) => [product, pids.length]);
    assert.deepEqual(sizes, [
      ["vscode", 1],
      ["zed", 1],
      ["jetbrains", 3],
    ]);
    assert.equal(treeAt("jetbrains", PATIENT).graceSeconds, 7200);
  });

  test("a forced sweep ends what is nobody's job and no account's of the system; --include-jobs ends jobs as well", () => {
    const jobs = made.flatMap(([, path, code]) => (code === "batch-job" ? [path] : []));
    succeeds(["--force", "--yes", "-c", config()]);
    assert.deepEqual(living(stage), ["root", "system", ...jobs]);
    succeeds(["--force", "--yes", "--include-jobs", "--include-exempt", "-c", config()]);
    assert.deepEqual(living(stage), ["root", "system"]);
  });
}

insidePidNamespace(import.meta.url, "claims", insideNamespace);
