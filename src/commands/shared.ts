/** What the commands share: the concrete machine, the request that options make, output and errors. */

import { join } from "node:path";
import type { Observation } from "../core/observation/observation.ts";
import type { Policy } from "../core/policy/policy.ts";
import { localDate } from "../core/text/format.ts";
import { escapeText } from "../core/text/safe-text.ts";
import { NO_ACCOUNTS } from "../core/verdict/exemption.ts";
import { type JudgeOptions, UNFORCED } from "../core/verdict/judge.ts";
import { Cluster } from "../shell/cluster/helper-client.ts";
import { systemMinUid } from "../shell/config.ts";
import { lookUpAccounts, uidOf } from "../shell/host/accounts.ts";
import { loadNative, type Native } from "../shell/host/native.ts";
import { type Log, writeAll } from "../shell/output/log.ts";
import { KEEP_FOLDER } from "../shell/store/keep-requests.ts";
import { RUN_FOLDER } from "../shell/store/paths.ts";
import { prepareFolder } from "../shell/store/safe-files.ts";
import { actsForHost } from "../shell/store/service-account.ts";
import type { Ports, SweepRequest } from "../sweep/sweep.ts";
import { EXIT, Failure, isBrokenPipe } from "./exit.ts";

export interface Common {
  readonly config?: string;
  readonly user?: readonly string[];
  readonly json?: boolean;
}

export const ownUid = (): number => process.geteuid?.() ?? -1;

export const isRoot = (): boolean => ownUid() === 0;

export const silent: Log = { write: async () => {}, trouble: () => null, close: () => {} };

export function portsFor(log: Log): Ports {
  return {
    native: loadNative(),
    log,
    runFolder: RUN_FOLDER,
    keepFolder: KEEP_FOLDER,
    procRoot: "/proc",
    lookUpAccounts,
    // What the nodes tell each other is root's to read.
    cluster: actsForHost() ? new Cluster() : null,
    askVeto: null,
    recorders: [],
  };
}

/** One sweep at a time, until this program ends. */
export function holdLock(native: Native): void {
  const lock = join(RUN_FOLDER, "lock");
  let answer: ReturnType<Native["lock"]>;
  try {
    prepareFolder(RUN_FOLDER, 0o700);
    answer = native.lock(lock);
  } catch (error) {
    const remedy = "nothing was ended; make room there, or make it writable (RuntimeDirectory= in the unit)";
    throw new Failure(EXIT.failed, `cannot use ${RUN_FOLDER}: ${(error as Error).message}; ${remedy}`);
  }
  if (answer === "busy")
    throw new Failure(EXIT.busy, `another sweep is running (it holds ${lock}); wait for it to end`);
}

export function requestFor(
  policy: Policy,
  options: Common,
  chosen: Partial<JudgeOptions> = {},
): SweepRequest {
  const users = options.user?.map(userToUid) ?? null;
  if (!actsForHost() && users?.some((uid) => uid !== ownUid()))
    throw new Failure(EXIT.denied, "other users' processes can only be judged by root; run it with sudo");
  // Not root: what can be read, and so judged, is one's own.
  const uids = actsForHost() ? users : [ownUid()];
  return {
    context: {
      policy,
      accounts: NO_ACCOUNTS,
      minUid: policy.minUid ?? systemMinUid(),
      today: localDate(new Date()),
      options: { ...UNFORCED, ...chosen, uids },
    },
    dryRun: true,
    uids,
  };
}

function userToUid(user: string): number {
  let uid: number | null;
  try {
    uid = uidOf(user);
  } catch (error) {
    throw new Failure(EXIT.failed, `cannot look up the user ${user}: ${(error as Error).message}`);
  }
  if (uid === null)
    throw new Failure(EXIT.usage, `there is no user ${escapeText(user)}; give a login name or a uid`);
  return uid;
}

export function noTree(pids: readonly number[], observation: Observation): Failure {
  const pid =
    pids.find((candidate) => !observation.processes.some((process) => process.pid === candidate)) ?? pids[0];
  const alive = observation.processes.some((process) => process.pid === pid);
  const what = alive ? `process ${pid} belongs to no server tree` : `no server tree holds a process ${pid}`;
  return new Failure(EXIT.failed, `${what}; "vscode-grim-reaper list" shows the trees there are`);
}

/** Writes a text and a line end to standard output. A reader that is gone is no failure. */
export function print(text: string): void {
  try {
    writeAll(1, `${text}\n`);
  } catch (error) {
    if (!isBrokenPipe(error))
      throw new Failure(EXIT.failed, `cannot write to standard output: ${(error as Error).message}`);
  }
}
