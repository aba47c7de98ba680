/**
 * The options of `sweep`. Node's own parser reads them here: commander takes 8 ms of each start. What it refuses, a mistake
 * or a call for help, the other bundle answers, whose commander is given the same table.
 */

import { parseArgs } from "node:util";
import { parseDuration } from "../core/text/duration.ts";

const LOG_FORMATS = ["standard", "json"] as const;

/** An option as Node's parser knows it, with what help says of it. */
export interface OptionRow {
  readonly type: "boolean" | "string";
  readonly short?: string;
  readonly multiple?: boolean;
  readonly default?: string | boolean;
  /** What help calls its value, and the values it may have; absent: any. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly help: string;
}

const flag = { type: "boolean", default: false } as const;
const text = { type: "string" } as const;

export const CONFIG_OPTION = {
  ...text,
  short: "c",
  value: "file",
  help: "read this configuration instead of /etc/vscode-grim-reaper",
} as const;

export const USER_OPTION = {
  ...text,
  short: "u",
  multiple: true,
  value: "user",
  help: "only trees of this user, by name or uid (repeatable)",
} as const;

export const SWEEP_OPTIONS = {
  verbose: {
    type: "boolean",
    short: "v",
    multiple: true,
    help: "list each process that was ended; twice: every verdict with its reasons",
  },
  log: {
    ...text,
    short: "l",
    default: "-",
    value: "file",
    help: "append the log to this file; - is standard error",
  },
  "dry-run": { ...flag, short: "n", help: "show what would be ended; change nothing" },
  force: {
    ...flag,
    short: "f",
    help: "also end trees that are in use, in doubt or in their grace period; never exempt ones",
  },
  "include-jobs": { ...flag, help: "with --force: also end trees of batch jobs" },
  "include-exempt": { ...flag, help: "with --force: also end trees of exempt users, groups and products" },
  pid: {
    ...text,
    multiple: true,
    value: "pid",
    help: "only the tree that contains this process (repeatable)",
  },
  settle: {
    ...text,
    value: "duration",
    help: "how long to wait before the second look (default: the configuration's)",
  },
  json: { type: "boolean", help: "print the result as JSON" },
  yes: { ...flag, short: "y", help: "with --force: do not ask before the whole host is swept" },
  "log-format": {
    ...text,
    default: "standard",
    value: "format",
    choices: LOG_FORMATS,
    help: "the format of the log: standard or json",
  },
  user: USER_OPTION,
  config: CONFIG_OPTION,
} as const satisfies Readonly<Record<string, OptionRow>>;

export type SweepOptions = NonNullable<ReturnType<typeof sweepOptionsOf>>;

/** Whether a sweep would end what is in use on the whole host, and no option agrees to that: then it asks first. */
export function asksFirst({ force, dryRun, yes, user, pid }: SweepOptions): boolean {
  return force && !dryRun && !yes && user === undefined && pid === undefined;
}

/** Reads the arguments of a sweep, which may begin with its name; null if they are not, or hold a mistake. */
export function sweepOptionsOf(args: readonly string[]) {
  const own = args[0] === "sweep" ? args.slice(1) : [...args];
  try {
    const { values } = parseArgs({ args: own, options: SWEEP_OPTIONS });
    const { verbose = [], pid, settle, "log-format": named, log, force, yes } = values;
    const logFormat = LOG_FORMATS.find((format) => format === named);
    const [pids, ms] = [pid?.map(parsePid), settle === undefined ? undefined : parseDuration(settle)];
    if (logFormat === undefined || ms === null || pids?.some((one) => one === null)) return null;
    return {
      verbose: verbose.length,
      log,
      logFormat,
      force,
      yes,
      dryRun: values["dry-run"],
      includeJobs: values["include-jobs"],
      includeExempt: values["include-exempt"],
      ...(pids && { pid: pids as number[] }),
      ...(ms !== undefined && { settle: ms }),
      ...(values.json && { json: true }),
      ...(values.user && { user: values.user }),
      ...(values.config !== undefined && { config: values.config }),
    };
  } catch {
    return null;
  }
}

/** Parses a process id; null if it is none. */
export function parsePid(typed: string): number | null {
  return /^[1-9]\d{0,9}$/.test(typed) ? Number(typed) : null;
}
