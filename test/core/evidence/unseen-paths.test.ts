/** Clients behind what no socket of this host shows: pipes, terminals, datagrams, proxies of other users. */

import assert from "node:assert/strict";
import test from "node:test";
import type { Connections, Link } from "../../../src/core/observation/connections.ts";
import type { Proc } from "../../../src/core/observation/process.ts";
import { contextFor, judge } from "../../../src/core/verdict/judge.ts";
import { ONE_LOOK } from "../../helpers/policy.ts";
import {
  ALICE,
  commandShell,
  fromHost,
  joined,
  legacyTree,
  linked,
  observation,
  piped,
  proc,
  sshSession,
  unattributed,
} from "../../helpers/proc.ts";

const BOB = 2002;
const bob = { uid: BOB, uids: [BOB, BOB, BOB, BOB] as const, loginUid: BOB };
const session = sshSession(300);
const sessionLinks = [fromHost(300), fromHost(301)];
const ssh = proc({ pid: 4730, exe: "/usr/bin/ssh" });
const proxyCommand = proc({ pid: 4731, exe: "/usr/bin/ssh" });
const nc = proc({ pid: 4720, exe: "/usr/bin/nc" });
const screen = proc({ pid: 4710, exe: "/usr/bin/screen" });
const below = (parent: Proc, of: Proc): Proc => ({ ...of, ppid: parent.pid });

const tree = legacyTree(500) as [Proc, ...Proc[]];
/** A socket pair: neither end has a name, and nothing shows who made it. */
const paired = (a: number, b: number): Link[] =>
  piped(a, b).map((link) => ({ ...link, kind: "unix", local: `unix:${a}`, remote: `unix:${b}` }));

const UNNAMED = { local: "unix:1", remote: "unix:2" };
const named = ([one, other]: readonly Link[], local: string, remote: string): Link[] =>
  one && other
    ? [
        { ...one, local, remote },
        { ...other, local: remote, remote: local },
      ]
    : [];
/** A relay that started after the tree. */
const young = proc({ pid: 4721, exe: "/usr/bin/chromium", startTime: tree[0].startTime + 1 });

/** What stands beside the tree of 500, whose server is 501, and the verdict. */
interface PathCase {
  readonly what: string;
  readonly processes: readonly Proc[];
  readonly links: readonly Link[];
  readonly more?: Partial<Connections>;
  readonly verdict: string;
  readonly says?: RegExp;
  /** Users all of whose processes were asked; by default the tree's. */
  readonly asked?: readonly number[];
}

const cases: readonly PathCase[] = [
  {
    what: "ssh -R whose ProxyCommand holds the connection to the other host",
    processes: [ssh, proxyCommand],
    links: [fromHost(4731, "opened"), ...piped(4730, 4731), ...joined(4730, 501)],
    verdict: "spare",
    says: /host 10\.1\.2\.3 → ssh 4731 → ssh 4730 → server 501/,
  },
  {
    what: "the same to the host's own ssh server",
    processes: [ssh, proxyCommand, ...session],
    links: [
      ...[fromHost(4731, "opened"), ...piped(4730, 4731)],
      ...[...joined(4730, 300), ...joined(4730, 301), ...joined(301, 501)],
    ],
    verdict: "spare",
    says: /host 10\.1\.2\.3 → ssh 4731 → ssh 4730 → sshd-session 301 → server 501/,
  },
  {
    what: "an ssh client without a ProxyCommand that is connected to the tree alone",
    processes: [ssh],
    links: joined(4730, 501),
    verdict: "reap",
  },
  {
    what: "a relay on the streams of a live session, which init has adopted",
    processes: [...session, nc],
    links: [...sessionLinks, ...piped(301, 4720), ...joined(4720, 501, "unix")],
    verdict: "spare",
    says: /sshd-session 301 → nc 4720 → server 501/,
  },
  {
    what: "a server on the streams of a live session, which init has adopted",
    processes: session,
    links: [...sessionLinks, ...piped(301, 501)],
    verdict: "spare",
    says: /sshd-session 301 → server 501/,
  },
  {
    what: "a pipeline that was left behind",
    processes: [proc({ pid: 4721, exe: "/usr/bin/cat" }), nc],
    links: [...piped(4721, 4720), ...joined(4720, 501)],
    verdict: "reap",
  },
  {
    what: "a pipe to a program outside the tree that another host is connected to",
    processes: [ssh],
    links: [fromHost(4730, "opened"), ...piped(4730, 502)],
    verdict: "reap",
  },
  {
    what: "a pipe between programs of two users",
    processes: [proc({ ...bob, pid: 4731, exe: "/usr/bin/ssh" }), ssh, ...legacyTree(800, bob)],
    links: [fromHost(4731, "opened"), ...piped(4730, 4731), ...joined(4730, 501)],
    asked: [ALICE, BOB],
    verdict: "reap",
  },
  {
    what: "a socket pair with a browser that the tree started and left behind",
    processes: [proc({ pid: 4721, exe: "/usr/bin/chromium", startTime: tree[0].startTime + 1 })],
    links: [fromHost(4721), ...paired(4721, 502)],
    verdict: "reap",
  },
  {
    what: "a socket pair with a relay that is older than the tree",
    processes: [proc({ pid: 4721, exe: "/usr/bin/chromium", startTime: tree[0].startTime - 1 })],
    links: [fromHost(4721), ...paired(4721, 502)],
    verdict: "spare",
  },
  {
    what: "a socket pair with a relay that started with the tree",
    processes: [proc({ pid: 4721, exe: "/usr/bin/chromium", startTime: tree[0].startTime })],
    links: [fromHost(4721), ...paired(4721, 502)],
    verdict: "reap",
  },
  ...[
    ["unix:1", "/tmp/ide.sock"],
    ["/tmp/unix:1", "/tmp/unix:2"],
    ["unix:1.sock", "unix:2.sock"],
  ].map(([one = "", other = ""]) => ({
    what: `a younger relay at a socket that has a name, ${one} to ${other}`,
    processes: [young],
    links: [fromHost(4721), ...named(paired(4721, 502), one, other)],
    verdict: "spare",
  })),
  {
    what: "a younger relay that opened a connection whose names do not show",
    processes: [young],
    links: [fromHost(4721), ...joined(4721, 502, "unix").map((link) => ({ ...link, ...UNNAMED }))],
    verdict: "spare",
  },
  {
    what: "a socket pair with a younger tree that is in use",
    processes: [...session, commandShell({ pid: 700, startTime: tree[0].startTime + 1 })],
    links: [...sessionLinks, ...joined(301, 700), ...paired(700, 501)],
    verdict: "spare",
  },
  {
    what: "a socket pair of two relays",
    processes: [nc, young],
    links: [fromHost(4721), ...paired(4720, 4721), ...joined(4720, 501)],
    verdict: "spare",
  },
  {
    what: "a relay on the streams of a session whose user does not show",
    processes: [proc({ pid: 300, uid: 0, loginUid: null, exe: "/usr/sbin/dropbear" }), nc],
    links: [fromHost(300), ...piped(300, 4720), ...joined(4720, 501)],
    verdict: "spare",
  },
  {
    what: "a relay on a pipe of another tree that is in use",
    processes: [...session, commandShell({ pid: 700 }), nc],
    links: [...sessionLinks, ...joined(301, 700), ...piped(700, 4720), ...joined(4720, 501)],
    verdict: "reap",
  },
  {
    what: "pipes whose other end is no relay's, or nobody's",
    processes: [...session, nc],
    links: [...sessionLinks, ...piped(301, 4999), ...piped(4720, 4999), ...joined(4720, 501)],
    verdict: "reap",
  },
  {
    what: "a relay in a detached screen beside a program that has screen in its name",
    processes: [
      ...session,
      proc({ pid: 4711, ppid: 301, exe: "/usr/bin/xscreensaver" }),
      screen,
      below(screen, nc),
    ],
    links: [...sessionLinks, ...joined(4720, 501)],
    verdict: "reap",
  },
  {
    what: "a relay in a screen that was attached again",
    processes: [
      ...session,
      proc({ pid: 4711, ppid: 301, exe: "/usr/bin/screen-4.9.1" }),
      screen,
      below(screen, nc),
    ],
    links: [...sessionLinks, ...joined(4720, 501)],
    verdict: "spare",
    says: /sshd-session 301 → screen-4\.9\.1 4711 → screen 4710 → nc 4720 → server 501/,
  },
  {
    what: "a relay in a detached screen",
    processes: [...session, screen, below(screen, nc)],
    links: [...sessionLinks, ...joined(4720, 501)],
    verdict: "reap",
  },
  {
    what: "a relay that takes UDP, as mosh and QUIC do",
    processes: [proc({ pid: 4700, exe: "/usr/bin/mosh-server" }), { ...nc, ppid: 4700 }],
    links: joined(4720, 501),
    more: { datagram: [4700] },
    verdict: "unknown",
    says: /it is connected to 4700: nothing shows who sends to its UDP socket/,
  },
  {
    what: "a UDP socket of a tree that is connected to this one",
    processes: [commandShell({ pid: 700 })],
    links: joined(700, 501, "unix"),
    more: { datagram: [700, 502] },
    verdict: "reap",
  },
  {
    what: "a relay behind another user's proxy on this host",
    processes: [nc],
    links: [unattributed(4720), ...joined(4720, 501)],
    verdict: "unknown",
    says: /it is connected to 4720: another user's process is a client/,
  },
  {
    what: "the same by a unix socket",
    processes: [nc],
    links: [{ ...unattributed(4720), kind: "unix" }, ...joined(4720, 501)],
    verdict: "unknown",
  },
  {
    what: "a relay of whose user not every process was asked",
    processes: [nc],
    links: [unattributed(4720), ...joined(4720, 501)],
    asked: [],
    verdict: "reap",
  },
  {
    what: "a relay with a socket pair that root's process has the other end of",
    processes: [nc],
    links: [unattributed(4720, "unknown"), ...joined(4720, 501)],
    verdict: "reap",
  },
  {
    what: "a relay that opened a connection to a daemon",
    processes: [nc],
    links: [unattributed(4720, "opened"), ...joined(4720, 501)],
    verdict: "reap",
  },
];
for (const { what, processes, links, more, verdict, says, asked = [ALICE] } of cases)
  test(`use: ${what}: ${verdict}`, () => {
    const connections = { ...linked(...links), ...more };
    const seen = observation([...processes, ...sshSession(900, BOB), ...tree], {
      connections,
      relaysOf: asked,
    });
    const judgement = judge(seen, contextFor(ONE_LOOK, "2026-11-23")).find(
      ({ tree: { root } }) => root.pid === 500,
    );
    assert.equal(judgement?.verdict, verdict, judgement?.reasons.join());
    if (says) assert.match(judgement?.reasons.join() ?? "", says);
  });
