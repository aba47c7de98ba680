import type { LastSweep } from "../../../core/metrics/metrics.ts";
import type { Answer } from "../text/shown.ts";
import type { PamLine } from "./pam.ts";

/** What `doctor` found on a host. Each question without an answer says why. */

export const HOOK = "/usr/libexec/vscode-grim-reaper/session-close";

/** Properties of a unit by name, as systemctl show gives them. */
export type UnitProperties = Readonly<Record<string, string>>;

/** What `doctor` asks of SELinux. Types are the third field of a context. */
export interface SelinuxFacts {
  readonly enforcing: boolean;
  /** "Would relabel PATH from A to B", of what restorecon would change; empty without the module. */
  readonly mislabelled: readonly string[];
  /** What the service starts, and its type. */
  readonly execStart: string;
  readonly execStartType: string | null;
  /** The domain that the kernel gives the hook, for each domain that sshd's sessions run in. */
  readonly hookDomains: readonly { readonly sshd: string; readonly hook: string }[];
  /** The domain that the kernel gives a service with this ExecStart. */
  readonly sweepDomain: string;
  /** Whether that domain may make memory executable, without which V8 aborts. */
  readonly sweepMayExecmem: boolean;
}

export interface Examination {
  readonly uid: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The lines of sshd's stack; null: there is no such file. */
  readonly pam: readonly PamLine[] | null;
  /** What `sshd -T` prints: "usepam yes", "clientaliveinterval 0". */
  readonly sshd: Answer<string>;
  /** Null: it is not there. */
  readonly hook: {
    readonly uid: number;
    /** The lower twelve bits. */
    readonly mode: number;
    readonly isFile: boolean;
    readonly isStatic: boolean;
  } | null;
  readonly hookFaults: Answer<number>;
  /** Null: SELinux is not enabled. */
  readonly selinux: Answer<SelinuxFacts | null>;
  readonly timer: Answer<UnitProperties>;
  readonly service: Answer<UnitProperties>;
  /** "6.12.0-55.el10.x86_64" */
  readonly kernel: string;
  readonly hasCgroupV2: boolean;
  readonly hasAudit: boolean;
  /** Why the list of sockets is not complete; null: it is. */
  readonly sockets: Answer<string | null>;
  /** What a sweep would see of the host now. */
  readonly look: Answer<{
    readonly processes: number;
    readonly sshServers: number;
    /** Their processes that run PAM: listeners and monitors. A session's other process has the user's uid. */
    readonly monitors: readonly number[];
    /** Why it would end nothing at all, or null. */
    readonly broken: string | null;
    readonly tags: number;
    readonly tagFaults: readonly string[];
    /** All others of the host. */
    readonly faults: readonly string[];
  }>;
  readonly config: Answer<{
    readonly files: readonly string[];
    readonly enforce: boolean;
    /** The file of the log; null: the journal alone. */
    readonly log: string | null;
    readonly problems: readonly string[];
  }>;
  /** Each file that grows, and why logrotate would not rotate it; null: it would. */
  readonly rotation: Answer<readonly { readonly file: string; readonly why: string | null }[]>;
  readonly lastSweep: Answer<Omit<LastSweep, "totals"> | null>;
}
