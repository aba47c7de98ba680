// Too few descriptors, processes, too little memory: at every limit a sweep either does its work or fails as a whole.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { config, Host, runIn } from "../helpers/faults.ts";
import { removeCgroup } from "../helpers/real.ts";
import { insidePidNamespace } from "../helpers/sandbox.ts";

/** A line of the product's own, as opposed to Node's that cannot even start. */
const SAID = /^(?:vscode-grim-reaper: |\[\d{4}-\d\d-\d\dT[\d:]{8}\] )(?:cannot|Nothing was ended)/m;

/** Node may hang where it can start no thread. */
const IN_TIME = ["timeout", "-s", "KILL", "40"];

function insideNamespace(): void {
  const host = new Host();

  /** One sweep below each of these commands. Returns how they went. */
  async function sweepAtEach(
    t: TestContext,
    what: string,
    unders: readonly (readonly string[])[],
  ): Promise<void> {
    const went = { worked: 0, refused: 0, "could not start": 0 };
    for (const under of unders) {
      await host.renew();
      const ran = runIn({ under: [...IN_TIME, ...under], mayDie: true }, ["-v", "-c", config()]);
      const where = `${under.join(" ")}: ${ran.status} ${ran.stdout}${ran.stderr}`;
      if (ran.status === 0) went.worked += 1;
      else if (SAID.test(ran.stderr)) went.refused += 1;
      else went["could not start"] += 1;
      // What did not say that it failed has done its work; what could not look has not touched anything.
      host.assertSound(ran.status === 0 ? false : ran.stderr.includes("Killed") ? null : true, where);
      if (ran.status !== 0) host.heal();
    }
    t.diagnostic(`${what}: ${JSON.stringify(went)}`);
    assert.ok(went.worked > 0, "no limit was high enough");
    assert.ok(went["could not start"] + went.refused > 0, "no limit was low enough");
  }

  const numbers = (from: number, to: number, by = 1): number[] =>
    Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, i) => from + i * by);

  test("8 to 64 descriptors", (t) => {
    const limits = numbers(8, 64).map((n) => ["prlimit", `--nofile=${n}:${n}`]);
    return sweepAtEach(t, "descriptors", limits);
  });

  test("an address space of 400 MB to 1.6 GB", (t) => {
    const limits = numbers(400, 1600, 60).map((mb) => ["prlimit", `--as=${mb * 1_000_000}`]);
    return sweepAtEach(t, "address space", limits);
  });

  const cgroup = pidsCgroup();
  // Below that Node 20 hangs before it runs a line of ours, on a thread that it cannot have (measured).
  test("8 to 20 processes and threads, by cgroup", {
    skip: cgroup === null && "needs the pids controller",
  }, async (t) => {
    const limited = (n: number): string[] => {
      const enter = `echo ${n} > ${cgroup}/pids.max; echo $$ > ${cgroup}/cgroup.procs; exec "$@"`;
      return ["sh", "-c", enter, "sh"];
    };
    t.after(() => removeCgroup(String(cgroup)));
    await sweepAtEach(t, "processes", numbers(8, 20).map(limited));
  });
}

/** A new cgroup with a limit of processes, or null where there is no such controller. */
function pidsCgroup(): string | null {
  if (process.getuid?.() !== 0) return null;
  for (const mount of ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"]) {
    const folder = `${mount}/reaper-faults-${process.ppid}-${Date.now()}`;
    try {
      if (existsSync(`${mount}/cgroup.subtree_control`))
        writeFileSync(`${mount}/cgroup.subtree_control`, "+pids");
      mkdirSync(folder);
    } catch {
      continue;
    }
    if (existsSync(`${folder}/pids.max`)) return folder;
    rmdirSync(folder);
  }
  return null;
}

insidePidNamespace(import.meta.url, "limits", insideNamespace);
