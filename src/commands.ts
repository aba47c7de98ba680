/** What each command does, in terms of observe, judge and show. Each returns the exit status. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeCatalogue } from "./core/catalogue.ts";
import { faultLine, hostDocument, treeDocument } from "./core/document.ts";
import { formatDuration } from "./core/duration.ts";
import { NO_ACCOUNTS } from "./core/exemption.ts";
import { hintsOf, scopeOf, whatWouldChange } from "./core/hints.ts";
import { type JudgeContext, type Judgement, type JudgeOptions, judge, UNFORCED } from "./core/judge.ts";
import { parseListing } from "./core/listing.ts";
import type { Policy } from "./core/policy.ts";
import { safeJson } from "./core/report.ts";
import { parseSaved } from "./core/saved.ts";
import { escapeText } from "./core/text.ts";
import type { Fault, Observation } from "./core/types.ts";
import { explainLines, LIST_HEAD, listRow } from "./core/view.ts";
import { Failure, isBrokenPipe } from "./failure.ts";
import { lookUpAccounts, nameOf, uidOf } from "./shell/accounts.ts";
import { loadConfig, systemMinUid } from "./shell/config.ts";
import { type Log, openLog, writeAll } from "./shell/log.ts";
import { askLogind } from "./shell/logind.ts";
import { loadNative } from "./shell/native.ts";
import { prepareRunFolder, RUN_FOLDER } from "./shell/state.ts";
import { painter, renderTable } from "./shell/table.ts";
import { look, type Ports, type SweepRequest, sweep } from "./sweep.ts";

const FAILED = 1;
const USAGE = 64;
const BUSY = 75;
const DENIED = 77;

interface Common {
  readonly config?: string;
  readonly user?: readonly string[];
  readonly json?: boolean;
}

interface SweepOptions extends Common {
  readonly verbose: number;
  readonly log: string;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly includeJobs: boolean;
  readonly includeExempt: boolean;
  readonly pid?: readonly number[];
  readonly logFormat: "standard" | "json";
}

const ownUid = (): number => process.geteuid?.() ?? -1;
const isRoot = (): boolean => ownUid() === 0;

export async function runSweep(options: SweepOptions): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  if ((options.includeJobs || options.includeExempt) && !options.force)
    throw new Failure(USAGE, "--include-jobs and --include-exempt only mean something with --force");
  const changes = !options.dryRun && (policy.enforce || options.force);
  if (changes && !isRoot())
    throw new Failure(
      DENIED,
      "a sweep that ends processes needs root; run it with sudo, or look with --dry-run",
    );
  const request = requestFor(policy, options, {
    force: options.force,
    includeJobs: options.includeJobs,
    includeExempt: options.includeExempt,
    pids: options.pid ?? null,
  });
  const log = openLog({
    format: options.logFormat,
    file: options.log === "-" ? null : options.log,
    verbosity: options.verbose,
  });
  try {
    const ports = portsFor(log);
    if (changes) {
      prepareRunFolder(RUN_FOLDER);
      const lock = join(RUN_FOLDER, "lock");
      if (ports.native.lock(lock) === "busy")
        throw new Failure(BUSY, `another sweep is running (it holds ${lock}); wait for it to end`);
    }
    const result = await sweep(ports, { ...request, dryRun: options.dryRun });
    const { observation, judgements, faults, outcomes } = result;
    if (options.pid && judgements.length === 0) throw noTree(options.pid, observation);
    if (options.json) print(safeJson(hostDocument(observation, judgements, faults, outcomes)));
    return result.failed || log.trouble() !== null ? FAILED : 0;
  } finally {
    log.close();
  }
}

export async function list(options: Common): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const { observation, judgements, faults } = await look(portsFor(silent), requestFor(policy, options));
  return show(observation, judgements, options.json ?? false, policy, faults);
}

export async function explain(pid: number, options: Common): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const request = requestFor(policy, options, { pids: [pid] });
  const { observation, judgements } = await look(portsFor(silent), request);
  const judgement = judgements[0];
  if (!judgement) throw noTree([pid], observation);
  const scope = scopeOf(judgement.tree.root.cgroups);
  const catalogue = makeCatalogue(policy.catalogue);
  const hints = hintsOf(judgement, observation, catalogue, scope === null ? null : askLogind(scope));
  if (options.json) {
    const document = treeDocument(judgement, observation);
    print(safeJson({ schemaVersion: 1, ...document, hints, change: whatWouldChange(judgement) }));
  } else print(explainLines(judgement, observation, pid, hints, painter()).join("\n"));
  return 0;
}

export async function snapshot(options: Common): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const { observation } = await look(portsFor(silent), requestFor(policy, options));
  print(safeJson(observation));
  return 0;
}

export async function replay(
  file: string,
  options: Common & { readonly format: "snapshot" | "ps" },
): Promise<number> {
  const { policy } = loadConfig(options.config ?? null);
  const text = readInput(file);
  const observation = options.format === "ps" ? readListing(file, text) : readSaved(file, text);
  const context: JudgeContext = {
    policy,
    accounts: NO_ACCOUNTS,
    minUid: policy.minUid ?? systemMinUid(),
    // The day of the observation: exemptions then in force count.
    today: localDate(new Date(observation.takenAt)),
    options: UNFORCED,
  };
  return show(observation, judge(observation, context), options.json ?? false, policy, observation.faults);
}

export async function checkConfig(file: string | undefined): Promise<number> {
  const { policy, files } = loadConfig(file ?? null);
  const { faults } = lookUpAccounts(policy, []);
  const today = localDate(new Date());
  const rows: readonly (readonly [string, string])[] = [
    ["files", files.length > 0 ? files.join(", ") : "none: every key has its default"],
    [
      "mode",
      policy.enforce ? "enforcing: orphans are ended" : "observing: nothing is ended (enforce = false)",
    ],
    ["grace", formatDuration(policy.grace)],
    ...Object.entries(policy.graceByProduct).map(([id, ms]) => [`grace ${id}`, formatDuration(ms)] as const),
    ["untagged", policy.untagged],
    ["termWait", formatDuration(policy.termWait)],
    ["minUid", policy.minUid === null ? `${systemMinUid()} (/etc/login.defs)` : String(policy.minUid)],
    ["maxTrees", policy.maxTrees === null ? "unlimited" : String(policy.maxTrees)],
    ["tunnels", policy.tunnels],
    ["webServers", policy.webServers],
    ["jobClients", policy.jobClients],
    ["exempt users", policy.exemptUsers.join(", ") || "none"],
    ["exempt groups", policy.exemptGroups.join(", ") || "none"],
    ...policy.exempt.map(({ user, group, product, until, reason }) => {
      const who = [user, group && `group ${group}`, product].filter((part) => part !== undefined).join(", ");
      const end = until ? (until < today ? ` (ended ${until})` : ` until ${until}`) : "";
      return ["exempt", `${who}${end}${reason ? `: ${reason}` : ""}`] as const;
    }),
  ];
  print(rows.map(([key, value]) => `${key.padEnd(14)} ${escapeText(String(value))}`).join("\n"));
  for (const { what, detail } of faults)
    writeAll(2, `vscode-grim-reaper: cannot ${escapeText(what)}: ${detail}\n`);
  return faults.length > 0 ? FAILED : 0;
}

const silent: Log = { write: async () => {}, trouble: () => null, close: () => {} };

function portsFor(log: Log): Ports {
  return { native: loadNative(), log, runFolder: RUN_FOLDER, procRoot: "/proc", lookUpAccounts };
}

function requestFor(policy: Policy, options: Common, chosen: Partial<JudgeOptions> = {}): SweepRequest {
  const users = options.user?.map(userToUid) ?? null;
  if (!isRoot() && users?.some((uid) => uid !== ownUid()))
    throw new Failure(DENIED, "other users' processes can only be judged by root; run it with sudo");
  // Not root: what can be read, and so judged, is one's own.
  const uids = isRoot() ? users : [ownUid()];
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
    throw new Failure(FAILED, `cannot look up the user ${user}: ${(error as Error).message}`);
  }
  if (uid === null)
    throw new Failure(USAGE, `there is no user ${escapeText(user)}; give a login name or a uid`);
  return uid;
}

function noTree(pids: readonly number[], observation: Observation): Failure {
  const pid =
    pids.find((candidate) => !observation.processes.some((process) => process.pid === candidate)) ?? pids[0];
  const alive = observation.processes.some((process) => process.pid === pid);
  const what = alive ? `process ${pid} belongs to no server tree` : `no server tree holds a process ${pid}`;
  return new Failure(FAILED, `${what}; "vscode-grim-reaper list" shows the trees there are`);
}

function localDate(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}

function readInput(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new Failure(FAILED, `${file}: cannot be read: ${(error as Error).message}`);
  }
}

function readListing(file: string, text: string): Observation {
  const { observation, errors } = parseListing(text);
  if (errors.length > 0)
    throw new Failure(FAILED, errors.map(({ line, message }) => `${file}:${line}: ${message}`).join("\n"));
  return observation;
}

function readSaved(file: string, text: string): Observation {
  const result = parseSaved(text);
  if ("error" in result)
    throw new Failure(FAILED, escapeText(`${file}: ${result.error}; make one with snapshot`));
  return result.observation;
}

async function show(
  observation: Observation,
  judgements: readonly Judgement[],
  json: boolean,
  policy: Policy,
  faults: readonly Fault[],
): Promise<number> {
  const failed = faults.some(({ pid }) => pid === undefined);
  if (json) {
    print(safeJson(hostDocument(observation, judgements, faults)));
    return failed ? FAILED : 0;
  }
  const paint = painter();
  const names = new Map(
    [...new Set(judgements.map(({ tree }) => tree.uid))].map((uid) => [uid, nameOf(uid)]),
  );
  const rows = judgements.map((one) =>
    listRow(one, observation, (uid) => names.get(uid) ?? String(uid), paint),
  );
  print(rows.length > 0 ? (await renderTable(LIST_HEAD, rows)).trimEnd() : "No server trees.");
  if (!policy.enforce) print("Observing only (enforce = false): a sweep ends nothing.");
  for (const fault of faults) writeAll(2, `vscode-grim-reaper: ${escapeText(faultLine(fault))}\n`);
  return failed ? FAILED : 0;
}

function print(text: string): void {
  try {
    writeAll(1, `${text}\n`);
  } catch (error) {
    if (!isBrokenPipe(error))
      throw new Failure(FAILED, `cannot write to standard output: ${(error as Error).message}`);
  }
}
