/**
 * What session-close does, and the permissions that SELinux asks for it. The tests hold `call` against a trace of the hook and
 * `needs` against the module in a policy like RHEL's. RHEL's targeted policies give these rights to sshd_t and
 * sshd_session_t by themselves but for one row. That rests partly on sesearch's answers of November 2026 about policies
 * compiled elsewhere (Fedora 30 as a proxy of RHEL 8; 9; 10; a fork as a proxy of 10.2; the four agree): exec, /proc, the run
 * folder, log and /etc. The other rows (limits, priority, capabilities, boot id) have no such answer.
 */

export type Operation = readonly [
  what: string,
  /** Matches a call as trace.ts writes it: its name, its access, its path with N for numbers. */
  call: RegExp,
  /** "TYPE class permission…"; "self" is the hook's own domain. */
  needs: readonly string[],
];

const RUN = "vscode_grim_reaper_var_run_t";
const BELOW_PROC = ["proc_t dir search", "self dir search"];

export const OPERATIONS: readonly Operation[] = [
  [
    "be started by pam_exec",
    /^execve /,
    ["vscode_grim_reaper_hook_exec_t file entrypoint open read execute map"],
  ],
  [
    "read the link to its own executable (static start-up code)",
    /^readlink(?:at)? \/proc\/self\/exe$/,
    [...BELOW_PROC, "self lnk_file read"],
  ],
  [
    "lift limits of the user's",
    /^prlimit64 set (?!RLIMIT_CORE)/,
    ["self process setrlimit", "self capability sys_resource"],
  ],
  ["make no core (the soft limit alone)", /^prlimit64 set RLIMIT_CORE$/, []],
  ["take the usual priority again", /^setpriority$/, ["self process setsched", "self capability sys_nice"]],
  ["drop its capabilities", /^capset$/, ["self process setcap"]],
  [
    "reach the system log",
    /^(?:socket AF_UNIX SOCK_DGRAM|connect \/dev\/log|sendto log)$/,
    [
      "self unix_dgram_socket create connect write",
      "device_t dir search",
      "device_t lnk_file read",
      "devlog_t sock_file write",
      "devlog_t lnk_file read",
      "syslogd_t unix_dgram_socket sendto",
      "init_var_run_t dir search",
      "syslogd_var_run_t dir search",
    ],
  ],
  ["open /proc", /^openat read \/proc$/, ["proc_t dir getattr open read search"]],
  [
    "read its own login uid, audit session and cgroup",
    /^(?:openat read|read) \/proc\/(?:self|N)\/(?:loginuid|sessionid|cgroup)$/,
    [...BELOW_PROC, "proc_t lnk_file read", "self file open read"],
  ],
  [
    "read the boot id",
    /^(?:openat read|read) \/proc\/sys\/kernel\/random\/boot_id$/,
    ["sysctl_t dir search", "sysctl_kernel_t dir search", "sysctl_kernel_t file open read"],
  ],
  [
    "read UID_MIN",
    /^(?:openat read|read) \/etc\/login\.defs$/,
    ["root_t dir search", "etc_t dir search", "etc_t file open read"],
  ],
  [
    "open the folders that systemd-tmpfiles made",
    /^(?:openat read|fstat) \/run\/vscode-grim-reaper(?:\/tags)?$/,
    ["var_run_t dir search", `${RUN} dir getattr open read search`],
  ],
  // The one that RHEL's policies deny to sshd_t.
  [
    "make the tag folder where it is absent",
    /^mkdirat \/run\/vscode-grim-reaper\/tags$/,
    [`${RUN} dir write add_name create`],
  ],
  [
    "write a tag",
    /^(?:openat create|write) \/run\/vscode-grim-reaper\/tags\/\.N\.json\.N\.tmp$/,
    [`${RUN} dir write add_name`, `${RUN} file create open write`],
  ],
  [
    "put a tag in its place",
    /^renameat \/run\/vscode-grim-reaper\/tags\/\.N\.json\.N\.tmp \/run\/vscode-grim-reaper\/tags\/N\.json$/,
    [`${RUN} dir write add_name remove_name`, `${RUN} file rename unlink`],
  ],
  [
    "take away a temporary file, its own or a dead hook's",
    /^unlinkat \/run\/vscode-grim-reaper\/tags\/\.N\.json\.N\.tmp$/,
    [`${RUN} dir write remove_name`, `${RUN} file unlink`],
  ],
  [
    "count a fault",
    /^(?:openat create|fstat|write) \/run\/vscode-grim-reaper\/hook\.faults$/,
    [`${RUN} dir write add_name`, `${RUN} file create open append write getattr`],
  ],
];

/** Calls that no SELinux check stands in the way of: memory without execution, the process's own identity and signals. */
export const UNCHECKED = new Set(
  `access arch_prctl brk clock_gettime close exit exit_group fcntl getegid geteuid getpid getpriority getrandom getuid
   mmap mprotect munmap newuname prctl prlimit64 rseq rt_sigaction rt_sigprocmask rt_sigreturn set_robust_list set_tid_address
   setitimer umask uname`.split(/\s+/),
);
