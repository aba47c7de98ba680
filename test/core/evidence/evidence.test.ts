import assert from "node:assert/strict";
import test from "node:test";
import { collectEvidence, usersToAsk } from "../../../src/core/evidence/evidence.ts";
import { viewOf } from "../../../src/core/evidence/host-view.ts";
import type { Link } from "../../../src/core/observation/connections.ts";
import type { Observation } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { contextFor, type Judgement, judge } from "../../../src/core/verdict/judge.ts";
import { ONE_LOOK } from "../../helpers/policy.ts";
import {
  ALICE,
  commandShell,
  fromHost,
  HOME,
  joined,
  legacyTree,
  linked,
  NO_CONNECTIONS,
  observation,
  type ProcInit,
  piped,
  proc,
  sshSession,
  TICKS,
  tcp,
  UPTIME,
  unattributed,
  unix,
} from "../../helpers/proc.ts";

const context = contextFor(ONE_LOOK, "2026-11-23");

function only(seen: Observation): Judgement {
  const judged = judge(seen, context);
  assert.equal(judged.length, 1, judged.map(({ tree }) => tree.root.pid).join(" "));
  return judged[0] as Judgement;
}

const verdictOf = (seen: Observation): string => only(seen).verdict;
const verdicts = (seen: Observation): Record<number, string> =>
  Object.fromEntries(judge(seen, context).map(({ tree, verdict }) => [tree.root.pid, verdict]));

const tree = legacyTree(500);
const [, server, extensionHost] = tree as [Proc, Proc, Proc];
const startedAgo = (ms: number): number => ((UPTIME - ms) / 1000) * TICKS;
const BOB = 2002;
const ids = (uid: number): Partial<ProcInit> => ({ uid, uids: [uid, uid, uid, uid], loginUid: uid });

test("below a live ssh session it is in use", () => {
  const seen = observation([...sshSession(300), ...legacyTree(500, { ppid: 301 })]);
  assert.equal(verdictOf(seen), "spare");
});

test("an established connection from an ssh server spares it, whichever process holds the socket", () => {
  for (const holder of [server, extensionHost]) {
    const seen = observation([...sshSession(300), ...tree], { connections: linked(tcp(holder.pid, 301)) });
    assert.equal(verdictOf(seen), "spare");
  }
});

test("the link counts from either end", () => {
  const seen = observation([...sshSession(300), ...tree], { connections: linked(tcp(301, server.pid)) });
  assert.equal(verdictOf(seen), "spare");
});

test("a reconnect over a later session spares the old server in the old, closed scope", () => {
  const later = sshSession(900, ALICE, { auditSession: 40 });
  const seen = observation([...later, ...tree], { connections: linked(tcp(server.pid, 901)) });
  assert.equal(verdictOf(seen), "spare");
});

test("two hops: sshd to the CLI by TCP, the CLI to the server by a unix socket", () => {
  const cli = commandShell({ pid: 700, ppid: 1 });
  const links = linked(tcp(700, 301), unix(700, server.pid));
  const seen = observation([...sshSession(300), cli, ...tree], { connections: links });
  assert.deepEqual(verdicts(seen), { 500: "spare", 700: "spare" });
});

test("a CLI below a live session passes on what it reaches, and nothing else", () => {
  const cli = commandShell({ pid: 700, ppid: 301 });
  const other = legacyTree(800);
  const links = linked(unix(700, server.pid));
  const seen = observation([...sshSession(300), cli, ...tree, ...other], { connections: links });
  assert.deepEqual(verdicts(seen), { 500: "spare", 700: "spare", 800: "reap" });
});

test("two orphans connected to each other are orphans", () => {
  const cli = commandShell({ pid: 700 });
  const seen = observation([...sshSession(300), cli, ...tree], {
    connections: linked(unix(700, server.pid)),
  });
  assert.deepEqual(verdicts(seen), { 500: "reap", 700: "reap" });
});

test("a tree connected to one of which nothing is known is unknown itself", () => {
  const cli = commandShell({ pid: 700, ppid: 444 });
  const seen = observation([...sshSession(300), cli, ...tree], {
    connections: linked(unix(700, server.pid)),
  });
  assert.deepEqual(verdicts(seen), { 500: "unknown", 700: "unknown" });
});

test("a connection from the user's own curl is not a client", () => {
  const curl = proc({ pid: 950, exe: "/usr/bin/curl", argv: "curl http://127.0.0.1:1" });
  const seen = observation([...sshSession(300), curl, ...tree], {
    connections: linked(tcp(server.pid, null)),
  });
  assert.equal(verdictOf(seen), "reap");
});

test("connections to the same other end are reported as one link with their number", () => {
  for (const [sockets, told] of [
    [undefined, 1],
    [0, 1],
    [7, 7],
  ] as const) {
    const connections = linked({ ...tcp(server.pid, null), sockets }, unix(server.pid, null));
    const { facts } = only(observation([...sshSession(300), ...tree], { connections }));
    const detail = facts.find(({ fact }) => fact === "client")?.detail ?? "";
    assert.match(detail, new RegExp(`; ${told + 1} established connection\\(s\\) lead elsewhere$`));
  }
});

test("sockets that were not, or not all, listed make a tree unknown", () => {
  const fault = { what: "list sockets", detail: "EPERM" };
  assert.equal(verdictOf(observation(tree, { connections: null })), "unknown");
  const cut = { ...NO_CONNECTIONS, complete: false, faults: [fault] };
  assert.equal(verdictOf(observation(tree, { connections: cut })), "unknown");
});

test("a process whose descriptors cannot be read, or that is in another network, makes its tree unknown", () => {
  for (const doubt of [{ unreadable: [extensionHost.pid] }, { foreignNet: [server.pid] }])
    assert.equal(verdictOf(observation(tree, { connections: { ...NO_CONNECTIONS, ...doubt } })), "unknown");
});

test("an ssh server that cannot be looked into casts doubt on trees with an unattributed connection alone", () => {
  const links = [tcp(server.pid, null)];
  const seen = observation([...sshSession(300), ...tree, ...legacyTree(800)], {
    connections: { ...NO_CONNECTIONS, links, unreadable: [301] },
  });
  assert.deepEqual(verdicts(seen), { 500: "unknown", 800: "reap" });
});

test("a process whose executable is hidden may be the ssh server at the other end; so may one of unknown name", () => {
  const connections = linked(tcp(server.pid, null));
  const hidden = proc({ pid: 301, exe: null, comm: "sshd-session" });
  assert.equal(verdictOf(observation([...sshSession(400), hidden, ...tree], { connections })), "unknown");
  assert.equal(verdictOf(observation(tree, { connections })), "unknown");
  assert.equal(verdictOf(observation([...sshSession(400), ...tree], { connections })), "reap");
});

test("a gap in the chain of parents makes a tree unknown; a recycled parent is a gap", () => {
  assert.equal(verdictOf(observation(legacyTree(500, { ppid: 444 }))), "unknown");
  const younger = proc({ pid: 444, startTime: startedAgo(0) });
  assert.equal(verdictOf(observation([younger, ...legacyTree(500, { ppid: 444 })])), "unknown");
});

test("an ancestor whose executable cannot be read makes a tree unknown", () => {
  const hidden = proc({ pid: 440, exe: null, uid: 0 });
  assert.equal(verdictOf(observation([hidden, ...legacyTree(500, { ppid: 440 })])), "unknown");
});

test("an ssh server that is pid 1 of a container adopts orphans, which proves nothing", () => {
  const init = proc({ pid: 1, ppid: 0, uid: 0, exe: "/usr/sbin/sshd", startTime: 1 });
  assert.equal(verdictOf(observation([init, ...tree])), "reap");
});

test("sshd's root monitor may be gone: the session that lives still counts", () => {
  const [, child] = sshSession(300) as [Proc, Proc];
  const seen = observation([{ ...child, ppid: 1 }, ...tree], {
    connections: linked(tcp(server.pid, child.pid), fromHost(child.pid)),
  });
  assert.equal(verdictOf(seen), "spare");
});

test("a program of the user's named sshd is not a client, nor one in a user namespace of its own", () => {
  const fakes = [
    proc({ pid: 300, exe: `${HOME}/.vscode-server/bin/sshd`, argv: "sshd-session: alice@notty" }),
    proc({ pid: 300, exe: "/usr/sbin/sshd", foreignUserNs: true }),
    proc({ pid: 300, exe: "/usr/bin/bash", argv: "sshd-session: alice [priv]" }),
  ];
  for (const fake of fakes) {
    const seen = observation([fake, ...tree], { connections: linked(tcp(server.pid, 300)) });
    assert.equal(verdictOf(seen), "reap", fake.exe ?? "");
    const below = observation([fake, ...legacyTree(500, { ppid: 300 })]);
    assert.equal(verdictOf(below), "reap", fake.exe ?? "");
  }
});

test("an ssh server in an unusual place counts when root runs the same file; a deleted one is still one", () => {
  const exe = "/apps/openssh/sbin/sshd";
  const listener = proc({ pid: 200, uid: 0, exe });
  const session = proc({ pid: 301, ppid: 200, exe: `${exe} (deleted)` });
  const seen = observation([listener, session, ...tree], { connections: linked(tcp(server.pid, 301)) });
  assert.equal(verdictOf(seen), "spare");
});

test("other ssh servers of the field count as well", () => {
  for (const name of ["gsisshd", "hpnsshd", "dropbear", "teleport", "tailscaled"]) {
    const daemon = proc({ pid: 300, uid: 0, exe: `/usr/sbin/${name}` });
    const seen = observation([daemon, ...tree], { connections: linked(tcp(server.pid, 300)) });
    assert.equal(verdictOf(seen), "spare", name);
  }
});

/** What stands beside the tree of 500, whose server is 501, and the verdict. Relays were asked. */
interface UseCase {
  readonly what: string;
  readonly processes?: readonly Proc[];
  readonly links?: readonly Link[];
  readonly verdict: string;
  /** What the reason of the tree says. */
  readonly says?: RegExp;
  readonly tree?: readonly Proc[];
  /** Through which ssh server processes of the user's own it is used. */
  readonly sessions?: readonly number[];
}

/** Alice's session: its own connection comes from another host. */
const session = sshSession(300);
const sessionLinks = [fromHost(300), fromHost(301)];
const bobs = sshSession(350, BOB, { loginUid: BOB });
const bobsLinks = [fromHost(350), fromHost(351)];
const socat = proc({ pid: 4720, exe: "/usr/bin/socat" });
const ssh = proc({ pid: 4730, exe: "/usr/bin/ssh" });
const OLD = startedAgo(7_200_000);
const ownSshd = proc({ pid: 4740, exe: `${HOME}/conda/bin/sshd`, startTime: OLD });

const useCases: readonly UseCase[] = [
  {
    what: "1. ssh -R from the node to another host, through which the window comes in",
    processes: [ssh],
    links: [fromHost(ssh.pid, "opened"), ...joined(ssh.pid, server.pid)],
    verdict: "spare",
    says: /host 10\.1\.2\.3 → ssh 4730 → server 501/,
  },
  {
    what: "1. an ssh client that is connected to an ssh server of this very host alone",
    processes: [ssh, ...sshSession(300)],
    links: [...joined(ssh.pid, 300), ...joined(ssh.pid, 301), ...joined(ssh.pid, server.pid)],
    verdict: "reap",
  },
  {
    what: "2. ssh to socat to the server",
    processes: [...session, socat],
    links: [...sessionLinks, ...joined(301, socat.pid), ...joined(socat.pid, server.pid, "unix")],
    verdict: "spare",
    says: /host 10\.1\.2\.3 → sshd-session 301 → socat 4720 → server 501/,
  },
  {
    what: "2. ssh to socat with fork: its child holds both ends",
    processes: [...session, socat, proc({ pid: 4721, ppid: socat.pid, exe: "/usr/bin/socat" })],
    links: [...sessionLinks, ...joined(301, 4721), ...joined(4721, server.pid)],
    verdict: "spare",
  },
  {
    what: "2. a relay below a live session, by pipes",
    processes: [...session, proc({ pid: 4721, ppid: 301, exe: "/usr/bin/nc" })],
    links: [...sessionLinks, ...joined(4721, server.pid, "unix")],
    verdict: "spare",
    says: /sshd-session 301 → nc 4721 → server 501/,
  },
  {
    what: "2. a relay below the shell of a live session",
    processes: [
      ...session,
      proc({ pid: 4719, ppid: 301, exe: "/usr/bin/bash" }),
      proc({ pid: 4721, ppid: 4719, exe: "/usr/bin/nc" }),
    ],
    links: [...sessionLinks, ...joined(4721, server.pid, "unix")],
    verdict: "spare",
    says: /sshd-session 301 → bash 4719 → nc 4721 → server 501/,
  },
  {
    what: "2. two relays one after the other",
    processes: [...session, socat, proc({ pid: 4722, exe: "/usr/bin/nc" })],
    links: [
      ...sessionLinks,
      ...joined(301, 4722),
      ...joined(4722, socat.pid),
      ...joined(socat.pid, server.pid),
    ],
    verdict: "spare",
  },
  {
    what: "2. a relay that fetches from a session's reverse forward",
    processes: [...session, socat],
    links: [...sessionLinks, ...joined(socat.pid, 301), ...joined(socat.pid, server.pid)],
    verdict: "spare",
  },
  {
    what: "3. another host straight to a server that listens on the network",
    links: [fromHost(server.pid)],
    verdict: "spare",
    says: /host 10\.1\.2\.3 → server 501/,
  },
  {
    what: "3. what the tree fetches from another host",
    links: [fromHost(extensionHost.pid, "opened")],
    verdict: "reap",
  },
  {
    what: "3. a connection with another host of which nothing shows who opened it",
    links: [fromHost(server.pid, "unknown")],
    verdict: "spare",
  },
  {
    what: "4. a user's own sshd while someone is connected through it",
    processes: [ownSshd, proc({ pid: 4741, ppid: ownSshd.pid, exe: ownSshd.exe })],
    links: [fromHost(4741), ...joined(4741, server.pid)],
    verdict: "spare",
    says: /host 10\.1\.2\.3 → sshd 4741 → server 501/,
  },
  {
    what: "4. a tree below a user's own sshd while someone is connected through it",
    processes: [ownSshd],
    links: [fromHost(ownSshd.pid)],
    tree: legacyTree(500, { ppid: ownSshd.pid }),
    verdict: "spare",
    says: /host 10\.1\.2\.3 → sshd 4740 → launcher 500/,
  },
  {
    what: "4. a tree below an sshd in a user namespace, below a live session",
    processes: [...session, proc({ pid: 480, ppid: 301, exe: "/usr/sbin/sshd", foreignUserNs: true })],
    links: sessionLinks,
    tree: legacyTree(500, { ppid: 480 }),
    verdict: "spare",
  },
  {
    what: "4. a fake sshd that nothing is connected through",
    processes: [ownSshd],
    links: joined(ownSshd.pid, server.pid),
    verdict: "reap",
  },
  {
    what: "4. the host's sshd, run by the user, that nothing is connected through",
    processes: [proc({ pid: 4740, exe: "/usr/sbin/sshd" })],
    links: joined(4740, server.pid),
    verdict: "reap",
  },
  {
    what: "4. a session whose monitor died, behind a proxy of this host",
    processes: [proc({ pid: 4740, exe: "/usr/lib/openssh/sshd-session" })],
    links: [unattributed(4740), ...joined(4740, server.pid)],
    verdict: "spare",
  },
  {
    what: "6. a proxy as RemoteCommand",
    processes: [...session, proc({ pid: 4721, ppid: 301, exe: "/usr/bin/python3" })],
    links: [...sessionLinks, ...joined(4721, server.pid)],
    verdict: "spare",
  },
  {
    what: "the user's own curl, which was asked",
    processes: [proc({ pid: 4721, exe: "/usr/bin/curl" })],
    links: joined(4721, server.pid),
    verdict: "reap",
  },
  {
    what: "two dead ends that are connected to each other",
    processes: [socat, proc({ pid: 4722, exe: "/usr/bin/nc" })],
    links: [...joined(4722, socat.pid), ...joined(socat.pid, server.pid)],
    verdict: "reap",
  },
  {
    what: "a dead end, while the user works elsewhere on the node",
    processes: [...session, socat],
    links: [...sessionLinks, ...joined(socat.pid, server.pid)],
    verdict: "reap",
  },
  {
    what: "another user's program that another host is connected to",
    processes: [proc({ ...ids(BOB), pid: 4720, exe: "/usr/bin/socat" }), ...legacyTree(800, ids(BOB))],
    links: [fromHost(4720), ...joined(4720, server.pid)],
    verdict: "reap",
  },
  {
    what: "the user's service manager and message bus, which everything is connected to",
    processes: [
      ...session,
      proc({ pid: 4750, exe: "/usr/lib/systemd/systemd", startTime: OLD }),
      proc({ pid: 4751, ppid: 4750, exe: "/usr/bin/dbus-daemon" }),
      proc({ pid: 4752, ppid: 301, exe: "/usr/bin/bash" }),
      socat,
    ],
    links: [
      ...sessionLinks,
      ...joined(4752, 4751, "unix"),
      ...joined(4752, 4750, "unix"),
      ...joined(socat.pid, 4751, "unix"),
      ...joined(socat.pid, server.pid),
    ],
    tree: legacyTree(500, { ppid: 4750 }),
    verdict: "reap",
  },
  {
    what: "15. a connection from the tree's terminal to this very host, which forwards to the tree",
    processes: sshSession(300),
    links: [...joined(505, 300), ...joined(505, 301), ...joined(301, server.pid)],
    verdict: "reap",
  },
  {
    what: "15. the same, kept open by an ssh client outside the tree",
    processes: [ssh, ...sshSession(300)],
    links: [...joined(ssh.pid, 300), ...joined(ssh.pid, 301), ...joined(301, server.pid)],
    verdict: "reap",
  },
  {
    what: "a session of this host that a person's own session opened",
    processes: [...session, ...sshSession(310)],
    links: [...sessionLinks, ...joined(301, 310), ...joined(301, 311), ...joined(311, server.pid)],
    verdict: "spare",
    says: /host 10\.1\.2\.3 → sshd-session 301 → sshd-session 311 → server 501/,
  },
  {
    what: "a session that another user or a proxy before sshd opened on this host",
    processes: sshSession(300),
    links: [unattributed(300), unattributed(301), ...joined(301, server.pid)],
    verdict: "spare",
  },
  {
    what: "a session from another host into which the tree forwards X11",
    processes: session,
    links: [...sessionLinks, ...joined(505, 301)],
    verdict: "spare",
  },
  {
    what: "the same with a monitor that shows the session's own connection alone",
    processes: session,
    links: [fromHost(300), ...joined(505, 301)],
    verdict: "spare",
  },
  {
    what: "15. a colleague's reverse forward that an extension talks to",
    processes: bobs,
    links: [...bobsLinks, ...joined(extensionHost.pid, 351)],
    verdict: "reap",
  },
  {
    what: "a colleague's session that is connected to the tree",
    processes: bobs,
    links: [...bobsLinks, ...joined(351, server.pid)],
    verdict: "spare",
    says: /sshd-session 351 → server 501; that is another user \(uid 2002\)/,
  },
  {
    what: "15. a program that the tree is connected to, and that other hosts are connected to",
    processes: [proc({ pid: 4721, exe: "/usr/bin/chromium" })],
    links: [fromHost(4721), ...joined(extensionHost.pid, 4721)],
    verdict: "reap",
  },
  {
    what: "a socket pair with a relay below a live session",
    processes: [...session, proc({ pid: 4721, ppid: 301, exe: "/usr/bin/nc" })],
    links: [...sessionLinks, { ...unix(server.pid, 4721), direction: "unknown" }],
    verdict: "spare",
  },
  {
    what: "a session without audit: its user is whom its monitor started a program for",
    processes: sshSession(300, ALICE, { loginUid: null }),
    links: [fromHost(300), ...joined(300, server.pid)],
    verdict: "spare",
  },
  {
    what: "1. ssh -R whose ProxyCommand holds the connection, into a relay to the server",
    processes: [ssh, socat, proc({ pid: 4731, exe: "/usr/bin/ssh" })],
    links: [
      ...[fromHost(4731, "opened"), ...piped(ssh.pid, 4731)],
      ...[...joined(ssh.pid, socat.pid), ...joined(socat.pid, server.pid)],
    ],
    verdict: "spare",
  },
  {
    what: "1. an ssh client that is connected to the user's own sshd on this host alone",
    processes: [ssh, ownSshd],
    links: [...joined(ssh.pid, ownSshd.pid), ...joined(ssh.pid, server.pid)],
    verdict: "reap",
  },
  {
    what: "2. a relay from a session whose user does not show",
    processes: [proc({ pid: 300, uid: 0, loginUid: null, exe: "/usr/sbin/dropbear" }), socat],
    links: [...joined(300, socat.pid), ...joined(socat.pid, server.pid)],
    verdict: "spare",
    says: /^in use: dropbear 300 → socat 4720 → server 501$/,
    sessions: [300],
  },
  {
    what: "2. a relay that fetches from another relay, to which another host is connected",
    processes: [socat, proc({ pid: 4722, exe: "/usr/bin/nc" })],
    links: [fromHost(4722), ...joined(socat.pid, 4722), ...joined(socat.pid, server.pid)],
    verdict: "spare",
  },
  {
    what: "2. a relay that fetches from a colleague's reverse forward",
    processes: [...bobs, socat],
    links: [...bobsLinks, ...joined(socat.pid, 351), ...joined(socat.pid, server.pid)],
    verdict: "spare",
    says: /another user \(uid 2002\)/,
    sessions: [],
  },
  {
    what: "2. a program that passes on what a colleague's program has, which other hosts use",
    processes: [socat, proc({ ...ids(BOB), pid: 4723, exe: "/usr/bin/nc" }), ...legacyTree(800, ids(BOB))],
    links: [fromHost(4723), ...joined(socat.pid, 4723), ...joined(socat.pid, server.pid)],
    verdict: "reap",
  },
  {
    what: "2. a program that a colleague's program is connected to, which other hosts use",
    processes: [socat, proc({ ...ids(BOB), pid: 4723, exe: "/usr/bin/nc" }), ...legacyTree(800, ids(BOB))],
    links: [fromHost(4723), ...joined(4723, socat.pid), ...joined(socat.pid, server.pid)],
    verdict: "reap",
  },
  {
    what: "2. a relay that is the first process of a container",
    processes: [proc({ pid: 1, ppid: 0, exe: "/usr/bin/socat", startTime: 1 })],
    links: [fromHost(1), ...joined(1, server.pid)],
    verdict: "spare",
  },
  {
    what: "3. another host over IPv6",
    links: [{ ...fromHost(server.pid), remote: "[2001:db8::1]:50000" }],
    verdict: "spare",
    says: /host 2001:db8::1 → server 501/,
    sessions: [],
  },
  {
    what: "4. a tree below root's su, below a live session",
    processes: [...session, proc({ pid: 480, ppid: 301, uid: 0, exe: "/usr/bin/su" })],
    links: sessionLinks,
    tree: legacyTree(500, { ppid: 480 }),
    verdict: "spare",
  },
  {
    what: "4. a tree that a colleague's program started, to which another host is connected",
    processes: [
      proc({ ...ids(BOB), pid: 480, exe: "/usr/bin/x", startTime: OLD }),
      ...legacyTree(800, ids(BOB)),
    ],
    links: [fromHost(480)],
    tree: legacyTree(500, { ppid: 480 }),
    verdict: "reap",
  },
  {
    what: "4. a relay that a colleague's program started, to which another host is connected",
    processes: [
      proc({ ...ids(BOB), pid: 480, exe: "/usr/bin/x", startTime: OLD }),
      { ...socat, ppid: 480 },
      ...legacyTree(800, ids(BOB)),
    ],
    links: [fromHost(480), ...joined(socat.pid, server.pid)],
    verdict: "reap",
  },
  {
    what: "the user's service manager, which another host is connected to",
    processes: [proc({ pid: 4750, exe: "/usr/lib/systemd/systemd", startTime: OLD })],
    links: [fromHost(4750), ...joined(4750, server.pid)],
    verdict: "reap",
  },
  {
    what: "a session into which the tree's terminal reaches for the agent that it forwards",
    processes: session,
    links: [...joined(505, 301, "unix"), ...joined(301, server.pid)],
    verdict: "spare",
    says: /^in use: sshd-session 301 → bash 505$/,
    sessions: [301],
  },
  ...[unattributed(301), ...joined(socat.pid, 301)].map(
    (first, i, all): UseCase => ({
      what: `a session behind a proxy of this host, into which the user's program reaches, ${i + 1}`,
      processes: [...session, socat],
      links: [first, ...all.filter((one) => one !== first), ...joined(301, server.pid)],
      verdict: "spare",
    }),
  ),
  {
    what: "15. a session that the user's dead end opened, of which the monitor shows no connection",
    processes: [ssh, ...session],
    links: [...joined(ssh.pid, 301), ...joined(301, server.pid)],
    verdict: "reap",
  },
  {
    what: "15. such a session below an ssh server whose executable could not be read",
    processes: [
      ssh,
      proc({ pid: 290, uid: 0, exe: null, startTime: OLD }),
      ...session.map((one) => (one.pid === 300 ? { ...one, ppid: 290 } : one)),
    ],
    links: [...joined(ssh.pid, 300), ...joined(ssh.pid, 301), ...joined(301, server.pid)],
    verdict: "reap",
  },
  {
    what: "15. such a session, which is connected to a program that another host uses",
    processes: [ssh, ...session, socat],
    links: [
      ...[...joined(ssh.pid, 300), ...joined(ssh.pid, 301)],
      ...[fromHost(socat.pid), ...joined(301, socat.pid), ...joined(301, server.pid)],
    ],
    verdict: "reap",
  },
  {
    what: "a session, while an earlier one's program is connected to what it forwards",
    processes: [...session, ...sshSession(310), socat],
    links: [
      ...sessionLinks,
      ...[fromHost(310), fromHost(311), ...joined(311, server.pid)],
      ...[...joined(301, socat.pid), ...joined(socat.pid, 311)],
    ],
    verdict: "spare",
    sessions: [311],
  },
  {
    what: "a session, while one that the user's dead end opened is connected as well",
    processes: [...session, ssh, ...sshSession(310)],
    links: [
      ...[...sessionLinks, ...joined(301, server.pid)],
      ...[...joined(ssh.pid, 310), ...joined(ssh.pid, 311), ...joined(311, server.pid)],
    ],
    verdict: "spare",
    sessions: [301],
  },
  {
    what: "a session whose monitor is known to be the user's",
    processes: sshSession(300, ALICE, { loginUid: ALICE }),
    links: [...sessionLinks, ...joined(301, server.pid)],
    verdict: "spare",
    sessions: [301],
  },
  {
    what: "a session of an ssh server that the catalogue does not know, behind a proxy of this host",
    processes: [proc({ pid: 4721, exe: "/usr/sbin/siteshd-session" })],
    links: [{ ...fromHost(4721), otherHost: false }, ...joined(4721, server.pid)],
    verdict: "unknown",
    says: /it is connected to 4721: another user's process is a client/,
  },
  {
    what: "12. a socket that no dump explains",
    verdict: "unknown",
    says: /501 holds a socket that no list of sockets explains/,
    links: [],
  },
];
for (const { what, processes = [], links = [], verdict, says, sessions, tree: members = tree } of useCases)
  test(`use: ${what}: ${verdict}`, () => {
    const unexplained = what.startsWith("12.") ? [server.pid] : [];
    const connections = { ...linked(...links), unexplained };
    const relaysOf = [ALICE, BOB];
    const seen = observation([...processes, ...members], { connections, relaysOf });
    const judgement = judge(seen, context).find(({ tree: { root } }) => root.pid === 500);
    assert.equal(judgement?.verdict, verdict, judgement?.reasons.join());
    if (says) assert.match(judgement?.reasons.join() ?? "", says);
    if (sessions) assert.deepEqual(judgement?.use?.sessions.map(({ pid }) => pid).sort(), sessions);
  });

test("each session's users: the account it runs as, the login behind it, or whom it started", () => {
  const seen = observation([...bobs, ...sshSession(300), ...tree], {
    connections: linked(...bobsLinks, ...sessionLinks, ...joined(351, server.pid)),
  });
  const use = judge(seen, context)[0]?.use;
  assert.deepEqual([use?.own, use?.sessions], [false, []]);
  const both = {
    ...seen,
    connections: linked(...bobsLinks, ...joined(351, server.pid), ...joined(301, server.pid)),
  };
  const own = judge(both, context)[0]?.use;
  assert.deepEqual([own?.own, own?.sessions.map(({ pid }) => pid)], [true, [301]]);
});

test("a session of an unknown user may be the tree's own", () => {
  const dropbear = proc({ pid: 300, uid: 0, loginUid: null, exe: "/usr/sbin/dropbear" });
  const connections = linked(fromHost(300), ...joined(300, 501));
  const use = judge(observation([dropbear, ...tree], { connections }), context)[0]?.use;
  assert.deepEqual([use?.own, use?.sessions.map(({ pid }) => pid)], [true, [300]]);
});

test("a session of the user who became the tree's user by sudo is the tree's own", () => {
  const servers = legacyTree(500, { ...ids(BOB), loginUid: ALICE });
  const seen = observation([...session, ...servers], {
    connections: linked(...sessionLinks, ...joined(301, 501)),
  });
  assert.equal(judge(seen, context)[0]?.use?.own, true);
});

test("a tree that is exempt as tunnel or web server, or kept, uses what it is connected to; other exempt trees do not", () => {
  const tunnel = proc({ pid: 600, exe: "/usr/local/bin/code", argv: "code tunnel" });
  const connections = linked(...joined(600, server.pid));
  const seen = observation([tunnel, ...tree], { connections });
  assert.deepEqual(verdicts(seen), { 500: "spare", 600: "exempt" });
  const [judgement] = judge(seen, context);
  assert.equal(judgement?.reasonCode, "in-use-exempt-tree");
  assert.match(
    judgement?.reasons.join() ?? "",
    /^in use: tunnel 600 \(is a tunnel, reached .*\) → server 501$/,
  );
  const served = collectEvidence(viewOf(observation([tunnel, ...tree], { connections }), ONE_LOOK.catalogue));
  assert.deepEqual(
    [...served.values()].map(({ client }) => client.value),
    ["no", "no"],
  );
  const cli = commandShell({ pid: 600, cgroups: ["/slurm/uid_2001/job_7"] });
  assert.equal(verdicts(observation([cli, ...tree], { connections }))[500], "reap");
});

test("what an exempt tunnel forwards to a relay is used through it", () => {
  const tunnel = proc({ pid: 600, exe: "/usr/local/bin/code", argv: "code tunnel" });
  const connections = linked(...joined(600, socat.pid), ...joined(socat.pid, server.pid));
  assert.equal(
    verdicts(observation([tunnel, socat, ...tree], { connections, relaysOf: [ALICE] }))[500],
    "spare",
  );
});

test("a chain of three trees: use and doubt pass along it, against the direction they do not", () => {
  const [first, second] = [commandShell({ pid: 700 }), commandShell({ pid: 710 })];
  const chain = [...joined(301, 700), ...joined(700, 710, "unix"), ...joined(710, server.pid, "unix")];
  const seen = (links: readonly Link[], more: Partial<ProcInit> = {}) =>
    verdicts(
      observation([...session, { ...first, ...more } as Proc, second, ...tree], {
        connections: linked(...links),
      }),
    );
  assert.deepEqual(seen([...sessionLinks, ...chain]), { 500: "spare", 700: "spare", 710: "spare" });
  assert.deepEqual(seen(chain.slice(2), { ppid: 444 }), { 500: "unknown", 700: "unknown", 710: "unknown" });
  assert.deepEqual(seen(chain.slice(2)), { 500: "reap", 700: "reap", 710: "reap" });
});

test("a tree that is connected to one whose descriptors cannot be read is unknown itself", () => {
  const connections = { ...linked(...joined(700, server.pid, "unix")), unreadable: [700] };
  const seen = observation([...sshSession(300), commandShell({ pid: 700 }), ...tree], { connections });
  assert.deepEqual(verdicts(seen), { 500: "unknown", 700: "unknown" });
});

test("a command-line program that serves two trees is used with either, and both with it", () => {
  const cli = commandShell({ pid: 700 });
  const other = legacyTree(800);
  const served = [...joined(700, 501, "unix"), ...joined(700, 801, "unix")];
  const seen = (...links: Link[]) =>
    verdicts(
      observation([...session, cli, ...tree, ...other], {
        connections: linked(...sessionLinks, ...served, ...links),
      }),
    );
  assert.deepEqual(seen(...joined(301, 700)), { 500: "spare", 700: "spare", 800: "spare" });
  assert.deepEqual(seen(...joined(301, 801)), { 500: "spare", 700: "spare", 800: "spare" });
  assert.deepEqual(seen(), { 500: "reap", 700: "reap", 800: "reap" });
});

test("what a tree or a colleague's program opened to one in use, or to a program, is not used by that", () => {
  const other = legacyTree(800);
  const cli = commandShell({ pid: 700 });
  const reaches = (from: readonly Proc[], more: readonly Proc[], ...links: Link[]) =>
    verdicts(observation([...session, ...from, ...more], { connections: linked(...sessionLinks, ...links) }))[
      from[0]?.pid ?? 0
    ];
  const used = [...joined(301, 801), ...joined(700, 801)];
  assert.equal(reaches([cli], other, ...used), "spare");
  const bobsCli = { ...cli, ...ids(BOB) } as Proc;
  assert.equal(reaches([bobsCli], other, ...used), "reap", "another user's command-line program");
  const withServer = [cli, ...legacyTree(710, { ppid: 700 })];
  assert.equal(reaches(withServer, other, ...used), "reap", "one with a server below it");
  const chromium = proc({ pid: 4721, exe: "/usr/bin/chromium" });
  assert.equal(reaches([cli], [chromium], fromHost(4721), ...joined(700, 4721)), "reap", "to a browser");
  const links = [...sessionLinks, ...joined(301, 801), ...joined(extensionHost.pid, 801)];
  const seen = observation([...session, ...tree, ...other], { connections: linked(...links) });
  assert.deepEqual(verdicts(seen), { 500: "reap", 800: "spare" });
});

test("doubt does not pass from one user's tree to another's, use does", () => {
  const bobsTree = legacyTree(800, { ...ids(BOB), ppid: 444 });
  const links = linked(...joined(801, server.pid));
  assert.deepEqual(verdicts(observation([...bobsTree, ...tree], { connections: links })), {
    500: "reap",
    800: "unknown",
  });
  const used = linked(...bobsLinks, ...joined(351, 801), ...joined(801, server.pid));
  const inUse = observation([...bobs, ...legacyTree(800, ids(BOB)), ...tree], { connections: used });
  assert.deepEqual(verdicts(inUse), { 500: "spare", 800: "spare" });
  assert.equal(judge(inUse, context)[0]?.use?.own, false);
});

test("what one user hides casts doubt on that user's trees alone; what root hides, on all", () => {
  const bobsTree = legacyTree(800, ids(BOB));
  const links = [unattributed(server.pid), unattributed(801)];
  const around = (hidden: readonly Proc[], more: object = {}) =>
    verdicts(
      observation([...sshSession(300), ...hidden, ...tree, ...bobsTree], {
        connections: { ...linked(...links), ...more },
        relaysOf: [ALICE, BOB],
      }),
    );
  assert.deepEqual(around([]), { 500: "reap", 800: "reap" });
  const hidden = (uid: number) => proc({ ...ids(uid), pid: 4760, exe: null });
  assert.deepEqual(around([hidden(BOB)]), { 500: "reap", 800: "unknown" });
  assert.deepEqual(around([hidden(0)]), { 500: "unknown", 800: "unknown" });
  assert.deepEqual(around([proc({ ...ids(0), pid: 4760, exe: null, state: "Z" })]), {
    500: "reap",
    800: "reap",
  });
  assert.deepEqual(around([proc({ ...ids(0), pid: 4760, ppid: 2, exe: null })]), {
    500: "reap",
    800: "reap",
  });
  const opaque = proc({ ...ids(BOB), pid: 4760 });
  assert.deepEqual(around([opaque], { unreadable: [4760] }), { 500: "reap", 800: "unknown" });
  const bobsSshd = sshSession(350, BOB, { loginUid: BOB });
  assert.deepEqual(around(bobsSshd, { unexplained: [351] }), { 500: "reap", 800: "unknown" });
  const listener = proc({ pid: 340, uid: 0, loginUid: null, exe: "/usr/sbin/sshd" });
  assert.deepEqual(around([listener], { unexplained: [340] }), { 500: "reap", 800: "reap" });
  assert.deepEqual(around(bobsSshd, { unreadable: [350] }), { 500: "unknown", 800: "unknown" });
});

test("a verdict that another user's process keeps from being given names that user; one's own does not", () => {
  const withheld = (hidden: readonly Proc[]) =>
    judge(
      observation([...sshSession(300), ...hidden, ...tree], {
        connections: linked(unattributed(server.pid)),
        relaysOf: [ALICE],
      }),
      context,
    ).map(({ verdict, withheldBy }) => [verdict, withheldBy]);
  const hidden = (uid: number) => proc({ ...ids(uid), pid: 4760, exe: null });
  assert.deepEqual(withheld([hidden(0)]), [["unknown", 0]]);
  assert.deepEqual(withheld([hidden(ALICE)]), [["unknown", undefined]]);
  assert.equal(withheld([])[0]?.[1], undefined);
});

test("a user who exceeds a budget is unknown alone", () => {
  const both = [...sshSession(300), ...tree, ...legacyTree(800, ids(BOB))];
  const seen = (overBudget?: number[]) =>
    verdicts(observation(both, { connections: NO_CONNECTIONS, overBudget }));
  assert.deepEqual(seen(), { 500: "reap", 800: "reap" });
  assert.deepEqual(seen([ALICE]), { 500: "unknown", 800: "reap" });
});

test("a program whose path is too long is not an ssh server that hides", () => {
  const seen = (exeUnreadable: Proc["exeUnreadable"]) =>
    verdictOf(
      observation(
        [...sshSession(300), proc({ ...ids(ALICE), pid: 4760, exe: null, exeUnreadable }), ...tree],
        {
          connections: linked(unattributed(server.pid)),
          relaysOf: [ALICE],
        },
      ),
    );
  assert.equal(seen("denied"), "unknown");
  assert.equal(seen("too-long"), "reap");
});

test("a relay whose own sockets are not known makes the tree that it is connected to unknown", () => {
  for (const doubt of [
    { foreignNet: [socat.pid] },
    { unexplained: [socat.pid] },
    { unreadable: [socat.pid] },
  ]) {
    const connections = { ...linked(...joined(socat.pid, server.pid)), ...doubt };
    const seen = observation([...sshSession(300), socat, ...tree], { connections, relaysOf: [ALICE] });
    assert.equal(verdictOf(seen), "unknown", JSON.stringify(doubt));
  }
});

test("a connection that a process which was not asked may hold makes the tree unknown", () => {
  const seen = (relaysOf: number[] | undefined, link: Link) =>
    verdictOf(observation([...sshSession(300), ...tree], { connections: linked(link), relaysOf }));
  assert.equal(seen([], unattributed(server.pid)), "unknown");
  assert.equal(seen([BOB], unattributed(server.pid)), "unknown");
  assert.equal(seen([ALICE], unattributed(server.pid)), "reap");
  assert.equal(seen([], unattributed(server.pid, "opened")), "reap");
  assert.equal(seen([], fromHost(extensionHost.pid, "opened")), "reap");
  // A snapshot of the version before, which asked no relays, is judged as it was then.
  assert.equal(seen(undefined, unattributed(server.pid)), "reap");
});

test("without root, a connection that only root can attribute is unknown and not a false no", () => {
  const seen = observation([...sshSession(300), ...tree], {
    connections: linked(unattributed(server.pid)),
    relaysOf: [ALICE],
    observerUid: ALICE,
  });
  const judgement = only(seen);
  assert.equal(judgement.verdict, "unknown");
  assert.match(judgement.reasons.join(), /only root can see who holds it/);
});

test("unattributed connections are counted together, whichever comes first", () => {
  const hidden = proc({ pid: 301, exe: null });
  for (const links of [
    [unattributed(server.pid), unattributed(server.pid, "opened"), fromHost(server.pid, "opened")],
    [unattributed(server.pid), ...joined(extensionHost.pid, 700), unattributed(502)],
  ]) {
    const others = [proc({ pid: 700 }), hidden, ...sshSession(400)];
    const { reasons } = only(observation([...others, ...tree], { connections: linked(...links) }));
    assert.match(reasons.join(), /the other end of 2 established connection\(s\)/);
  }
});

const asked = (processes: readonly Proc[], ...links: Link[]): number[] =>
  usersToAsk(viewOf(observation(processes, { connections: linked(...links) }), ONE_LOOK.catalogue));

test("only users whose tree may be reached through a process that was not asked are asked for all of theirs", () => {
  assert.deepEqual(asked(tree), []);
  assert.deepEqual(asked(tree, unattributed(server.pid)), [ALICE]);
  assert.deepEqual(asked(tree, unattributed(server.pid, "unknown")), [ALICE]);
  assert.deepEqual(asked(tree, unattributed(server.pid, "opened")), []);
  assert.deepEqual(asked(tree, fromHost(extensionHost.pid, "opened")), []);
  assert.deepEqual(
    asked([...session, ...tree], unattributed(server.pid), ...sessionLinks, ...joined(301, 501)),
    [],
  );
  const shell = proc({ pid: 4721, exe: "/usr/bin/bash", startTime: OLD });
  assert.deepEqual(asked([shell, ...legacyTree(500, { ppid: 4721 })]), [ALICE]);
  assert.deepEqual(
    asked([
      proc({ pid: 4721, exe: "/usr/lib/systemd/systemd", startTime: OLD }),
      ...legacyTree(500, { ppid: 4721 }),
    ]),
    [],
  );
  const root = legacyTree(500, ids(0));
  assert.deepEqual(asked(root, unattributed(501)), []);
  const service = legacyTree(500, { ...ids(BOB), loginUid: ALICE });
  assert.deepEqual(asked(service, unattributed(501)), [ALICE, BOB]);
  for (const loginUid of [null, 0, ALICE])
    assert.deepEqual(asked(legacyTree(500, { loginUid }), unattributed(501)), [ALICE], `login ${loginUid}`);
  // Its only use is a session that a process of the same user may have opened.
  assert.deepEqual(asked([...sshSession(300), ...tree], unattributed(300), ...joined(301, 501)), [ALICE]);
});
