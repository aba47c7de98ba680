import type { SnapshotCounts } from "../../../core/observation/process.ts";
import type { LastSweep } from "../../../core/report/sweep-summary.ts";
import type { PamLine } from "./pam.ts";
import type { SelinuxFacts } from "./selinux.ts";

/** What `doctor` found on a host. Each question without an answer says why. */

export type Answer<T> = { readonly value: T } | { readonly failed: string };

export interface FileFacts {
  readonly uid: number;
  /** The lower twelve bits. */
  readonly mode: number;
  readonly kind: "file" | "folder" | "other";
}

/** How sshd notices that a client is gone which did not say so. */
export interface Keepalive {
  /** Seconds after which it gives up a client that does not answer (ClientAliveInterval times the count); 0: never. */
  readonly clientAlive: number;
  readonly tcp: boolean;
}

export interface Examination {
  readonly uid: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Effective capabilities, the number of the bit each. */
  readonly capabilities: readonly number[];
  /** The lines of sshd's stack; null: there is no such file. */
  readonly pam: readonly PamLine[] | null;
  readonly usePam: Answer<boolean>;
  readonly keepalive: Answer<Keepalive>;
  readonly hookPath: string;
  /** Null: it is not there. */
  readonly hook: (FileFacts & { readonly isStatic: boolean | null }) | null;
  readonly hookFaults: Answer<number>;
  /** Null: SELinux is not enabled. */
  readonly selinux: Answer<SelinuxFacts | null>;
  /** Properties by name, as systemctl show gives them. */
  readonly timer: Answer<Readonly<Record<string, string>>>;
  readonly service: Answer<Readonly<Record<string, string>>>;
  readonly tagsFolder: Answer<FileFacts | null>;
  readonly tags: Answer<{ readonly valid: number; readonly faults: readonly string[] }>;
  readonly kernel: {
    readonly release: string;
    readonly pidfd: boolean;
    readonly cgroupV2: boolean;
    readonly cgroupKill: boolean;
    readonly audit: boolean;
  };
  readonly sockets: Answer<{ readonly complete: boolean; readonly detail: string }>;
  readonly processes: Answer<{
    readonly counts: SnapshotCounts;
    readonly sshServers: number;
    readonly seesInit: boolean;
  }>;
  readonly logind: Answer<string>;
  readonly clockSynchronized: Answer<boolean>;
  /** Files of the Python script that come before the installed ones: units for systemd, programs for a shell. */
  readonly predecessor: readonly string[];
  readonly config: Answer<{
    readonly files: readonly string[];
    readonly enforce: boolean;
    /** The key `log`: "both", "journal" or a path. */
    readonly log: string;
    readonly faults: readonly string[];
  }>;
  readonly lastSweep: Answer<LastSweep | null>;
}
