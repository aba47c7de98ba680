/** The reasons of verdicts: a stable code, which programs compare, and the sentence beside it, which people read. */

/** One reason of a verdict. */
export interface Reason {
  readonly code: ReasonCode;
  readonly text: string;
}

/** What each code means, by the verdict that it comes with. A code that was released is never renamed. */
export const REASONS = {
  reap: {
    "tag-past-grace":
      "A session of its user closed, its last sign of use is longer ago than the grace, and its user has no session on this host.",
    "two-sweeps": "Two sweeps, the grace or more apart, found it unused, and so was it for its grace.",
    forced: "An administrator ended it with `--force`.",
  },
  wait: {
    "inside-grace": "It is an orphan, and its last sign of use is not as long ago as its grace.",
    marked: "It is an orphan, and a second sweep must find it so.",
    "cpu-time-unknown":
      "It is a coding agent's daemon or a kernel, and the CPU time that it used since the last sweep is not known.",
  },
  spare: {
    "in-use-session": "An ssh session is above it or at an end of one of its streams.",
    "in-use-other-host": "Another host is connected to it.",
    "in-use-this-host": "A process of this host is connected to it.",
    "in-use-exempt-tree":
      "A tree that is left alone is connected to it: a tunnel, a web server or a kept tree.",
    "in-use-other-user": "Another user's process is connected to it.",
    "in-use-display": "One of its programs shows a window.",
    "parent-alive": "It holds helpers alone, and their parent lives and belongs to no tree.",
    "agent-busy":
      "It is a coding agent's daemon or a kernel that used more than 1 % of a core since the last sweep, or an agent's that runs a command.",
  },
  exempt: {
    "root-user": "It runs as root.",
    "system-account": "Its uid is that of a system account.",
    "mixed-user-ids": "Its root process has more than one user id.",
    "terminal-multiplexer": "It runs below a terminal multiplexer.",
    "other-pid-namespace": "It runs in another pid namespace, as in a container.",
    "managed-service": "A service manager or a container engine manages it.",
    "batch-job": "It is in a batch job.",
    "job-environment": "It has the environment of a batch job.",
    "job-client": "One of its processes holds a batch allocation.",
    "terminal-other-user": "Another user's program runs in its terminal.",
    "terminal-ssh-server": "An ssh server runs in its terminal.",
    "terminal-tunnel": "A tunnel runs in its terminal.",
    "terminal-web-server": "A web server runs in its terminal.",
    tunnel: "It is a tunnel, which clients reach without ssh.",
    "agent-exempt":
      'It is a coding agent\'s daemon, and the site exempts these (`agents.policy = "exempt"`).',
    "web-server": "It is a web server, which clients reach without ssh.",
    "exempt-entry": "The site exempts it (`exemptUsers`, `exemptGroups` or `[[exempt]]`).",
    "exempt-lookup-failed": "It may be exempt: the look-up of a user or group failed.",
    kept: "Its user keeps it (`vscode-grim-reaper keep`).",
  },
  unknown: {
    "process-listing": "The observation is a listing of `ps`, which shows neither sockets nor executables.",
    "sockets-not-read": "The observation holds no sockets.",
    "socket-list-incomplete": "The kernel's list of sockets is not complete.",
    "over-budget": "Its user has more processes or command lines than the sweep reads for one user.",
    "descriptors-unreadable": "The descriptors of one of its processes could not be read.",
    "other-network-namespace": "One of its processes is in a network namespace that is not the tree's alone.",
    "socket-not-listed": "One of its processes has a socket that the kernel did not list.",
    "ancestor-not-seen": "The parent of one of its ancestors was not seen.",
    "ancestor-unreadable": "The executable of one of its ancestors could not be read.",
    "user-ids-unreadable": "The user ids of its root could not be read.",
    "cgroups-unreadable": "The cgroups of its root could not be read: it may be in a batch job.",
    "environment-unreadable":
      "The environment of one of its processes could not be read: it may be a batch job's.",
    "command-line-unreadable": "The command line of its root could not be read.",
  },
  "any but reap": {
    "as-its-server":
      "It holds helpers alone, which may serve a server of the same user, so it gets that server's verdict.",
  },
} as const;

type CodesOf<T> = T extends unknown ? keyof T : never;

export type ReasonCode = CodesOf<(typeof REASONS)[keyof typeof REASONS]>;
