/**
 * What session-close does, and the permissions that SELinux asks for it. The tests hold `call` against a trace of the hook and
 * `needs` against the module in a policy like RHEL's. They do not check `sshd`. That column notes what
 * RHEL's targeted policies give to sshd_t and sshd_session_t by themselves. It rests partly on sesearch's answers of November
 * 2026 about policies compiled elsewhere (Fedora 30 as a proxy of RHEL 8; 9; 10; a fork as a proxy of 10.2; the four agree):
 * exec, /proc, the run folder, log and /etc.
 * The other rows (limits, priority, capabilities, boot id) have no such answer.
 */

export interface Operation {
  readonly what: string;
  /** Matches a call as trace.ts writes it: its name, its access, its path with N for numbers. */
  readonly call: RegExp;
  /** "TYPE class permission…"; "self" is the hook's own domain. */
  readonly needs: readonly string[];
  readonly sshd: "allowed" | "denied";
}

const RUN = "vscode_grim_reaper_var_run_t";
const BELOW_PROC = ["proc_t dir search", "self dir search"];

export const OPERATIONS: readonly Operation[] = [
  {
    what: "be started by pam_exec",
    call: /^execve /,
    needs: ["vscode_grim_reaper_hook_exec_t file entrypoint open read execute map"],
    sshd: "allowed",
  },
  {
    what: "read the link to its own executable (static start-up code)",
    call: /^readlink(?:at)? \/proc\/self\/exe$/,
    needs: [...BELOW_PROC, "self lnk_file read"],
    sshd: "allowed",
  },
  {
    what: "lift limits of the user's",
    call: /^prlimit64 set (?!RLIMIT_CORE)/,
    needs: ["self process setrlimit", "self capability sys_resource"],
    sshd: "allowed",
  },
  {
    what: "make no core (the soft limit alone)",
    call: /^prlimit64 set RLIMIT_CORE$/,
    needs: [],
    sshd: "allowed",
  },
  {
    what: "take the usual priority again",
    call: /^setpriority$/,
    needs: ["self process setsched", "self capability sys_nice"],
    sshd: "allowed",
  },
  { what: "drop its capabilities", call: /^capset$/, needs: ["self process setcap"], sshd: "allowed" },
  {
    what: "reach the system log",
    call: /^(?:socket AF_UNIX SOCK_DGRAM|connect \/dev\/log|sendto log)$/,
    needs: [
      "self unix_dgram_socket create connect write",
      "device_t dir search",
      "device_t lnk_file read",
      "devlog_t sock_file write",
      "devlog_t lnk_file read",
      "syslogd_t unix_dgram_socket sendto",
      "init_var_run_t dir search",
      "syslogd_var_run_t dir search",
    ],
    sshd: "allowed",
  },
  {
    what: "open /proc",
    call: /^openat read \/proc$/,
    needs: ["proc_t dir getattr open read search"],
    sshd: "allowed",
  },
  {
    what: "read its own login uid, audit session and cgroup",
    call: /^(?:openat read|read) \/proc\/(?:self|N)\/(?:loginuid|sessionid|cgroup)$/,
    needs: [...BELOW_PROC, "proc_t lnk_file read", "self file open read"],
    sshd: "allowed",
  },
  {
    what: "read the boot id",
    call: /^(?:openat read|read) \/proc\/sys\/kernel\/random\/boot_id$/,
    needs: ["sysctl_t dir search", "sysctl_kernel_t dir search", "sysctl_kernel_t file open read"],
    sshd: "allowed",
  },
  {
    what: "read UID_MIN",
    call: /^(?:openat read|read) \/etc\/login\.defs$/,
    needs: ["root_t dir search", "etc_t dir search", "etc_t file open read"],
    sshd: "allowed",
  },
  {
    what: "open the folders that systemd-tmpfiles made",
    call: /^(?:openat read|fstat) \/run\/vscode-grim-reaper(?:\/tags)?$/,
    needs: ["var_run_t dir search", `${RUN} dir getattr open read search`],
    sshd: "allowed",
  },
  {
    what: "make the tag folder where it is absent",
    call: /^mkdirat \/run\/vscode-grim-reaper\/tags$/,
    needs: [`${RUN} dir write add_name create`],
    sshd: "denied",
  },
  {
    what: "write a tag",
    call: /^(?:openat create|write) \/run\/vscode-grim-reaper\/tags\/\.N\.json\.N\.tmp$/,
    needs: [`${RUN} dir write add_name`, `${RUN} file create open write`],
    sshd: "allowed",
  },
  {
    what: "put a tag in its place",
    call: /^renameat \/run\/vscode-grim-reaper\/tags\/\.N\.json\.N\.tmp \/run\/vscode-grim-reaper\/tags\/N\.json$/,
    needs: [`${RUN} dir write add_name remove_name`, `${RUN} file rename unlink`],
    sshd: "allowed",
  },
  {
    what: "take away a temporary file, its own or a dead hook's",
    call: /^unlinkat \/run\/vscode-grim-reaper\/tags\/\.N\.json\.N\.tmp$/,
    needs: [`${RUN} dir write remove_name`, `${RUN} file unlink`],
    sshd: "allowed",
  },
  {
    what: "count a fault",
    call: /^(?:openat create|fstat|write) \/run\/vscode-grim-reaper\/hook\.faults$/,
    needs: [`${RUN} dir write add_name`, `${RUN} file create open append write getattr`],
    sshd: "allowed",
  },
];

/** Calls that no SELinux check stands in the way of: memory without execution, the process's own identity and signals. */
export const UNCHECKED = new Set(
  `access arch_prctl brk clock_gettime close exit exit_group fcntl getegid geteuid getpid getpriority getrandom getuid
   mmap mprotect munmap newuname prctl prlimit64 rseq rt_sigaction rt_sigprocmask rt_sigreturn set_robust_list set_tid_address
   setitimer umask uname`.split(/\s+/),
);
