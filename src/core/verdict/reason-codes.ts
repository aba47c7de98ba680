/** The reasons of verdicts as stable codes: programs compare these, people read the sentences beside them. */

interface Reason {
  /** The verdict that it comes with. */
  readonly verdict: "reap" | "wait" | "spare" | "exempt" | "unknown" | "any but reap";
  /** One sentence. */
  readonly meaning: string;
}

/** Every code, by verdict, with its meaning. A code that was released is never renamed. */
export const REASON_CODES = {
  "tag-past-grace": {
    verdict: "reap",
    meaning:
      "A session of its user closed, its last sign of use is longer ago than the grace, and its user has no session on this host.",
  },
  "two-sweeps": {
    verdict: "reap",
    meaning: "Two sweeps, the grace or more apart, found it unused, and so was it for its grace.",
  },
  forced: { verdict: "reap", meaning: "An administrator ended it with `--force`." },
  "inside-grace": {
    verdict: "wait",
    meaning: "It is an orphan, and its last sign of use is not as long ago as its grace.",
  },
  marked: { verdict: "wait", meaning: "It is an orphan, and a second sweep must find it so." },
  "cpu-time-unknown": {
    verdict: "wait",
    meaning:
      "It is a coding agent's daemon or a kernel, and the CPU time that it used since the last sweep is not known.",
  },
  "in-use-session": {
    verdict: "spare",
    meaning: "An ssh session is above it or at an end of one of its streams.",
  },
  "in-use-other-host": { verdict: "spare", meaning: "Another host is connected to it." },
  "in-use-this-host": { verdict: "spare", meaning: "A process of this host is connected to it." },
  "in-use-exempt-tree": {
    verdict: "spare",
    meaning: "A tree that is left alone is connected to it: a tunnel, a web server or a kept tree.",
  },
  "in-use-other-user": { verdict: "spare", meaning: "Another user's process is connected to it." },
  "in-use-display": { verdict: "spare", meaning: "One of its programs shows a window." },
  "parent-alive": {
    verdict: "spare",
    meaning: "It holds helpers alone, and their parent lives and belongs to no tree.",
  },
  "agent-busy": {
    verdict: "spare",
    meaning:
      "It is a coding agent's daemon or a kernel that used more than 1 % of a core since the last sweep, or an agent's that runs a command.",
  },
  "root-user": { verdict: "exempt", meaning: "It runs as root." },
  "system-account": { verdict: "exempt", meaning: "Its uid is that of a system account." },
  "mixed-user-ids": { verdict: "exempt", meaning: "Its root process has more than one user id." },
  "terminal-multiplexer": { verdict: "exempt", meaning: "It runs below a terminal multiplexer." },
  "other-pid-namespace": {
    verdict: "exempt",
    meaning: "It runs in another pid namespace, as in a container.",
  },
  "managed-service": { verdict: "exempt", meaning: "A service manager or a container engine manages it." },
  "batch-job": { verdict: "exempt", meaning: "It is in a batch job." },
  "job-environment": { verdict: "exempt", meaning: "It has the environment of a batch job." },
  "job-client": { verdict: "exempt", meaning: "One of its processes holds a batch allocation." },
  "terminal-other-user": { verdict: "exempt", meaning: "Another user's program runs in its terminal." },
  "terminal-ssh-server": { verdict: "exempt", meaning: "An ssh server runs in its terminal." },
  "terminal-tunnel": { verdict: "exempt", meaning: "A tunnel runs in its terminal." },
  "terminal-web-server": { verdict: "exempt", meaning: "A web server runs in its terminal." },
  tunnel: { verdict: "exempt", meaning: "It is a tunnel, which clients reach without ssh." },
  "agent-exempt": {
    verdict: "exempt",
    meaning: 'It is a coding agent\'s daemon, and the site exempts these (`agents.policy = "exempt"`).',
  },
  "web-server": { verdict: "exempt", meaning: "It is a web server, which clients reach without ssh." },
  "exempt-entry": {
    verdict: "exempt",
    meaning: "The site exempts it (`exemptUsers`, `exemptGroups` or `[[exempt]]`).",
  },
  "exempt-lookup-failed": {
    verdict: "exempt",
    meaning: "It may be exempt: the look-up of a user or group failed.",
  },
  kept: { verdict: "exempt", meaning: "Its user keeps it (`vscode-grim-reaper keep`)." },
  "process-listing": {
    verdict: "unknown",
    meaning: "The observation is a listing of `ps`, which shows neither sockets nor executables.",
  },
  "sockets-not-read": { verdict: "unknown", meaning: "The observation holds no sockets." },
  "socket-list-incomplete": { verdict: "unknown", meaning: "The kernel's list of sockets is not complete." },
  "over-budget": {
    verdict: "unknown",
    meaning: "Its user has more processes or command lines than the sweep reads for one user.",
  },
  "descriptors-unreadable": {
    verdict: "unknown",
    meaning: "The descriptors of one of its processes could not be read.",
  },
  "other-network-namespace": {
    verdict: "unknown",
    meaning: "One of its processes is in a network namespace that is not the tree's alone.",
  },
  "socket-not-listed": {
    verdict: "unknown",
    meaning: "One of its processes has a socket that the kernel did not list.",
  },
  "ancestor-not-seen": { verdict: "unknown", meaning: "The parent of one of its ancestors was not seen." },
  "ancestor-unreadable": {
    verdict: "unknown",
    meaning: "The executable of one of its ancestors could not be read.",
  },
  "user-ids-unreadable": { verdict: "unknown", meaning: "The user ids of its root could not be read." },
  "cgroups-unreadable": {
    verdict: "unknown",
    meaning: "The cgroups of its root could not be read: it may be in a batch job.",
  },
  "environment-unreadable": {
    verdict: "unknown",
    meaning: "The environment of one of its processes could not be read: it may be a batch job's.",
  },
  "command-line-unreadable": {
    verdict: "unknown",
    meaning: "The command line of its root could not be read.",
  },
  "as-its-server": {
    verdict: "any but reap",
    meaning:
      "It holds helpers alone, which may serve a server of the same user, so it gets that server's verdict.",
  },
} as const satisfies Readonly<Record<string, Reason>>;

export type ReasonCode = keyof typeof REASON_CODES;
