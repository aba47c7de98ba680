// What the session-close hook adds to a logout: as pam_exec starts it, on hosts of two sizes.
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const UID = uidOf(0);
const RUN = "/run/vscode-grim-reaper";
const PROGRAMS = [["/bin/true"], [HOOK]];

// What sshd's stack leaves there, and the items that pam_exec adds (pam_exec(8)).
const ENVIRONMENT = {
  LANG: "C.UTF-8",
  PATH: "/usr/local/bin:/usr/bin:/bin:/usr/games",
  XDG_SESSION_ID: "1",
  XDG_RUNTIME_DIR: `/run/user/${UID}`,
  PAM_SERVICE: "sshd",
  PAM_USER: "alice",
  PAM_TTY: "ssh",
  PAM_RHOST: "192.0.2.1",
  PAM_TYPE: "close_session",
};

export async function measureHooks(sizes: readonly number[], runs: number): Promise<HookCost[]> {
  // A session of the user's, which the stopwatch is part of.
  const driver = join(WORK, "session");
  const text = `#!/bin/sh\necho ${UID} >/proc/self/loginuid && exec ${helper("stopwatch")} "$@"\n`;
  writeFileSync(driver, text, { mode: 0o755 });
  const costs: HookCost[] = [];
  for (const size of sizes) {
    const host = await startLoginNode(size);
    try {
      costs.push(measure(host.total, driver, runs));
    } finally {
      await host.end();
    }
  }
  return costs;
}

function measure(processes: number, driver: string, runs: number): HookCost {
  // The first starts fill the caches.
  time(2, PROGRAMS, driver, ENVIRONMENT);
  const [base = [], hook = []] = time(runs, PROGRAMS, driver, ENVIRONMENT);
  for (const starts of [base, hook]) requireStatus(starts, [0], "/bin/true or session-close");
  const tags = readdirSync(join(RUN, "tags"));
  if (tags.join() !== `${UID}.json`)
    throw new Error(`the hook left ${tags.join(" ")}: not the work to be timed`);
  rmSync(RUN, { recursive: true });
  const added = (of: (start: Start) => number): number => median(hook.map(of)) - median(base.map(of));
  return {
    processes,
    wall: added(({ wall }) => wall),
    cpu: added(({ cpu }) => cpu),
    peak: Math.max(...hook.map(({ peak }) => peak)),
  };
}

import { startLoginNode, uidOf } from "./host.ts";
import type { HookCost } from "./results.ts";
import { HOOK, helper, median, requireStatus, type Start, time, WORK } from "./tools.ts";
