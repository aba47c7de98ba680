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
/** A tree and what started it. */
const startedBy = (more: Partial<ProcInit> = {}): Proc[] => [old(440, more), ...below(440)];
const BY_SYSTEMD = startedBy({ exe: "/usr/lib/systemd/systemd" });
const BY_ROOT = startedBy({ uid: 0 });
const BEHIND_SUDO = legacyTree(500, { ...ids(BOB), loginUid: 2001 });

interface More extends Partial<Connections> {
  readonly seen?: Partial<Observation>;
  readonly silentAfter?: number | null;
  /** The pid of a tree that is left alone. */
  readonly source?: number;
  readonly says?: RegExp;
}

/** The processes are beside the tree, or with a tree of its own. */
type Row = readonly [
  what: string,
  processes: readonly Proc[],
  connections: readonly Connection[],
  more?: More | RegExp,
];

function evidenceOf(processes: readonly Proc[], connections: readonly Connection[], given: More): Evidence {
  const { seen, silentAfter = 12 * HOUR, source, says: _, ...more } = given;
  const own = processes.some(({ pid }) => pid === 501) ? [] : tree;
  const links = { ...linked(...connections), ...more };
  const all = observation([...own, ...processes], { connections: links, ...seen });
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
const bobsCli = { ...cli, ...ids(BOB) } as Proc;
const late = commandShell({ pid: 700, startTime: START + 1000 });
const lonely = { id: "net:[7]", pids: [502, 503], onlyLoopback: true };
const OWN_SSHD = proc({ pid: 900, exe: "/usr/sbin/sshd", foreignUserNs: true });
/** What holds the terminal 505 opened a socket in the file system. */
const toSocket = (remote: string, far: number | null = null): Connection =>
  opened(505, far, { ...unixKind, remote });
const fromHere = (init: Partial<Connection> = {}): Connection => accepted(501, null, init);

/** By what the tree of 500 is: why it is in use, why in doubt, or unused. */
const rows: Readonly<Record<string, readonly Row[]>> = {
  unused: [
    ["nothing is connected", [], [], /^no ssh session is above it \| no client is connected$/],
    [
      "it is connected to the ssh server",
      [{ ...roots, pid: 200, exe: "/usr/sbin/sshd" }],
      [opened(505, 200)],
    ],
    ["a pid 1 that is an ssh server", [{ ...roots, pid: 1, ppid: 0, exe: "/usr/sbin/sshd" }], []],
    ["its processes are connected with each other", [], joined(502, 501)],
    ["it opened a connection to another host", [], [toHost(501)]],
    ["it opened one to a process of this host", [], [opened(501, null, unixKind)]],
    ["a process outside shares the far end", [old(900)], [accepted(501, 502, { far: [502, 900] })]],
    ["a process outside shares its own end", [old(900)], [accepted(501, 502, { near: [501, 900] })]],
    [
      "silent for as long as the site allows",
      [],
      [fromHere({ idle: 12 * HOUR })],
      /no client is connected; 127\.0\.0\.1:51000: silent for 12h$/,
    ],
    ["a pair with a program that left it", [young(900)], paired(501, 900)],
    ["a pair with a program as old as the tree", [old(900, { startTime: START })], paired(501, 900)],
    ["a pair with a process that was not read", [], [accepted(501, 999, { direction: "pair" })]],
    [
      "a pair with a program that is younger than its holder, and older than a tree connected with it",
      [young(900), late],
      [...joined(700, 501), ...paired(501, 900)],
    ],
    ["a pair of which nothing asked holds the other end", [], paired(501, null, { farUid: null })],
    ["a pair with what started it", startedBy(), paired(501, 440)],
    ["a pipe to another process", [old(900)], [piped(501, 900)]],
    ["a terminal that an older process holds", [old(900)], [onTerminal(505, 900)]],
    ["a socket in a folder that is named like a display", [], [toSocket("/tmp/wayland-0/agent")]],
    ["a display within the tree", [], [toSocket("/tmp/.X11-unix/X9", 503)]],
    ["a display elsewhere", [], [toSocket("/home/x/tmp/.X11-unix/X1")]],
    ["what started it is connected to the tree", startedBy(), joined(440, 501)],
    ["the user's systemd started it", BY_SYSTEMD, [accepted(440, null, unixKind)]],
    ["root's program started it", BY_ROOT, [fromHost(440)]],
    ["an unused tree is connected to it", [cli], [accepted(501, 700, unixKind)]],
    ["it is connected to a tree that is left alone", [cli], joined(501, 700), { source: 700 }],
    [
      "it is connected to another user's tree that is used",
      [...bobs, bobsCli],
      [...joined(351, 700), ...joined(501, 700)],
    ],
    ["the user's sshd holds a pipe", [proc({ pid: 900, exe: `${HOME}/bin/sshd` })], [piped(501, 900)]],
    ["another user exceeds a budget", [], [], { seen: { overBudget: [BOB] } }],
    ["those of root's program that started it", BY_ROOT, [], { unreadable: [440] }],
    [
      "root's program that started it is in another network namespace",
      BY_ROOT,
      [],
      { otherNets: [{ ...lonely, pids: [440] }] },
    ],
    ["those of another user's session and process", [...bobs, young(900)], [], { unreadable: [351, 900] }],
    ["a socket in no list of another process", [], [], { unlisted: [{ pid: 900, net: null }] }],
    [
      "a member and a closed TCP socket in a network namespace of its own",
      [],
      [],
      { otherNets: [lonely], unlisted: [{ pid: 501, net: lonely.id }] },
    ],
    [
      "the same beside another user's namespace",
      [],
      [],
      {
        otherNets: [lonely, { ...lonely, id: "net:[8]", pids: [900] }],
        unlisted: [{ pid: 501, net: lonely.id }],
      },
    ],
  ],
  "in-use-session": [
    ["a session is above it", [...session, ...below(301)], [], /session sshd-session 301/],
    [
      "a session of the login behind sudo is above it",
      [...session, ...legacyTree(500, { ppid: 301, ...ids(BOB), loginUid: 2001 })],
      [],
    ],
    ["a session holds a connection that it accepted", session, joined(301, 501)],
    ["root's monitor of a session does", session, [accepted(501, 300)]],
    [
      "a session of root's is above it, on a host without audit",
      [roots, proc({ pid: 361, ppid: 360, uid: 0, exe: "/usr/bin/su" }), ...below(361)],
      [],
    ],
    [
      "a session writes to a pipe of it whose user does not show, for what it started has ended",
      [
        { ...roots, pid: 355 },
        { ...roots, ppid: 355 },
      ],
      [piped(502, 360)],
    ],
    ["a session writes to a pipe of it", session, [piped(502, 301)]],
    ["a session reads from a pipe of it", session, [piped(301, 502)]],
    ["a session holds its terminal", session, [onTerminal(505, 301)]],
    ["it holds the terminal of a session", session, [onTerminal(301, 505)]],
    ["a session holds the other end of a pair", session, paired(501, 301)],
    ["a program of it is connected to a session, which forwards X11", session, joined(505, 301)],
    [
      "the last heard of a session",
      session,
      [accepted(501, 301), accepted(301, null), toHost(505), fromHost(301, { idle: 2 * HOUR })],
      /session sshd-session 301 from 10\.1\.2\.3:50000, last heard 2h ago/,
    ],
    ["a silent connection of a session", session, [accepted(501, 301, { idle: 99 * HOUR })]],
    [
      "a tree that a session is connected to is connected to it",
      [...session, cli],
      [...joined(301, 700), ...joined(700, 501, unixKind)],
    ],
  ],
  "in-use-other-user": [
    ["a session of another user is above it", [...bobs, ...below(351)], [], /of uid 2002/],
    ["another user's process is connected", [], [fromHere({ farUid: BOB })], /a process of uid 2002/],
    ["a pair that another user made", [], paired(501, null, { farUid: BOB })],
    ["another user's tree is connected to it", [bobsCli], joined(700, 501, { farUid: BOB })],
  ],
  "in-use-other-host": [
    [
      "another host is connected",
      [],
      [fromHost(501)],
      /host 10\.1\.2\.3:50000 is connected to 10\.0\.0\.1:22$/,
    ],
    [
      "another host that sent something a minute ago is",
      [],
      [fromHost(501, { idle: 60_000 })],
      /, last heard 1m ago$/,
    ],
    ["a silent one beside one that is not", [], [fromHere({ idle: 99 * HOUR }), fromHost(502)]],
    ["what started it accepted the client's connection", startedBy(), [fromHost(440)]],
    ["what started it connected to a host", startedBy(), [toHost(440)]],
    [
      "what started it shares a connection to a host with another process",
      [...startedBy(), old(900)],
      [toHost(440, { near: [440, 900] })],
    ],
    ["use counts for more than a doubt", [], [fromHost(501)], { unreadable: [503] }],
  ],
  "descriptors-unreadable": [
    [
      "those of the session of the login behind sudo",
      [...session, ...BEHIND_SUDO],
      [],
      { unreadable: [301] },
    ],
    ["those of a member", [], [], { unreadable: [503], says: /descriptors of 503/ }],
    ["those of what started it", startedBy(), [], { unreadable: [440] }],
    ["those of a session of its user", session, [], { unreadable: [301] }],
    ["those of a session of the user that it runs as", [...bobs, ...BEHIND_SUDO], [], { unreadable: [351] }],
  ],
  "in-use-this-host": [
    ["a process of this host that was not asked is", [], [fromHere()]],
    ["a unix socket leads out", [], [fromHere(unixKind)]],
    ["the owner of the far end is not known", [], [fromHere({ farUid: null })]],
    ["silent for less", [], [fromHere({ idle: 12 * HOUR - 1 })], /last heard 11h59m ago/],
    ["silent where silence does not count", [], [fromHere({ idle: 99 * HOUR })], { silentAfter: null }],
    ["no counter", [], [fromHere({ idle: null })]],
    ["a pair with an older program", [old(900)], paired(501, 900)],
    ["what started it has a pair with an older program", [...startedBy(), old(900)], paired(440, 900)],
    [
      "a pair with a program that is older than the youngest of its holders",
      [young(900), late],
      [...joined(700, 501), accepted(501, 900, { near: [501, 700], direction: "pair" })],
    ],
    ["a display's server is a client", [], [fromHere({ ...unixKind, remote: "/tmp/.X11-unix/X1" })]],
    ["one of a user namespace is", [OWN_SSHD], [accepted(501, 900)], /sshd 900 of this host is connected to/],
  ],
  "in-use-display": [
    ["a program shows a window", [], [toSocket("@/tmp/.X11-unix/X1")], /a window on @\/tmp\/\.X11-unix\/X1/],
    ["one shows a window by Wayland", [], [toSocket("/run/user/2001/wayland-0")]],
    ["one shows a window by the twelfth Wayland display", [], [toSocket("/run/user/2001/wayland-12")]],
  ],
  "ancestor-not-seen": [
    ["a tree of which nothing is known is connected to it", [{ ...cli, ppid: 444 }], joined(700, 501)],
    ["it is connected to a tree of which nothing is known", [{ ...cli, ppid: 444 }], joined(501, 700)],
    ["the parent was not seen", below(444), []],
    ["the parent of what started it was not", startedBy({ ppid: 444 }), [], /parent 444 of 440 was not seen/],
  ],
  "in-use-exempt-tree": [
    [
      "a tree that is left alone is connected to it",
      [cli],
      joined(700, 501),
      { source: 700, says: /tree 700 \(is a tunnel\)/ },
    ],
  ],
  "process-listing": [["a listing of ps", [], [], { seen: { source: "ps" } }]],
  "ancestor-unreadable": [["a program above it cannot be read", startedBy({ exe: null, uid: 0 }), []]],
  "sockets-not-read": [["sockets were not looked at", [], [], { seen: { connections: null } }]],
  "socket-list-incomplete": [
    [
      "a list was cut",
      [],
      [],
      { complete: false, faults: [{ what: "list sockets", detail: "EPERM" }], says: /list sockets: EPERM/ },
    ],
  ],
  "over-budget": [["its user exceeds a budget", [], [], { seen: { overBudget: [2001] } }]],
  "socket-not-listed": [
    [
      "a socket in no list",
      [],
      [],
      { unlisted: [{ pid: 502, net: null }], says: /502 has a socket that the kernel did not list/ },
    ],
    [
      "a socket of a namespace in which another lives",
      [],
      [],
      { otherNets: [{ ...lonely, pids: [900] }], unlisted: [{ pid: 501, net: lonely.id }] },
    ],
    [
      "a TCP socket in no list, and its user has a process elsewhere",
      [young(900)],
      [],
      {
        otherNets: [lonely, { ...lonely, id: "net:[8]", pids: [900, 901] }],
        unlisted: [lonely.id, "net:[8]"].map((net) => ({ pid: 501, net })),
      },
    ],
    [
      "a unix socket in no list beside a namespace of its own",
      [],
      [],
      { otherNets: [lonely], unlisted: [{ pid: 501, net: null }] },
    ],
  ],
  "other-network-namespace": [
    ["one that has another device", [], [], { otherNets: [{ ...lonely, onlyLoopback: false }] }],
    [
      "one in which another process lives",
      [],
      [],
      { otherNets: [{ ...lonely, pids: [502, 900] }], says: /502 is in a network namespace/ },
    ],
  ],
};

for (const [is, some] of Object.entries(rows))
  for (const [what, processes, connections, given = {}] of some)
    test(`${is}: ${what}`, () => {
      const more = given instanceof RegExp ? { says: given } : given;
      const { facts } = evidenceOf(processes, connections, more);
      const said = facts.map(({ detail }) => detail).join(" | ");
      const decisive =
        facts.find(({ value }) => value === "yes") ?? facts.find(({ value }) => value !== "no");
      const expected = is === "unused" ? "no" : is.startsWith("in-use") ? "yes" : "unknown";
      assert.deepEqual([decisive?.code ?? "unused", decisive?.value ?? "no"], [is, expected], said);
      if (more.says) assert.match(said, more.says);
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
