/** What is never reaped, whatever the evidence, and what it would take to include it. */
import { isJobClient, isMultiplexer, jobOf, jobOfAncestor, managerOf } from "./boundary.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Tree } from "./forest.ts";
import type { Policy } from "./policy.ts";

/** Names of the configuration looked up on this host. A look-up that failed is null: unknown, so it spares. */
export interface Accounts {
  readonly uidOf: Readonly<Record<string, number | null>>;
  readonly gidOf: Readonly<Record<string, number | null>>;
  readonly groupsOf: Readonly<Record<number, readonly number[] | null>>;
}

export const NO_ACCOUNTS: Accounts = { uidOf: {}, gidOf: {}, groupsOf: {} };

export interface Exempt {
  readonly reason: string;
  /** The flag that includes it in a forced sweep; null: nothing does. */
  readonly liftedBy: "--include-jobs" | "--include-exempt" | null;
}

export interface ExemptionContext {
  readonly policy: Policy;
  readonly catalogue: Catalogue;
  readonly accounts: Accounts;
  readonly minUid: number;
  readonly sshdServices: ReadonlySet<string>;
  /** Local date, "2026-11-23". */
  readonly today: string;
}

/** Every reason to leave a tree alone; an empty list means that evidence decides. */
export function exemptionsOf(tree: Tree, context: ExemptionContext): Exempt[] {
  return [...bySystem(tree, context), ...byJob(tree, context), ...byPolicy(tree, context)];
}

function bySystem(tree: Tree, { catalogue, minUid, sshdServices }: ExemptionContext): Exempt[] {
  const never = (reason: string): Exempt => ({ reason, liftedBy: null });
  const found: Exempt[] = [];
  if (tree.uid === 0) found.push(never("runs as root"));
  else if (tree.uid < minUid) found.push(never(`uid ${tree.uid} is below ${minUid}, a system account`));
  const mixed = tree.root.uids?.some((uid) => uid !== tree.uid);
  if (mixed) found.push(never(`process ${tree.root.pid} has other user ids (${tree.root.uids?.join(" ")})`));
  const multiplexer = tree.ancestors.find((a) => isMultiplexer(a, catalogue));
  if (multiplexer) found.push(never(`runs below a terminal multiplexer (${multiplexer.pid})`));
  if (tree.root.foreignPidNs === true) found.push(never("lives in another pid namespace (a container)"));
  const manager = managerOf(tree.root, sshdServices);
  if (manager) found.push(never(`is managed by ${manager}`));
  return found;
}

function byJob(tree: Tree, { policy, catalogue }: ExemptionContext): Exempt[] {
  const found: Exempt[] = [];
  const job = jobOf(tree.root) ?? tree.ancestors.map((a) => jobOfAncestor(a, tree.uid)).find((name) => name);
  if (job) found.push({ reason: `is in a ${job} job`, liftedBy: "--include-jobs" });
  const client = tree.members.find((member) => isJobClient(member, catalogue));
  if (client && policy.jobClients === "exempt") {
    const name = client.exe?.split("/").at(-1);
    found.push({ reason: `holds a batch allocation (${name} ${client.pid})`, liftedBy: "--include-jobs" });
  }
  return found;
}

function byPolicy(tree: Tree, { policy, accounts, today }: ExemptionContext): Exempt[] {
  const found: Exempt[] = [];
  const add = (reason: string): void => {
    found.push({ reason, liftedBy: "--include-exempt" });
  };
  if (tree.kind === "tunnel" && policy.tunnels === "exempt") add("is a tunnel, reached without ssh");
  if (tree.kind === "web" && policy.webServers === "exempt") add("is a web server, reached without ssh");
  for (const user of policy.exemptUsers) if (isUser(tree.uid, user, accounts)) add(`user ${user} is exempt`);
  for (const group of policy.exemptGroups) {
    const verdict = isInGroup(tree.uid, group, accounts);
    if (verdict !== false)
      add(verdict ? `group ${group} is exempt` : `may be in exempt group ${group}: look-up failed`);
  }
  for (const { user, group, product, until, reason } of policy.exempt) {
    if (until !== undefined && until < today) continue;
    if (user !== undefined && !isUser(tree.uid, user, accounts)) continue;
    if (group !== undefined && isInGroup(tree.uid, group, accounts) === false) continue;
    if (product !== undefined && product !== tree.product) continue;
    const who = [user, group && `group ${group}`, product].filter((part) => part !== undefined).join(", ");
    add(`${who} is exempt${until ? ` until ${until}` : ""}${reason ? `: ${reason}` : ""}`);
  }
  return found;
}

/** Exact comparison, by number: exempting bob must not exempt bobby, nor uid 1000 uid 100. */
function isUser(uid: number, user: string | number, accounts: Accounts): boolean {
  return uid === (toNumber(user) ?? accounts.uidOf[String(user)]);
}

function isInGroup(uid: number, group: string | number, accounts: Accounts): boolean | null {
  const gid = toNumber(group) ?? accounts.gidOf[String(group)];
  const groups = accounts.groupsOf[uid];
  if (gid === null || gid === undefined || groups === null || groups === undefined) return null;
  return groups.includes(gid);
}

function toNumber(account: string | number): number | undefined {
  if (typeof account === "number") return account;
  return /^\d+$/.test(account) ? Number(account) : undefined;
}
