/** A user's own request that their trees be left alone: finds, starts and ends the process that it is. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { keepsIn } from "../../core/observation/keep.ts";
import type { Keep } from "../../core/observation/observation.ts";
import type { Native } from "../../shell/host/native.ts";
import { runTool } from "../../shell/host/run-tool.ts";
import { KEEP_PROGRAM } from "../../shell/store/paths.ts";
import { ask } from "./ask.ts";

const SIGTERM = 15;
const LOGIND = "org.freedesktop.login1";

/** Lists the living requests of a user. @throws when /proc cannot be read */
export async function readKeeps(native: Native, uid: number): Promise<Keep[]> {
  const seen = await native.snapshot({
    procRoot: "/proc",
    uids: [uid],
    full: false,
    exeMarkers: [KEEP_PROGRAM],
    interpreters: [],
    argvMarkers: [],
    sshdNames: [],
    jobVariables: [],
    timeoutMs: 200,
    budgetMs: 1000,
  });
  return keepsIn(seen, KEEP_PROGRAM).filter((keep) => keep.uid === uid);
}

/** Starts a request. The program goes into the background by itself. @throws */
export function startKeep(seconds: number): void {
  if (!existsSync(KEEP_PROGRAM))
    throw new Error(`${KEEP_PROGRAM} is not installed; ask the administrators of this host`);
  const { status, error } = spawnSync(KEEP_PROGRAM, [String(seconds)], { stdio: "ignore", cwd: "/" });
  if (status !== 0) throw new Error(`${KEEP_PROGRAM}: ${error?.message ?? `exit status ${status}`}`);
}

/** Ends requests of the caller's, and waits until they count for nothing. */
export async function endKeeps(native: Native, keeps: readonly Keep[]): Promise<void> {
  for (const keep of keeps) native.signal(keep, keep.uid, SIGTERM);
  await native.waitGone(keeps, 1000);
}

/** Whether logind ends a user's processes at their last logout; null: there is no logind to ask. */
export function killsAtLogout(): boolean | null {
  const args = ["get-property", LOGIND, "/org/freedesktop/login1", `${LOGIND}.Manager`, "KillUserProcesses"];
  const answer = ask(() => runTool("/usr/bin/busctl", args, 1000).trim());
  return "value" in answer ? answer.value === "b true" : null;
}
