import type { LastSweep } from "../../../core/metrics/metrics.ts";
import { faultLine, isOfHost } from "../../../core/observation/fault.ts";
import type { Policy } from "../../../core/policy/policy.ts";
import type { HostView } from "../../../core/tree/host-view.ts";
import { breakerTrips } from "../../../core/verdict/circuit-breaker.ts";
import type { Judgement } from "../../../core/verdict/judge.ts";
import type { Answer } from "../text/shown.ts";
import type { PamLine } from "./pam.ts";

/** What `doctor` found on a host. Each question without an answer says why. */

/** What the service starts. */
export const LAUNCHER = "/usr/sbin/vscode-grim-reaper";
export const HOOK = "/usr/libexec/vscode-grim-reaper/session-close";

/** Properties of a unit by name, as systemctl show gives them. */
export type UnitProperties = Readonly<Record<string, string>>;

/** What `doctor` asks of SELinux. Types are the third field of a context. */
export interface SelinuxFacts {
  readonly enforcing: boolean;
  /** "Would relabel PATH from A to B", of what restorecon would change; empty without the module. */
  readonly mislabelled: readonly string[];
  /** The domain that the kernel gives the hook, for each domain that sshd's sessions run in. */
  readonly hookDomains: readonly { readonly sshd: string; readonly hook: string }[];
  /** The domain that the kernel gives the service. */
  readonly sweepDomain: string;
}

/** What a sweep would see of the host now. */
export function lookFacts(view: HostView, judgements: readonly Judgement[], policy: Policy) {
  const { counts, faults } = view.observation;
  const servers = [...view.sshd.genuine.values()];
  return {
    processes: counts.listed,
    sshServers: servers.length,
    /** Those that run PAM: listeners and monitors. A session's other process has the user's uid. */
    monitors: servers.filter(({ uid }) => uid === 0).map(({ pid }) => pid),
    /** Why it would end nothing at all, or null. */
    broken: breakerTrips(view, judgements, policy),
    faults: faults.filter(isOfHost).map(faultLine),
  };
}

export interface Examination {
  readonly uid: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The lines of sshd's stack; null: there is no such file. */
  readonly pam: readonly PamLine[] | null;
  /** What `sshd -T` prints: "usepam yes", "clientaliveinterval 0". */
  readonly sshd: Answer<string>;
  /** `mode`: its lower twelve bits. Null: it is not there. */
  readonly hook: Readonly<{ uid: number; mode: number; isFile: boolean; isStatic: boolean }> | null;
  readonly hookFaults: Answer<number>;
  /** Null: SELinux is not enabled. */
  readonly selinux: Answer<SelinuxFacts | null>;
  readonly timer: Answer<UnitProperties>;
  readonly service: Answer<UnitProperties>;
  /** "6.12.0-55.el10.x86_64" */
  readonly kernel: string;
  readonly hasAudit: boolean;
  /** Why the list of sockets is not complete; null: it is. */
  readonly sockets: Answer<string | null>;
  readonly look: Answer<ReturnType<typeof lookFacts>>;
  readonly config: Answer<{
    readonly files: readonly string[];
    readonly enforce: boolean;
    /** The file of the log; null: the journal alone. */
    readonly log: string | null;
    readonly problems: readonly string[];
  }>;
  /** Which files logrotate rotates, or of which it rotates none and why. */
  readonly rotation: Answer<string>;
  readonly lastSweep: Answer<Omit<LastSweep, "totals"> | null>;
}
