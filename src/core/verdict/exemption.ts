/** Trees that are left alone regardless of the evidence, and the flag that includes them in a forced sweep. */

import type { Reason, ReasonCode } from "../evidence/reasons.ts";
import type { Observation } from "../observation/observation.ts";
import { accountOf, exeName, exePath, nameOf, type Proc } from "../observation/process.ts";
import { exemptionsIn, type Policy } from "../policy/policy.ts";
import type { Exemption } from "../policy/schema.ts";
import type { Catalogue, Kind } from "../recognition/catalogue.ts";
import { isSshTunnel } from "../recognition/command-line.ts";
import { localMinute } from "../text/format.ts";
import { jobOf, jobOfAncestor, jobOfEnvironment } from "../tree/batch-job.ts";
import { isMultiplexer, type ManagersHere, managerOf } from "../tree/boundary.ts";
import { SYSTEM_PATH } from "../tree/sshd.ts";
import { leadersOf, type Spared, type Tree } from "../tree/tree.ts";

/** Names of the configuration looked up on this host. A look-up that failed is null: unknown, so it spares. */
export interface Accounts {
  /** By name; null: there is none of this name. Absent or undefined: not looked up, or the look-up failed. */
  readonly uidOf: Readonly<Record<string, number | null | undefined>>;
  readonly gidOf: Readonly<Record<string, number | null | undefined>>;
  readonly groupsOf: Readonly<Record<number, readonly number[] | null>>;
  readonly loginOf?: Readonly<Record<number, string | null>> | undefined;
}

export const NO_ACCOUNTS: Accounts = { uidOf: {}, gidOf: {}, groupsOf: {} };

/** One reason to leave a tree alone. */
export interface Exempt extends Reason {
  /** The flag that includes the tree in a forced sweep; null: nothing does. */
  readonly liftedBy: "--include-jobs" | "--include-exempt" | null;
}

/** By a name in the configuration, or by the user: worth a line in the log when nothing else saved the tree. */
const ASKED: readonly ReasonCode[] = ["exempt-entry", "exempt-lookup-failed", "kept"];

/** Others are used through such trees without an ssh session. */
const SOURCES: readonly ReasonCode[] = ["tunnel", "agent-exempt", "web-server", "kept"];

export const isAsked = ({ code }: Exempt): boolean => ASKED.includes(code);
export const isSource = ({ code }: Exempt): boolean => SOURCES.includes(code);

interface ExemptionContext {
  readonly policy: Policy;
  readonly accounts: Accounts;
  readonly here: ManagersHere;
  /** Local date, "2026-11-23". */
  readonly today: string;
  /** For the requests of users. */
  readonly observation: Pick<Observation, "keeps" | "takenAt">;
  /** Milliseconds since the tree's mark. */
  readonly markedFor: number;
}

/** The code of a reason and its text, where it holds. */
type Rule = readonly [code: ReasonCode, text: string] | false | null | undefined | "";

/** Every reason to leave a tree alone; an empty list means that evidence decides. */
export function exemptionsOf(tree: Tree, context: ExemptionContext): Exempt[] {
  const held = (liftedBy: Exempt["liftedBy"], rules: readonly Rule[]): Exempt[] =>
    rules.flatMap((rule) => (rule ? { code: rule[0], text: rule[1], liftedBy } : []));
  return [
    ...held(null, bySystem(tree, context)),
    ...held("--include-jobs", byJob(tree, context)),
    ...held("--include-exempt", byTerminal(tree, context)),
    ...held("--include-exempt", byPolicy(tree, context)),
  ];
}

function bySystem({ root, uid, ancestors }: Tree, { policy, here }: ExemptionContext): Rule[] {
  // 1000: where no file of the host says otherwise.
  const { minUid = 1000 } = policy;
  const isMixed = root.uids?.some((one) => one !== uid);
  const multiplexer = ancestors.find((one) => isMultiplexer(one, policy.catalogue));
  const manager = managerOf(root, here);
  return [
    uid === 0 && ["root-user", "runs as root"],
    uid > 0 && uid < minUid && ["system-account", `uid ${uid} is below ${minUid}, a system account`],
    isMixed && ["mixed-user-ids", `process ${root.pid} has other user ids (${root.uids?.join(" ")})`],
    multiplexer && ["terminal-multiplexer", `runs below a terminal multiplexer (${multiplexer.pid})`],
    root.foreignPidNs && ["other-pid-namespace", "lives in another pid namespace (a container)"],
    manager && ["managed-service", `is managed by ${manager}`],
  ];
}

function byJob(tree: Tree, { policy }: ExemptionContext): Rule[] {
  const { catalogue } = policy;
  const first = (of: readonly Proc[], find: (one: Proc) => string | null): string | null =>
    of.map(find).find((found) => found !== null) ?? null;
  const job =
    jobOf(tree.root, catalogue) ?? first(tree.ancestors, (one) => jobOfAncestor(one, tree.uid, catalogue));
  const system =
    policy.jobEnvironment === "exempt" &&
    first(leadersOf(tree), (leader) => jobOfEnvironment(leader, catalogue));
  // Ending a client that holds an allocation (srun --pty, salloc) ends the job.
  const client = tree.members.find(({ exe }) => catalogue.jobClients.includes(exeName(exe)));
  return [
    job && ["batch-job", `is in a ${job} job`],
    !job && system && ["job-environment", `has the environment of a ${system} job`],
    client && ["job-client", `holds a batch allocation (${nameOf(client)})`],
  ];
}

/** What is in the tree's terminals and would be hung up with them, though it is not the tree's to lose. */
function byTerminal(tree: Tree, { policy }: ExemptionContext): Rule[] {
  const { catalogue } = policy;
  const other = tree.sparedBelow.find(
    (one) => one.process.tty !== 0 && one.process.uid !== tree.uid && !isWaitingPrompt(one, catalogue),
  )?.process;
  const sshd = tree.members.find(({ exe }) => catalogue.sshd.includes(exeName(exe)));
  const ofKind = (kind: Kind): Proc | undefined =>
    tree.kind === kind ? undefined : tree.members.find(({ pid }) => tree.recognised.get(pid)?.kind === kind);
  const tunnel =
    policy.tunnels === "exempt" &&
    (tree.members.find((member) => mayBeSshTunnel(member, catalogue)) ?? ofKind("tunnel"));
  const web = policy.webServers === "exempt" && ofKind("web-server");
  return [
    other && ["terminal-other-user", `has a program of uid ${other.uid} in its terminal (${nameOf(other)})`],
    sshd && ["terminal-ssh-server", `has an ssh server in its terminal (${nameOf(sshd)})`],
    tunnel && ["terminal-tunnel", `has a tunnel in its terminal (${nameOf(tunnel)})`],
    web && ["terminal-web-server", `has a web server in its terminal (${nameOf(web)})`],
  ];
}

/** sudo, su or passwd that asks for a password: what it is to run it has not started, and then it has a child. */
function isWaitingPrompt({ process, isChildless }: Spared, { prompts }: Catalogue): boolean {
  const { uid, exe, state } = process;
  const path = exePath(exe ?? "");
  // Guard: only root's own program is known to behave so, and one that runs or waits for a disk does something.
  return (
    uid === 0 && state === "S" && isChildless && prompts.includes(exeName(exe)) && SYSTEM_PATH.test(path)
  );
}

/** An ssh client that forwards connections of others, or that may: its command line could not be read whole. */
function mayBeSshTunnel({ exe, argv, argvStatus, argvTruncated }: Proc, { sshClients }: Catalogue): boolean {
  if (!sshClients.includes(exeName(exe))) return false;
  return argvStatus !== "read" || argvTruncated || isSshTunnel(argv);
}

function byPolicy(tree: Tree, context: ExemptionContext): Rule[] {
  const { tunnels, agents, webServers } = context.policy;
  const { kind } = tree;
  return [
    kind === "tunnel" && tunnels === "exempt" && ["tunnel", "is a tunnel, reached without ssh"],
    kind === "agent" && agents.policy === "exempt" && ["agent-exempt", "is a coding agent's daemon"],
    kind === "web-server" &&
      webServers === "exempt" && ["web-server", "is a web server, reached without ssh"],
    ...exemptionsIn(context.policy).map((entry) => byEntry(entry, tree, context)),
    byKeep(tree, context),
  ];
}

function byEntry(entry: Exemption, tree: Tree, { accounts, today }: ExemptionContext): Rule {
  const { until, reason } = entry;
  const fits = [
    until === undefined || until >= today,
    entry.user === undefined || isUser(tree, entry.user, accounts),
    entry.group === undefined || isInGroup(tree, entry.group, accounts),
    entry.product === undefined || entry.product === tree.product,
  ];
  if (fits.includes(false)) return null;
  const more = `${until ? ` until ${until}` : ""}${reason ? `: ${reason}` : ""}`;
  return fits.includes(null)
    ? ["exempt-lookup-failed", `may be exempt by ${namedIn(entry)}${more} (its look-up failed)`]
    : ["exempt-entry", `${namedIn(entry)} is exempt${more}`];
}

/** "user alice, product cursor": all that an exemption names. */
export function namedIn({ user, group, product }: Exemption): string {
  const named = Object.entries({ user, group, product });
  return named.flatMap(([what, name]) => (name === undefined ? [] : [`${what} ${name}`])).join(", ");
}

/** The longest request of its user that keeps it, for at most the site's `keep.max` since its mark. */
function byKeep({ uid }: Tree, { policy, observation, markedFor }: ExemptionContext): Rule {
  const { keeps, takenAt } = observation;
  const left = policy.keep.max - markedFor;
  const own = keeps.filter((keep) => keep.uid === uid);
  if (left <= 0 || own.length === 0) return null;
  // A time that has passed is not true of a process that lives.
  const times = own.map(({ until }) =>
    until !== null && until > takenAt ? until : Number.POSITIVE_INFINITY,
  );
  return ["kept", `kept by its user until ${localMinute(Math.min(Math.max(...times), takenAt + left))}`];
}

/** Exact comparison, by number: exempting bob must not exempt bobby, nor uid 1000 uid 100. */
function isUser(tree: Tree, user: string | number, accounts: Accounts): boolean | null {
  const named = toNumber(user) ?? accounts.uidOf[user];
  return ofAny(tree, accounts.loginOf, (uid) => {
    if (typeof named === "number") return uid === named;
    const login = accounts.loginOf?.[uid] ?? null;
    if (login === user) return true;
    // Guard: where the look-up failed, the owner may be that user by another spelling (alice@example.org).
    return login === null || named === undefined ? null : false;
  });
}

function isInGroup(tree: Tree, group: string | number, accounts: Accounts): boolean | null {
  const key = String(group);
  const gid = key in accounts.gidOf ? accounts.gidOf[key] : toNumber(group);
  return ofAny(tree, accounts.groupsOf, (uid) => {
    const groups = accounts.groupsOf[uid];
    if (gid === null || gid === undefined || groups === null || groups === undefined) return null;
    return groups.includes(gid);
  });
}

/** What is so of the account that a tree is charged to, or of the tree's own uid, which may be a login of its own. */
function ofAny(
  { uid, root }: Tree,
  logins: Readonly<Record<number, unknown>> | undefined,
  is: (uid: number) => boolean | null,
): boolean | null {
  const account = is(accountOf(root));
  const own = is(uid);
  // Null: the look-up of its login failed. Absent: it has none.
  return own === true || (own === null && logins?.[uid] !== undefined) ? own : account;
}

function toNumber(account: string | number): number | undefined {
  return /^\d+$/.test(String(account)) ? Number(account) : undefined;
}
