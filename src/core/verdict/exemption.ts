/** Trees that are left alone regardless of the evidence, and the flag that includes them in a forced sweep. */

import type { Observation } from "../observation/observation.ts";
import { exeName, exePath, type Proc } from "../observation/process.ts";
import { exemptionsIn, type Policy } from "../policy/policy.ts";
import type { Exemption } from "../policy/schema.ts";
import type { Catalogue, Kind } from "../recognition/catalogue.ts";
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
  /** By name; null: there is none of this name. Absent or undefined: not looked up, or the look-up failed. */
  readonly uidOf: Readonly<Record<string, number | null | undefined>>;
  readonly gidOf: Readonly<Record<string, number | null | undefined>>;
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
  readonly markedFor: number;
}

type Maybe = Exempt | false | null | undefined | "";

/** Every reason to leave a tree alone; an empty list means that evidence decides. */
export function exemptionsOf(tree: Tree, context: ExemptionContext): Exempt[] {
  const all: readonly Maybe[] = [
    ...bySystem(tree, context),
    ...byJob(tree, context),
    ...byTerminal(tree, context),
    ...byPolicy(tree, context),
    byKeep(tree, context),
  ];
  return all.filter((one): one is Exempt => Boolean(one));
}

function bySystem({ root, uid, ancestors }: Tree, { catalogue, minUid, here }: ExemptionContext): Maybe[] {
  const never = (code: ReasonCode, reason: string): Exempt => ({ code, reason, liftedBy: null });
  const isMixed = root.uids?.some((one) => one !== uid);
  const multiplexer = ancestors.find((one) => isMultiplexer(one, catalogue));
  const manager = managerOf(root, here);
  return [
    uid === 0 && never("root-user", "runs as root"),
    uid > 0 && uid < minUid && never("system-account", `uid ${uid} is below ${minUid}, a system account`),
    isMixed && never("mixed-user-ids", `process ${root.pid} has other user ids (${root.uids?.join(" ")})`),
    multiplexer && never("terminal-multiplexer", `runs below a terminal multiplexer (${multiplexer.pid})`),
    root.foreignPidNs && never("other-pid-namespace", "lives in another pid namespace (a container)"),
    manager && never("managed-service", `is managed by ${manager}`),
  ];
}

function byJob(tree: Tree, { policy, catalogue }: ExemptionContext): Maybe[] {
  const first = <T>(of: readonly Proc[], find: (one: Proc) => T | null): T | null =>
    of.map(find).find((found) => found !== null) ?? null;
  const lifted = (code: ReasonCode, reason: string): Exempt => ({ code, reason, liftedBy: "--include-jobs" });
  const job =
    jobOf(tree.root, catalogue) ?? first(tree.ancestors, (one) => jobOfAncestor(one, tree.uid, catalogue));
  const system =
    policy.jobEnvironment === "exempt"
      ? first(leadersOf(tree), (leader) => jobOfEnvironment(leader, catalogue))
      : null;
  const client =
    policy.jobClients === "exempt" ? tree.members.find((member) => isJobClient(member, catalogue)) : null;
  return [
    job && lifted("batch-job", `is in a ${job} job`),
    !job && system && lifted("job-environment", `has the environment of a ${system} job`),
    client && lifted("job-client", `holds a batch allocation (${nameOf(client)})`),
  ];
}

const optional = (code: ReasonCode, reason: string, more: Partial<Exempt> = {}): Exempt => ({
  code,
  reason,
  liftedBy: "--include-exempt",
  ...more,
});

const nameOf = ({ exe, comm, pid }: Proc): string => `${exeName(exe) || comm} ${pid}`;

/** What is in the tree's terminals and would be hung up with them, though it is not the tree's to lose. */
function byTerminal(tree: Tree, { policy, catalogue }: ExemptionContext): Maybe[] {
  const others = tree.sparedBelow.find(
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
    others &&
      optional(
        "terminal-other-user",
        `has a program of uid ${others.uid} in its terminal (${nameOf(others)})`,
      ),
    sshd && optional("terminal-ssh-server", `has an ssh server in its terminal (${nameOf(sshd)})`),
    tunnel && optional("terminal-tunnel", `has a tunnel in its terminal (${nameOf(tunnel)})`),
    web && optional("terminal-web-server", `has a web server in its terminal (${nameOf(web)})`),
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

function byPolicy(tree: Tree, { policy, accounts, today }: ExemptionContext): Maybe[] {
  const { kind, product, uid } = tree;
  const source = { isSource: true };
  return [
    kind === "tunnel" &&
      policy.tunnels === "exempt" &&
      optional("tunnel", "is a tunnel, reached without ssh", source),
    kind === "agent" &&
      policy.agents.policy === "exempt" &&
      optional("agent-exempt", "is a coding agent's daemon", source),
    kind === "web-server" &&
      policy.webServers === "exempt" &&
      optional("web-server", "is a web server, reached without ssh", source),
    ...exemptionsIn(policy).map((entry): Maybe => {
      const { until, reason } = entry;
      if (until !== undefined && until < today) return null;
      const fits = [
        entry.user === undefined || isUser(uid, entry.user, accounts),
        entry.group === undefined || isInGroup(uid, entry.group, accounts),
        entry.product === undefined || entry.product === product,
      ];
      if (fits.includes(false)) return null;
      const more = `${until ? ` until ${until}` : ""}${reason ? `: ${reason}` : ""}`;
      return fits.includes(null)
        ? optional(
            "exempt-lookup-failed",
            `may be exempt by ${namedIn(entry)}${more} (its look-up failed)`,
            ASKED,
          )
        : optional("exempt-entry", `${namedIn(entry)} is exempt${more}`, ASKED);
    }),
  ];
}

const ASKED = { asked: true };

/** "user alice, product cursor": all that an exemption names. */
export function namedIn({ user, group, product }: Exemption): string {
  const named = Object.entries({ user, group, product });
  return named.flatMap(([what, name]) => (name === undefined ? [] : [`${what} ${name}`])).join(", ");
}

function byKeep(tree: Tree, { policy, observation, markedFor }: ExemptionContext): Maybe {
  const kept = keptBy(tree.uid, observation, policy.keep.max - markedFor);
  const until = kept?.until ? ` until ${localMinute(kept.until)}` : "";
  return kept && optional("kept", `kept by its user${until}`, { ...ASKED, isSource: true });
}

/** Exact comparison, by number: exempting bob must not exempt bobby, nor uid 1000 uid 100. */
function isUser(uid: number, user: string | number, accounts: Accounts): boolean | null {
  const named = toNumber(user) ?? accounts.uidOf[user];
  if (typeof named === "number") return uid === named;
  const login = accounts.loginOf?.[uid] ?? null;
  if (login === user) return true;
  // Guard: where the look-up failed, the owner may be that user by another spelling (alice@example.org).
  return login === null || named === undefined ? null : false;
}

function isInGroup(uid: number, group: string | number, accounts: Accounts): boolean | null {
  const key = String(group);
  const gid = key in accounts.gidOf ? accounts.gidOf[key] : toNumber(group);
  const groups = accounts.groupsOf[uid];
  if (gid === null || gid === undefined || groups === null || groups === undefined) return null;
  return groups.includes(gid);
}

function toNumber(account: string | number): number | undefined {
  return /^\d+$/.test(String(account)) ? Number(account) : undefined;
}
