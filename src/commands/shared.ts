/** Shares what commands need: the machine, the request that options make, output and errors. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Policy } from "../core/policy/policy.ts";
import { formatDuration } from "../core/text/duration.ts";
import { localDate } from "../core/text/format.ts";
import { escapeText, safeJson } from "../core/text/safe-text.ts";
import { type JudgeOptions, UNFORCED } from "../core/verdict/judge.ts";
import { EXIT, Failure } from "../shell/failure.ts";
import { uidOf } from "../shell/host/accounts.ts";
import { loadNative, type Native } from "../shell/host/native.ts";
import { type Log, writeAll } from "../shell/output/log.ts";
import { withUsers } from "../shell/output/with-users.ts";
import { RUN_FOLDER } from "../shell/store/paths.ts";
import { prepareFolder } from "../shell/store/safe-files.ts";
import { actsForHost } from "../shell/store/service-account.ts";
import type { Ports, SweepRequest } from "../sweep/ports.ts";

/** The options that most commands take. */
export interface Common {
  readonly config?: string;
  readonly user?: readonly string[];
  readonly json?: boolean;
}

/** The effective uid of this process. */
export const ownUid = (): number => process.geteuid?.() ?? -1;

/** What a look at this machine works with. */
export const thisHost = (): Pick<Ports, "native" | "runFolder"> => ({
  native: loadNative(),
  runFolder: RUN_FOLDER,
});

/** Connects a sweep to this machine; `stop` interrupts it. */
export function portsFor(log: Log, stop: AbortSignal = new AbortController().signal): Ports {
  const host = thisHost();
  return {
    ...host,
    log,
    stop,
    wait: async (ms) => {
      if (ms > 0 && process.stderr.isTTY)
        complain(`Looking again in ${formatDuration(ms)}; nothing is ended before that (Ctrl-C stops)`);
      await sleep(ms, undefined, { signal: stop }).catch(() => undefined);
    },
    // A lock under which signals are sent, forced or not. A user's own trees need none: each process is pinned and checked
    // before each signal.
    holdSignals: async () => {
      if (actsForHost()) await hold(host.native, "signals.lock", "is ending processes", SIGNALS_MS, stop);
    },
    keepsAccount: actsForHost(),
  };
}

/** Takes the lock that allows one unforced sweep at a time; held until this program ends. @throws Failure */
export const holdLock = (native: Native): Promise<void> => hold(native, "lock", "is running", 0);

/** How long one sweep waits for another that sends signals: that one takes `termWait` and a few seconds. */
const SIGNALS_MS = 120_000;

/** Takes a lock of the run folder, for which it waits this long. @throws Failure */
async function hold(native: Native, name: string, what: string, waitMs: number, stop?: AbortSignal) {
  const lock = join(RUN_FOLDER, name);
  const end = performance.now() + waitMs;
  while (!stop?.aborted && takeLock(native, lock) === "busy") {
    if (performance.now() >= end)
      throw new Failure(EXIT.busy, `another sweep ${what} (it holds ${lock}); wait for it to end`);
    await sleep(100);
  }
}

function takeLock(native: Native, lock: string): ReturnType<Native["lock"]> {
  try {
    prepareFolder(RUN_FOLDER, 0o700);
    return native.lock(lock);
  } catch (error) {
    const remedy = "nothing was ended; free space there, or make it writable (RuntimeDirectory= in the unit)";
    throw new Failure(EXIT.failed, `cannot use ${RUN_FOLDER}: ${(error as Error).message}; ${remedy}`);
  }
}

/** Makes a request from options. Without root it is limited to the caller. @throws Failure */
export function requestFor(
  policy: Policy,
  options: Common,
  chosen: Partial<JudgeOptions> = {},
): SweepRequest {
  const users = options.user?.map(userToUid) ?? null;
  if (!actsForHost() && users?.some((uid) => uid !== ownUid()))
    throw new Failure(EXIT.denied, "only root can judge other users' processes; run it with sudo");
  // Without root only the caller's own processes can be read.
  const uids = actsForHost() ? users : [ownUid()];
  return {
    context: {
      policy,
      today: localDate(new Date()),
      options: { ...UNFORCED, ...chosen, uids },
    },
    dryRun: true,
    settle: 0,
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

/** Makes the error for processes of which none belongs to a server tree. */
export function noTree(pids: readonly number[]): Failure {
  const isAlive = (pid: number | undefined): boolean => existsSync(`/proc/${pid}`);
  const pid = pids.find((candidate) => !isAlive(candidate)) ?? pids[0];
  const what = isAlive(pid)
    ? `process ${pid} does not belong to a server tree`
    : `there is no process ${pid}`;
  return new Failure(EXIT.failed, `${what}; "vscode-grim-reaper list" shows all trees`);
}

/** Prints a document as one line of JSON, with the login name beside each uid. */
export function printJson(document: object): void {
  print(safeJson(withUsers(document)));
}

/** Writes one line for people to standard error. */
export const complain = (text: string): void => writeAll(2, `vscode-grim-reaper: ${escapeText(text)}\n`);

/** Writes a text and a line end to standard output. A reader that has gone is not a failure. */
export function print(text: string): void {
  try {
    writeAll(1, `${text}\n`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "EPIPE") throw new Failure(EXIT.failed, `cannot write to standard output: ${message}`);
  }
}
