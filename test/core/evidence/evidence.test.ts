import assert from "node:assert/strict";
import test from "node:test";
import { collectEvidence, type Evidence } from "../../../src/core/evidence/evidence.ts";
import type { Connection, Connections } from "../../../src/core/observation/connections.ts";
import type { Observation } from "../../../src/core/observation/observation.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { viewOf } from "../../../src/core/tree/host-view.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";
import {
  accepted,
  commandShell,
  fromHost,
  HOME,
  joined,
  legacyTree,
  linked,
  NO_CONNECTIONS,
  observation,
  onTerminal,
  opened,
  type ProcInit,
  paired,
  piped,
  proc,
  sshSession,
  toHost,
} from "../../helpers/proc.ts";

const BOB = 2002;
const HOUR = 3_600_000;
const ids = (uid: number): Partial<ProcInit> => ({ uid, uids: [uid, uid, uid, uid], loginUid: uid });

/** Alice's tree of 500 with its server 501 and its extension host 502, and two of her ssh sessions. */
const tree = legacyTree(500);
const session = sshSession(300, 2001, { loginUid: 2001 });
const bobs = sshSession(350, BOB, ids(BOB));
const roots = proc({ pid: 360, uid: 0, loginUid: null, exe: "/usr/sbin/dropbear" });
const old = (pid: number, more: Partial<ProcInit> = {}): Proc =>
  proc({ pid, startTime: 2, exe: "/usr/bin/relay", ...more });
const START = tree[0]?.startTime ?? 0;
const young = (pid: number): Proc => proc({ pid, startTime: START + 500, exe: "/usr/bin/gpg-agent" });
const below = (parent: number): Proc[] => legacyTree(500, { ppid: parent });

interface Row {
  /** Beside the tree, or with a tree of its own. */
  readonly processes?: readonly Proc[];
  readonly connections?: readonly Connection[];
  readonly more?: Partial<Connections>;
  readonly seen?: Partial<Observation>;
  readonly silentAfter?: number | null;
  /** The pid of a tree that is left alone. */
  readonly source?: number;
  readonly says?: RegExp;
}

function evidenceOf({
  processes = [],
  connections = [],
  more,
  seen,
  silentAfter = 12 * HOUR,
  source,
}: Row): Evidence {
  const own = processes.some(({ pid }) => pid === 501) ? [] : tree;
  const all = observation([...own, ...processes], {
    connections: { ...linked(...connections), ...more },
    ...seen,
  });
  const view = viewOf(all, DEFAULT_POLICY.catalogue);
  const left = view.trees
    .filter(({ root }) => root.pid === source)
    .map((one) => [one, "is a tunnel"] as const);
  const found = collectEvidence(view, new Map(left), silentAfter);
  const evidence = found.find(({ trees }) => trees.some(({ root }) => root.pid === 500));
  assert.ok(evidence);
  return evidence;
}

const unixKind = { kind: "unix" } as const;
const cli = commandShell({ pid: 700 });
const late = commandShell({ pid: 700, startTime: START + 1000 });
const lonely = { id: "net:[7]", pids: [502, 503], onlyLoopback: true };

/** By what the tree of 500 is: why it is in use, why in doubt, or unused. */
const rows: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  unused: {
    "nothing is connected": { says: /^no ssh session is above it \| no client is connected$/ },
    "it opened a connection to the ssh server that listens": {
      processes: [proc({ pid: 200, uid: 0, loginUid: null, exe: "/usr/sbin/sshd" })],
      connections: [opened(505, 200)],
    },
    "a pid 1 that is an ssh server": {
      processes: [proc({ pid: 1, ppid: 0, uid: 0, loginUid: null, exe: "/usr/sbin/sshd" })],
    },
    "its processes are connected with each other": { connections: joined(502, 501) },
    "it opened a connection to another host": { connections: [toHost(501)] },
    "it opened one to a process of this host": { connections: [opened(501, null, unixKind)] },
    "a member shares the far end with a process outside": {
      processes: [old(900)],
      connections: [accepted(501, 502, { far: [502, 900] })],
    },
    "a member shares its own end with a process outside": {
      processes: [old(900)],
      connections: [accepted(501, 502, { near: [501, 900] })],
    },
    "silent for as long as the site allows": {
      connections: [accepted(501, null, { idle: 12 * HOUR })],
      says: /no client is connected; 127\.0\.0\.1:51000: silent for 12h$/,
    },
    "a pair with a program that left it": { processes: [young(900)], connections: paired(501, 900) },
    "a pair with a program that started in the same instant": {
      processes: [old(900, { startTime: START })],
      connections: paired(501, 900),
    },
    "a pair with a process that the sweep did not read": {
      connections: [accepted(501, 999, { direction: "pair" })],
    },
    "a pair with a program that is younger than its holder, and older than a tree connected with it": {
      processes: [young(900), late],
      connections: [...joined(700, 501), ...paired(501, 900)],
    },
    "a pair of which nothing asked holds the other end": { connections: paired(501, null) },
    "a pair with what started it": { processes: [old(440), ...below(440)], connections: paired(501, 440) },
    "a pipe to another process": { processes: [old(900)], connections: [piped(501, 900)] },
    "a terminal that an older process holds": { processes: [old(900)], connections: [onTerminal(505, 900)] },
    "a socket in a folder that is named like a display": {
      connections: [opened(505, null, { ...unixKind, remote: "/tmp/wayland-0/agent" })],
    },
    "a display within the tree": {
      connections: [opened(505, 503, { ...unixKind, remote: "/tmp/.X11-unix/X9" })],
    },
    "a display elsewhere": {
      connections: [opened(505, null, { ...unixKind, remote: "/home/x/tmp/.X11-unix/X1" })],
    },
    "what started it is connected to the tree": {
      processes: [old(440), ...below(440)],
      connections: joined(440, 501),
    },
    "the user's systemd started it": {
      processes: [old(440, { exe: "/usr/lib/systemd/systemd" }), ...below(440)],
      connections: [accepted(440, null, unixKind)],
    },
    "root's program started it": {
      processes: [old(440, { uid: 0 }), ...below(440)],
      connections: [fromHost(440)],
    },
    "an unused tree is connected to it": { processes: [cli], connections: joined(700, 501, unixKind) },
    "it is connected to a tree that is left alone": {
      processes: [cli],
      connections: joined(501, 700),
      source: 700,
    },
    "it is connected to another user's tree that is used": {
      processes: [...bobs, { ...cli, ...ids(BOB) } as Proc],
      connections: [...joined(351, 700), ...joined(501, 700)],
    },
    "a program of the user's named sshd holds a pipe": {
      processes: [proc({ pid: 900, exe: `${HOME}/bin/sshd` })],
      connections: [piped(501, 900)],
    },
    "another user exceeds a budget": { seen: { overBudget: [BOB] } },
    "those of root's program that started it": {
      processes: [old(440, { uid: 0 }), ...below(440)],
      more: { unreadable: [440] },
    },
    "root's program that started it is in another network namespace": {
      processes: [old(440, { uid: 0 }), ...below(440)],
      more: { otherNets: [{ ...lonely, pids: [440] }] },
    },
    "those of another user's session and process": {
      processes: [...bobs, young(900)],
      more: { unreadable: [351, 900] },
    },
    "a socket in no list of another process": { more: { unlisted: [{ pid: 900, net: null }] } },
    "a member in a network namespace of its own": { more: { otherNets: [lonely] } },
    "a socket of its own namespace": {
      more: { otherNets: [lonely], unlisted: [{ pid: 501, net: "net:[7]" }] },
    },
    "a closed TCP socket beside a namespace of its own": {
      more: { otherNets: [lonely], unlisted: [{ pid: 501, net: lonely.id }] },
    },
  },
  "in-use-session": {
    "a session is above it": { processes: [...session, ...below(301)], says: /session sshd-session 301/ },
    "a session of the login behind sudo is above it": {
      processes: [...session, ...legacyTree(500, { ppid: 301, ...ids(BOB), loginUid: 2001 })],
    },
    "a session holds a connection that it accepted": { processes: session, connections: joined(301, 501) },
    "root's monitor of a session does": { processes: session, connections: [accepted(501, 300)] },
    "a session of root's is above it, on a host without audit": {
      processes: [roots, proc({ pid: 361, ppid: 360, uid: 0, exe: "/usr/bin/su" }), ...below(361)],
    },
    "a session writes to a pipe of it whose user does not show, for what it started has ended": {
      processes: [
        { ...roots, pid: 355 },
        { ...roots, ppid: 355 },
      ],
      connections: [piped(502, 360)],
    },
    "a session writes to a pipe of it": { processes: session, connections: [piped(502, 301)] },
    "a session reads from a pipe of it": { processes: session, connections: [piped(301, 502)] },
    "a session holds its terminal": { processes: session, connections: [onTerminal(505, 301)] },
    "it holds the terminal of a session": { processes: session, connections: [onTerminal(301, 505)] },
    "a session holds the other end of a pair": { processes: session, connections: paired(501, 301) },
    "a program of it opened a connection to a session, which forwards X11": {
      processes: session,
      connections: joined(505, 301),
    },
    "the last heard of a session": {
      processes: session,
      connections: [accepted(501, 301), accepted(301, null), toHost(505), fromHost(301, { idle: 2 * HOUR })],
      says: /session sshd-session 301 from 10\.1\.2\.3:50000, last heard 2h ago/,
    },
    "a silent connection of a session": {
      processes: session,
      connections: [accepted(501, 301, { idle: 99 * HOUR })],
    },
    "a tree that a session is connected to is connected to it": {
      processes: [...session, cli],
      connections: [...joined(301, 700), ...joined(700, 501, unixKind)],
    },
  },
  "in-use-other-user": {
    "a session of another user is above it": { processes: [...bobs, ...below(351)], says: /of uid 2002/ },
    "another user's process is connected": {
      connections: [accepted(501, null, { farUid: BOB })],
      says: /a process of uid 2002/,
    },
    "a pair that another user made": { connections: paired(501, null, { farUid: BOB }) },
    "another user's tree is connected to it": {
      processes: [{ ...cli, ...ids(BOB) } as Proc],
      connections: joined(700, 501, { farUid: BOB }),
    },
  },
  "in-use-other-host": {
    "another host is connected": {
      connections: [fromHost(501)],
      says: /host 10\.1\.2\.3:50000 is connected to 10\.0\.0\.1:22$/,
    },
    "another host that sent something a minute ago is": {
      connections: [fromHost(501, { idle: 60_000 })],
      says: /, last heard 1m ago$/,
    },
    "a silent one beside one that is not": {
      connections: [accepted(501, null, { idle: 99 * HOUR }), fromHost(502)],
    },
    "what started it accepted the client's connection": {
      processes: [old(440), ...below(440)],
      connections: [fromHost(440)],
    },
    "what started it connected to a host": {
      processes: [old(440), ...below(440)],
      connections: [toHost(440)],
    },
    "what started it shares a connection to a host with another process": {
      processes: [old(440), old(900), ...below(440)],
      connections: [toHost(440, { near: [440, 900] })],
    },
    "use counts for more than a doubt": { connections: [fromHost(501)], more: { unreadable: [503] } },
  },
  "descriptors-unreadable": {
    "the session of the login behind sudo, whose descriptors cannot be read": {
      processes: [...session, ...legacyTree(500, { ...ids(BOB), loginUid: 2001 })],
      more: { unreadable: [301] },
    },
    "descriptors of a member cannot be read": { more: { unreadable: [503] }, says: /descriptors of 503/ },
    "those of what started it": { processes: [old(440), ...below(440)], more: { unreadable: [440] } },
    "those of a session of its user": { processes: session, more: { unreadable: [301] } },
    "those of a session of the user that it runs as": {
      processes: [...bobs, ...legacyTree(500, { ...ids(BOB), loginUid: 2001 })],
      more: { unreadable: [351] },
    },
  },
  "in-use-this-host": {
    "a process of this host that was not asked is": { connections: [accepted(501, null)] },
    "a unix socket leads out": { connections: [accepted(501, null, unixKind)] },
    "the owner of the far end is not known": { connections: [accepted(501, null, { farUid: null })] },
    "silent for less": {
      connections: [accepted(501, null, { idle: 12 * HOUR - 1 })],
      says: /last heard 11h59m ago/,
    },
    "silent where silence does not count": {
      connections: [accepted(501, null, { idle: 99 * HOUR })],
      silentAfter: null,
    },
    "no counter": { connections: [accepted(501, null, { idle: null })] },
    "a pair with an older program": { processes: [old(900)], connections: paired(501, 900) },
    "what started it has a pair with an older program": {
      processes: [old(440), old(900), ...below(440)],
      connections: paired(440, 900),
    },
    "a pair with a program that is older than the youngest of its holders": {
      processes: [young(900), late],
      connections: [...joined(700, 501), accepted(501, 900, { near: [501, 700], direction: "pair" })],
    },
    "a display's server is a client of its own": {
      connections: [accepted(501, null, { ...unixKind, remote: "/tmp/.X11-unix/X1" })],
    },
    "one of a user namespace is connected: a client like any other": {
      processes: [proc({ pid: 900, exe: "/usr/sbin/sshd", foreignUserNs: true })],
      connections: [accepted(501, 900)],
      says: /sshd 900 of this host is connected to/,
    },
  },
  "in-use-display": {
    "one of its programs shows a window": {
      connections: [opened(505, null, { ...unixKind, remote: "@/tmp/.X11-unix/X1" })],
      says: /shows a window on @\/tmp\/\.X11-unix\/X1/,
    },
    "one shows a window by Wayland": {
      connections: [opened(505, null, { ...unixKind, remote: "/run/user/2001/wayland-0" })],
    },
    "one shows a window by the twelfth Wayland display": {
      connections: [opened(505, null, { ...unixKind, remote: "/run/user/2001/wayland-12" })],
    },
  },
  "ancestor-not-seen": {
    "it is connected to a tree of which nothing is known": {
      processes: [{ ...cli, ppid: 444 }],
      connections: joined(700, 501),
    },
    "the parent was not seen": { processes: legacyTree(500, { ppid: 444 }) },
    "the parent of what started it was not seen": {
      processes: [old(440, { ppid: 444 }), ...below(440)],
      says: /parent 444 of 440 was not seen/,
    },
  },
  "in-use-exempt-tree": {
    "a tree that is left alone is connected to it": {
      processes: [cli],
      connections: joined(700, 501),
      source: 700,
      says: /tree 700 \(is a tunnel\)/,
    },
  },
  "process-listing": { "a listing of ps": { seen: { source: "ps" } } },
  "ancestor-unreadable": {
    "a program above it cannot be read": { processes: [old(440, { exe: null, uid: 0 }), ...below(440)] },
  },
  "sockets-not-read": { "sockets were not looked at": { seen: { connections: null } } },
  "socket-list-incomplete": {
    "a list was cut": {
      more: { complete: false, faults: [{ what: "list sockets", detail: "EPERM" }] },
      says: /list sockets: EPERM/,
    },
  },
  "over-budget": { "its user exceeds a budget": { seen: { overBudget: [2001] } } },
  "socket-not-listed": {
    "a socket in no list": {
      more: { unlisted: [{ pid: 502, net: null }] },
      says: /502 has a socket that the kernel did not list/,
    },
    "a socket of a namespace in which another lives": {
      more: {
        otherNets: [{ ...lonely, pids: [900] }],
        unlisted: [{ pid: 501, net: "net:[7]" }],
      },
    },
    "a TCP socket in no list, and its user has a process elsewhere": {
      processes: [young(900)],
      more: {
        otherNets: [lonely, { id: "net:[8]", pids: [900, 901], onlyLoopback: true }],
        unlisted: [lonely.id, "net:[8]"].map((net) => ({ pid: 501, net })),
      },
    },
    "a unix socket in no list beside a namespace of its own": {
      more: { otherNets: [lonely], unlisted: [{ pid: 501, net: null }] },
    },
  },
  "other-network-namespace": {
    "one that has another device": { more: { otherNets: [{ ...lonely, onlyLoopback: false }] } },
    "one in which another process lives": {
      more: { otherNets: [{ ...lonely, pids: [502, 900] }] },
      says: /502 is in a network namespace/,
    },
  },
};

for (const [is, some] of Object.entries(rows))
  for (const [what, row] of Object.entries(some))
    test(`${is}: ${what}`, () => {
      const { facts } = evidenceOf(row);
      const said = facts.map(({ detail }) => detail).join(" | ");
      const decisive =
        facts.find(({ value }) => value === "yes") ?? facts.find(({ value }) => value !== "no");
      assert.equal(decisive?.code ?? "unused", is, said);
      assert.equal(
        decisive?.value ?? "no",
        is === "unused" ? "no" : is.startsWith("in-use") ? "yes" : "unknown",
      );
      if (row.says) assert.match(said, row.says);
    });

test("what is connected to one tree is use of the trees connected with it, and of no other", () => {
  const third = legacyTree(800);
  const connections = { ...NO_CONNECTIONS, connections: [...joined(700, 501), fromHost(700)] };
  const view = viewOf(observation([...tree, cli, ...third], { connections }), DEFAULT_POLICY.catalogue);
  const uses = collectEvidence(view, new Map(), null).map(({ trees, facts }) => [
    trees.map(({ root }) => root.pid).sort(),
    facts[1]?.code,
  ]);
  assert.deepEqual(uses, [
    [[500, 700], "in-use-other-host"],
    [[800], null],
  ]);
});
