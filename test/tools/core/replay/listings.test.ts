import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { makeCatalogue } from "../../../../src/core/recognition/catalogue.ts";
import { viewOf } from "../../../../src/core/tree/host-view.ts";
import { clientWorkersOf, type Tree } from "../../../../src/core/tree/tree.ts";
import { recogniseRows } from "../../../../src/tools/core/replay/cut-rows.ts";
import { parseListing } from "../../../../src/tools/core/replay/ps-listing.ts";
import { judge } from "../../../helpers/judge.ts";

const FOLDER = "test/fixtures/ps-listings";
const EXPECTED = "test/fixtures/ps-listings/expected.txt";

/** A tree as a line: its product and kind, then each member's number with its role, the root first. */
function lineOf({ product, kind, members, recognised }: Tree): string {
  const member = (pid: number): string => {
    const role = recognised.get(pid)?.role;
    return role ? `${pid}:${role}` : String(pid);
  };
  return [product, kind, ...members.map(({ pid }) => member(pid))].join(" ");
}

function treesIn(name: string): Tree[] {
  const { observation, errors } = parseListing(readFileSync(`${FOLDER}/${name}`, "utf8"));
  assert.deepEqual(errors, []);
  const catalogue = makeCatalogue();
  return [...viewOf(observation, catalogue, recogniseRows(observation, catalogue)).trees];
}

/** The expected trees by the name of the listing: a name without indent, then its trees, indented. */
function readExpected(): Map<string, string[]> {
  const expected = new Map<string, string[]>();
  let trees: string[] = [];
  for (const line of readFileSync(EXPECTED, "utf8").split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith(" ")) trees.push(line.trim());
    else {
      trees = [];
      expected.set(line, trees);
    }
  }
  return expected;
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith(".tsv"));
const expected = readExpected();

test("every listing has its expectation", () => {
  assert.deepEqual([...expected.keys()].sort(), files.sort());
});

for (const name of files) {
  test(`the trees of ${name}`, () => {
    assert.deepEqual(treesIn(name).map(lineOf), expected.get(name));
  });
}

/** The processes that a server starts for a client: extension hosts and terminal hosts, where a row is not cut. */
const clientWorkers: Readonly<Record<string, readonly number[]>> = {
  "02a-msvscode-insiders-2019-session-1603.tsv": [31987],
  "05-msvscode-legacy-root-two-extensionhosts-cpptools.tsv": [7092, 7118, 8786],
  // 1730005 and 1751550 watch files, 1730061 is a language server.
  "08-bobide-open-remote-ssh-fork-two-extensionhosts.tsv": [1730036, 1751538],
  "18-zed-remote-server-live.tsv": [],
  "36-legacy-server-cut-at-80-columns.tsv": [],
  "40-code-server-and-serve-web.tsv": [2002, 2102],
};
for (const [name, pids] of Object.entries(clientWorkers))
  test(`what the servers of ${name} started for a client`, () => {
    const found = treesIn(name).flatMap(clientWorkersOf);
    assert.deepEqual(
      found.map(({ pid }) => pid),
      pids,
    );
  });

test("a listing has no sockets, so nothing in it is ever ended", () => {
  for (const name of files) {
    const { observation } = parseListing(readFileSync(`${FOLDER}/${name}`, "utf8"));
    for (const { verdict } of judge(observation)) assert.equal(verdict, "unknown", name);
  }
});

test("every listing names its source", () => {
  for (const name of files) assert.match(readFileSync(`${FOLDER}/${name}`, "utf8"), /^# source: .{20}/);
});

test("rows that end at one column were cut there, unless few do or they are the same", () => {
  const cut = (...args: string[]): boolean[] =>
    parseListing(args.map((text, i) => `1000\t${i + 5}\t1\t${text}`).join("\n")).observation.processes.map(
      ({ argvTruncated }) => argvTruncated,
    );
  assert.deepEqual(cut("sh aa", "sh bb", "sh cc", "sh"), [true, true, true, false]);
  assert.deepEqual(cut("sh aa", "sh bb", "sh"), [false, false, false]);
  assert.deepEqual(cut("sh aa", "sh aa", "sh aa"), [false, false, false]);
});

const rowsOf = (text: string): unknown[] =>
  parseListing(text).observation.processes.map(({ uid, pid, ppid, argv }) => [
    uid,
    pid,
    ppid,
    argv.join(" "),
  ]);

test("the output of ps -ef is read by its heading, and users stay apart", () => {
  const text = `UID          PID    PPID  C STIME TTY          TIME CMD
root           1       0  0 Nov24 ?        00:00:09 /sbin/init splash
alice       4711       1  0 09:12 ?        00:00:01 sh /home/alice/x --start  now
bob         4712       1  0 09:12 pts/0    00:00:01 -bash
`;
  assert.deepEqual(parseListing(text).errors, []);
  assert.deepEqual(rowsOf(text), [
    [0, 1, 0, "/sbin/init splash"],
    [100_001, 4711, 1, "sh /home/alice/x --start now"],
    [100_002, 4712, 1, "-bash"],
  ]);
});

test("columns chosen with -o are read by their heading, in any order", () => {
  const text = "    PID    PPID  RUID COMMAND\n      7       1  1001 node out/server-main.js\n";
  assert.deepEqual(rowsOf(text), [[1001, 7, 1, "node out/server-main.js"]]);
});

test("lines between tabs need no heading, and other lines are errors with their number", () => {
  assert.deepEqual(rowsOf("1001\t7\t1\tnode x\n"), [[1001, 7, 1, "node x"]]);
  const errors = (text: string): number[] => parseListing(text).errors;
  assert.deepEqual(errors("# comment\n1000\t5\t1\tsh\n1000 6 1 sh\n\nx\t7\t1\tsh\n"), [3, 5]);
  assert.deepEqual(errors("PID TTY TIME CMD\n7 ? 0 x\n"), [1, 2]);
  assert.deepEqual(errors("UID PID PPID CMD\nalice x 1 sh\n"), [2]);
});
