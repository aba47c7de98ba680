// What runs in a real terminal of a tree that ends: what its user set free lives on, a prompt that waits holds up nothing.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bareServer } from "../helpers/ide-trees.ts";
import { argvOf, pidsWhere } from "../helpers/proc-read.ts";
import { config, PROGRAM, run, succeeds } from "../helpers/program.ts";
import { living, type PlanNode, readStat, readUids, startTree } from "../helpers/puppet.ts";
import { eventually, makeHome, removeCgroup, USER } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

insidePidNamespace(import.meta.url, "terminals", insideNamespace);

/** An account that su knows. */
const NOBODY = 65_534;

const hierarchy = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids", "/sys/fs/cgroup"].find((at) =>
  existsSync(`${at}/cgroup.procs`),
);

/** A server below which script(1) runs a shell with job control in a terminal of its own. */
function serverWithTerminal(home: string, commands: readonly string[], uid = USER): PlanNode {
  const file = join(home, "commands.sh");
  writeFileSync(file, [...commands, "sleep 7500", ":"].join("\n"));
  const argv = ["script", "-qfc", `exec bash -m ${file}`, "/dev/null"];
  const behaviours = ["foreign", "hold-stdin"] as const;
  const terminal = { name: "terminal", uid, exe: "/usr/bin/script", argv, behaviours };
  return bareServer(home, uid, [], [terminal]);
}

const pidsOf = (line: string): number[] =>
  pidsWhere((pid) => argvOf(pid).join(" ") === line && readStat(pid).state !== "Z");

/** Waits until a terminal runs this command. */
async function pidOf(line: string): Promise<number> {
  await eventually(() => pidsOf(line).length === 1, line);
  return pidsOf(line)[0] ?? 0;
}

function insideNamespace(): void {
  const LIVES_ON = [
    "nohup sleep 7501 > /dev/null 2>&1 &",
    "(nohup sleep 7502 > /dev/null 2>&1 &)",
    "setsid sleep 7503 &",
    "setsid sh -c 'sleep 7504; :' &",
  ];
  const IN_A_CGROUP = "sleep 7505 &";
  const ENDS = ["sleep 7506 &", "sleep 7507 & disown"];

  test("nohup, setsid and a cgroup of its own outlive the tree; a job in the background does not, disowned or not", async () => {
    const home = makeHome(USER);
    const steps = (): string => readFileSync(join(home, "steps"), "utf8");
    const jobs = [...LIVES_ON, IN_A_CGROUP, ...ENDS];
    // While the tree is ended, for the shell is deaf to SIGTERM, a job that left it starts one step after the other.
    const steady = `trap '' TERM; setsid -f sh -c 'while sleep 0.3; do echo >> ${home}/steps; done'`;
    const stage = await startTree(serverWithTerminal(home, [steady, ...jobs]));
    const lines = jobs.map((job) => /sleep \d+/.exec(job)?.[0] ?? "");
    for (const line of lines) await pidOf(line);
    const cgroup = join(hierarchy ?? "", `set-free-${process.pid}-${Date.now()}`);
    if (hierarchy !== undefined) {
      mkdirSync(cgroup);
      writeFileSync(`${cgroup}/cgroup.procs`, String(await pidOf("sleep 7505")));
    }
    const left = (): string[] => lines.filter((line) => pidsOf(line).length > 0);
    try {
      assert.notEqual(readStat(await pidOf("sleep 7501")).tty, 0, "nohup keeps its terminal");
      const server = String(stage.node("server").pid);
      const explained = run(["explain", server, "-c", config()]).stdout;
      assert.match(explained, /was set free by its user: ignores the hangup of its terminal/);
      succeeds(["-v", "-c", config()]);
      assert.deepEqual(living(stage), []);
      const expected = lines.slice(0, LIVES_ON.length + (hierarchy === undefined ? 0 : 1));
      assert.deepEqual(left(), expected);
      const { length } = steps();
      await eventually(() => steps().length > length, "the job goes on with its steps");
      // Once their parents are dead they are outside every tree.
      run(["--force", "-u", String(USER), "-c", config()]);
      assert.deepEqual(left(), expected);
    } finally {
      for (const line of lines) for (const pid of pidsOf(line)) process.kill(pid, "SIGKILL");
      if (hierarchy !== undefined) await removeCgroup(cgroup);
    }
  });

  test("end in a terminal leaves the tree of that terminal; below setsid it ends that as well", async () => {
    const home = makeHome(USER);
    const log = join(home, "end.log");
    const end = `${process.execPath} ${PROGRAM} end -c ${config()} >> ${log} 2>&1`;
    const careful = await startTree(serverWithTerminal(home, [`${end}; echo "status $?" >> ${log}`]));
    await eventually(() => existsSync(log) && /status 0/.test(readFileSync(log, "utf8")), "the first ends");
    assert.match(readFileSync(log, "utf8"), /left alone: this command runs in the tree of \d+; .*setsid/);
    assert.deepEqual(living(careful), ["server", "terminal"]);
    const meant = await startTree(serverWithTerminal(home, [`setsid ${end}`]));
    await eventually(() => living(careful).length + living(meant).length === 0, "both trees end");
    await eventually(() => /under pid/.test(readFileSync(log, "utf8")), "it says so");
    assert.doesNotMatch(readFileSync(log, "utf8"), /Failed/);
  });

  test("su that waits for a password holds up nothing, and ends with its terminal", async () => {
    const home = makeHome(NOBODY);
    const stage = await startTree(serverWithTerminal(home, ["su root -c 'sleep 7511'"], NOBODY));
    const su = await pidOf("su root -c sleep 7511");
    assert.deepEqual(readUids(su).slice(1), [0, 0, 0]);
    await eventually(() => readStat(su).state === "S", "su waits");
    const swept = run(["-v", "-c", config()]);
    assert.match(swept.stderr, /Killed \d+ process\(es\) under pid/, swept.stderr);
    assert.deepEqual(living(stage), []);
    await eventually(() => pidsOf("su root -c sleep 7511").length === 0, "the hangup ends su");
  });
}
