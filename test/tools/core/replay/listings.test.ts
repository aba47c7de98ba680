import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import type { Observation } from "../../../../src/core/observation/observation.ts";
import { makeCatalogue } from "../../../../src/core/recognition/catalogue.ts";
import { viewOf } from "../../../../src/core/tree/host-view.ts";
import type { Tree } from "../../../../src/core/tree/tree.ts";
import { parseListing } from "../../../../src/tools/core/replay/ps-listing.ts";

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

function parsed(text: string): Observation {
  const found = parseListing(text);
  assert.ok("value" in found);
  return found.value;
}
const read = (name: string): Observation => parsed(readFileSync(`${FOLDER}/${name}`, "utf8"));

function treesIn(name: string): Tree[] {
  const observation = read(name);
  // So that nothing in it is ever ended: core/verdict/judge.
  assert.deepEqual([observation.source, observation.connections], ["ps", null]);
  return [...viewOf(observation, makeCatalogue()).trees];
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
  "40-code-server-and-serve-web.tsv": [2002, 2102],
};
for (const [name, pids] of Object.entries(clientWorkers))
  test(`what the servers of ${name} started for a client`, () => {
    const found = treesIn(name).flatMap(({ members, recognised }) =>
      members.filter(({ pid }) => recognised.get(pid)?.perClient),
    );
    const started = found.map(({ pid }) => pid);
    assert.deepEqual(started, pids);
  });

test("every listing names its source", () => {
  for (const name of files) assert.match(readFileSync(`${FOLDER}/${name}`, "utf8"), /^# source: .{20}/);
});

test("columns stand between tabs or as ps lays them out, and other lines are errors with their number", () => {
  const text = `# comment
    UID     PID    PPID COMMAND
   1001       7       1 node  out/server-main.js
1001\t8\t-1\t-bash
1001\t8\t-1\tanother thread of it
`;
  for (const wrong of ["1000 6 x sh", "x\t7\t1\tsh"])
    assert.match(JSON.stringify(parseListing(`${text}\n${wrong}`)), /line 7 is not a row/);
  const rows = parsed(text).processes.map(({ uid, pid, ppid, argv, comm }) => [
    uid,
    pid,
    ppid,
    argv.join(" "),
    comm,
  ]);
  assert.deepEqual(rows, [
    [1001, 7, 1, "node out/server-main.js", "node"],
    [1001, 8, -1, "-bash", "bash"],
  ]);
});
