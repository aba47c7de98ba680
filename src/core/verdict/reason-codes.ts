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
      "Its session closed longer ago than the grace, and its user has no session on this host or the grace is 0.",
  },
  "untagged-past-grace": {
    verdict: "reap",
    meaning:
      'No client is connected and it is older than the grace; the site asks for one look (`untagged = "reap"` or a grace of 0).',
  },
  "two-looks": {
    verdict: "reap",
    meaning: "Two looks, the grace or more apart, found no client.",
  },
  forced: { verdict: "reap", meaning: "An administrator ended it with `--force`." },
  "inside-grace": { verdict: "wait", meaning: "It is an orphan, and its grace has not passed." },
  marked: { verdict: "wait", meaning: "It is an orphan, and waits for a second look." },
  "cpu-time-unknown": {
    verdict: "wait",
    meaning:
      "It is a coding agent's daemon, and the CPU time that it used since the first look is not known.",
  },
  "in-use-session": {
    verdict: "spare",
    meaning: "An ssh session of its user on this host reaches it.",
  },
  "in-use-other-host": {
    verdict: "spare",
    meaning: "Another host reaches it without an ssh session on this host.",
  },
  "in-use-exempt-tree": {
    verdict: "spare",
    meaning: "A tree that is left alone reaches it: a tunnel, a web server or a kept tree.",
  },
  "in-use-other-user": { verdict: "spare", meaning: "Only another user reaches it." },
  "parent-alive": {
    verdict: "spare",
    meaning: "It holds helpers alone, and their parent lives and belongs to no tree.",
  },
  "agent-busy": {
    verdict: "spare",
    meaning: "It is a coding agent's daemon that used more than 1 % of a core since the first look.",
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
  "exempt-user": { verdict: "exempt", meaning: "Its user is in `exemptUsers`." },
  "exempt-group": { verdict: "exempt", meaning: "Its user is in a group of `exemptGroups`." },
  "exempt-entry": { verdict: "exempt", meaning: "An entry of `[[exempt]]` fits it." },
  "exempt-lookup-failed": {
    verdict: "exempt",
    meaning: "It may be exempt: the look-up of a user or group failed.",
  },
  kept: { verdict: "exempt", meaning: "Its user keeps it (`vscode-grim-reaper keep`)." },
  "keep-unreadable": {
    verdict: "exempt",
    meaning: "Its user may keep it: the request could not be read.",
  },
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
    meaning: "One of its processes has connections in another network namespace.",
  },
  "socket-unexplained": {
    verdict: "unknown",
    meaning:
      "One of its processes, or an ssh session of its user, holds a socket that no list of sockets explains.",
  },
  "connection-unattributed": {
    verdict: "unknown",
    meaning: "It has connections whose other end could not be attributed to a process.",
  },
  "other-user-in-the-way": {
    verdict: "unknown",
    meaning: "It has connections whose other end may be another user's process, which could not be read.",
  },
  "connected-to-unknown": {
    verdict: "unknown",
    meaning:
      "It is connected to a process of its user whose own connections or ancestors are not known, or of which nothing shows whom it serves.",
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
