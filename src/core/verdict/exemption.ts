/** What is never reaped, whatever the evidence, and what it would take to include it. */

import type { Observation } from "../observation/observation.ts";
import { exeName, exePath, type Proc } from "../observation/process.ts";
import { exemptionsIn, type Policy } from "../policy/policy.ts";
import type { Exemption } from "../policy/schema.ts";
import type { Catalogue } from "../recognition/catalogue.ts";
import { isSshTunnel } from "../recognition/command-line.ts";
import { localMinute } from "../text/format.ts";
import { isJobClient, jobOf, jobOfAncestor, jobOfEnvironment } from "../tree/batch-job.ts";
import { isMultiplexer, type ManagersHere, managerOf } from "../tree/boundary.ts";
import { SYSTEM_PATH } from "../tree/sshd.ts";
import { leadersOf, type Spared, type Tree } from "../tree/tree.ts";
import { keptBy } from "./kept.ts";
import type { ReasonCode } from "./reason-codes.ts";

/** Names of the configuration looked up on this host. A look-up that failed is null: unknown, so it spares. */
export interface Accounts {
  readonly uidOf: Readonly<Record<string, number | null>>;
  readonly gidOf: Readonly<Record<string, number | null>>;
  readonly groupsOf: Readonly<Record<number, readonly number[] | null>>;
  readonly loginOf?: Readonly<Record<number, string | null>> | undefined;
}

export const NO_ACCOUNTS: Accounts = { uidOf: {}, gidOf: {}, groupsOf: {} };

export interface Exempt {
  readonly code: ReasonCode;
  readonly reason: string;
  /** `asked`: by a name in the configuration, or by the user. Worth a line in the log when nothing else saved the tree. */
  readonly asked?: boolean;
  /** True: others are used through this tree without an ssh session. */
  readonly isSource?: boolean;
  /** The flag that includes it in a forced sweep; null: nothing does. */
  readonly liftedBy: "--include-jobs" | "--include-exempt" | null;
}

export interface ExemptionContext {
  readonly policy: Policy;
  readonly catalogue: Catalogue;
  readonly accounts: Accounts;
  readonly minUid: number;
  readonly here: ManagersHere;
  /** Local date, "2026-11-23". */
  readonly today: string;
  /** For the requests of users, and for how long a tree is known as an orphan. */
  readonly observation: Pick<Observation, "keeps" | "takenAt">;
  /** Milliseconds since the tree's mark. */
  readonly markedFor: (tree: Tree) => number;
}

/** Every reason to leave a tree alone; an empty list means that evidence decides. */
export function exemptionsOf(tree: Tree, context: ExemptionContext): Exempt[] {
  return [
    ...bySystem(tree, context),
    ...byJob(tree, context),
    ...byTerminal(tree, context),
    ...byPolicy(tree, context),
    ...byKeep(tree, context),
  ];
}

function bySystem(tree: Tree, { catalogue, minUid, here }: ExemptionContext): Exempt[] {
  const never = (code: ReasonCode, reason: string): Exempt => ({ code, reason, liftedBy: null });
  const found: Exempt[] = [];
  if (tree.uid === 0) found.push(never("root-user", "runs as root"));
  else if (tree.uid < minUid)
    found.push(never("system-account", `uid ${tree.uid} is below ${minUid}, a system account`));
  const mixed = tree.root.uids?.some((uid) => uid !== tree.uid);
  if (mixed)
    found.push(
      never("mixed-user-ids", `process ${tree.root.pid} has other user ids (${tree.root.uids?.join(" ")})`),
    );
  const multiplexer = tree.ancestors.find((a) => isMultiplexer(a, catalogue));
  if (multiplexer)
    found.push(never("terminal-multiplexer", `runs below a terminal multiplexer (${multiplexer.pid})`));
  if (tree.root.foreignPidNs === true)
    found.push(never("other-pid-namespace", "lives in another pid namespace (a container)"));
  const manager = managerOf(tree.root, here);
  if (manager) found.push(never("managed-service", `is managed by ${manager}`));
  return found;
}

function byJob(tree: Tree, { policy, catalogue }: ExemptionContext): Exempt[] {
  const found: Exempt[] = [];
  const ofAncestors = tree.ancestors.map((one) => jobOfAncestor(one, tree.uid, catalogue));
  const job = jobOf(tree.root, catalogue) ?? ofAncestors.find((name) => name !== null);
  if (job) found.push({ code: "batch-job", reason: `is in a ${job} job`, liftedBy: "--include-jobs" });
  if (!job && policy.jobEnvironment === "exempt") {
    const system = leadersOf(tree)
      .map((leader) => jobOfEnvironment(leader, catalogue))
      .find((name) => name);
    if (system)
      found.push({
        code: "job-environment",
        reason: `has the environment of a ${system} job`,
        liftedBy: "--include-jobs",
      });
  }
  const client = tree.members.find((member) => isJobClient(member, catalogue));
  if (client && policy.jobClients === "exempt") {
    const name = client.exe?.split("/").at(-1);
    found.push({
      code: "job-client",
      reason: `holds a batch allocation (${name} ${client.pid})`,
      liftedBy: "--include-jobs",
    });
  }
  return found;
}

/** What is in the tree's terminals and would be hung up with them, though it is not the tree's to lose. */
function byTerminal(tree: Tree, { policy, catalogue }: ExemptionContext): Exempt[] {
  const found: Exempt[] = [];
  const add = (code: ReasonCode, reason: string): void => {
    found.push({ code, reason, liftedBy: "--include-exempt" });
  };
  const name = ({ exe, comm }: Proc): string => exeName(exe) || comm;
  const foreign = tree.sparedBelow.find(
    (one) => one.process.tty !== 0 && one.process.uid !== tree.uid && !isWaitingPrompt(one, catalogue),
  );
  if (foreign)
    add(
      "terminal-other-user",
      `has a program of uid ${foreign.process.uid} in its terminal (${name(foreign.process)} ${foreign.process.pid})`,
    );
  const sshd = tree.members.find(({ exe }) => catalogue.sshd.includes(exeName(exe)));
  if (sshd) add("terminal-ssh-server", `has an ssh server in its terminal (${name(sshd)} ${sshd.pid})`);
  const ssh = tree.members.find((member) => mayBeSshTunnel(member, catalogue));
  if (ssh && policy.tunnels === "exempt")
    add("terminal-tunnel", `has a tunnel in its terminal (${name(ssh)} ${ssh.pid})`);
  for (const { pid } of tree.members) {
    const kind = tree.recognised.get(pid)?.kind;
    if (kind === tree.kind) continue;
    if (kind === "tunnel" && policy.tunnels === "exempt")
      add("terminal-tunnel", `has a tunnel in its terminal (${pid})`);
    if (kind === "web-server" && policy.webServers === "exempt")
      add("terminal-web-server", `has a web server in its terminal (${pid})`);
  }
  return found;
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

/** An ssh client that others reach something through, or whose command line does not show that it is not one. */
function mayBeSshTunnel({ exe, argv, argvStatus, argvTruncated }: Proc, { sshClients }: Catalogue): boolean {
  if (!sshClients.includes(exeName(exe))) return false;
  return argvStatus !== "read" || argvTruncated || isSshTunnel(argv);
}

function byPolicy(tree: Tree, { policy, accounts, today }: ExemptionContext): Exempt[] {
  const found: Exempt[] = [];
  const kind = (code: ReasonCode, reason: string): void => {
    found.push({ code, reason, isSource: true, liftedBy: "--include-exempt" });
  };
  const add = (code: ReasonCode, reason: string): void => {
    found.push({ code, reason, asked: true, liftedBy: "--include-exempt" });
  };
  if (tree.kind === "tunnel" && policy.tunnels === "exempt")
    kind("tunnel", "is a tunnel, reached without ssh");
  if (tree.kind === "agent" && policy.agents.policy === "exempt")
    kind("agent-exempt", "is a coding agent's daemon");
  if (tree.kind === "web-server" && policy.webServers === "exempt")
    kind("web-server", "is a web server, reached without ssh");
  for (const entry of exemptionsIn(policy)) {
    const { user, group, product, until, reason } = entry;
    if (until !== undefined && until < today) continue;
    const fits = [
      user === undefined || isUser(tree.uid, user, accounts),
      group === undefined || isInGroup(tree.uid, group, accounts),
      product === undefined || product === tree.product,
    ];
    if (fits.includes(false)) continue;
    const named = `${namedIn(entry)} is exempt${until ? ` until ${until}` : ""}${reason ? `: ${reason}` : ""}`;
    if (fits.includes(null))
      add("exempt-lookup-failed", `${named} (the look-up failed, so it may be this user)`);
    else add("exempt-entry", named);
  }
  return found;
}

/** "user alice, product cursor": all that an exemption names. */
export function namedIn({ user, group, product }: Exemption): string {
  const named = Object.entries({ user, group, product });
  return named.flatMap(([what, name]) => (name === undefined ? [] : [`${what} ${name}`])).join(", ");
}

function byKeep(tree: Tree, { policy, observation, markedFor }: ExemptionContext): Exempt[] {
  const kept = keptBy(tree.uid, observation, policy.keep.max - markedFor(tree));
  if (kept === null) return [];
  const reason = `kept by its user${kept.until === null ? "" : ` until ${localMinute(kept.until)}`}`;
  return [{ code: "kept", reason, asked: true, isSource: true, liftedBy: "--include-exempt" }];
}

/** Exact comparison, by number: exempting bob must not exempt bobby, nor uid 1000 uid 100. */
function isUser(uid: number, user: string | number, accounts: Accounts): boolean | null {
  const named = toNumber(user) ?? accounts.uidOf[user] ?? null;
  if (named !== null) return uid === named;
  const login = accounts.loginOf?.[uid];
  return login === null || login === undefined ? null : login === user;
}

function isInGroup(uid: number, group: string | number, accounts: Accounts): boolean | null {
  const gid = toNumber(group) ?? accounts.gidOf[String(group)];
  const groups = accounts.groupsOf[uid];
  if (gid === null || gid === undefined || groups === null || groups === undefined) return null;
  return groups.includes(gid);
}

function toNumber(account: string | number): number | undefined {
  return /^\d+$/.test(String(account)) ? Number(account) : undefined;
}
