/** What `doctor` asks of SELinux. Types are the third field of a context. */

/** The types and the domain of packaging/selinux/vscode-grim-reaper.cil. */
export const HOOK_DOMAIN = "vscode_grim_reaper_hook_t";
export const HOOK_TYPE = "vscode_grim_reaper_hook_exec_t";
export const RUN_TYPE = "vscode_grim_reaper_var_run_t";

export interface SelinuxFacts {
  readonly enforcing: boolean;
  /** The kernel's policy knows HOOK_DOMAIN. */
  readonly moduleLoaded: boolean;
  /** The type of a path; null: it is not there. */
  readonly hookType: string | null;
  readonly runType: string | null;
  readonly tagsType: string | null;
  /** Of the files in the tag folder, each type once. */
  readonly tagTypes: readonly string[];
  /** What the service starts, and its type. */
  readonly execStart: string;
  readonly execStartType: string | null;
  /** The domain that the kernel gives the hook, for each domain that sshd's sessions run in. */
  readonly hookDomains: readonly { readonly sshd: string; readonly hook: string }[];
  /** The domain that the kernel gives a service with this ExecStart. */
  readonly sweepDomain: string;
  /** Whether that domain may make memory executable, without which V8 aborts. */
  readonly sweepMayExecmem: boolean;
  /** The boolean that decides on execmem in this policy: RHEL's, Debian's, or neither. */
  readonly execmemBoolean: "deny_execmem" | "allow_execmem" | null;
}

/** The type of a context "user:role:type:level"; the text itself where it is not a context. */
export function typeOf(context: string): string {
  return context.split(":")[2] ?? context;
}
