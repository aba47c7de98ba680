import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { parseListing } from "../../../src/core/observation/ps-listing.ts";
import { contextFor, judge } from "../../../src/core/verdict/judge.ts";
import { DEFAULT_POLICY } from "../../helpers/policy.ts";

const FOLDER = "test/fixtures/ps-listings";

/** By number of the listing: each tree as root, product and its process ids. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  "02a": ["31843 vscode-insiders 31843 31851 31987"],
  "03": ["32217 vscode-insiders 32217 32225 32330"],
  "05": ["7036 vscode 7036 7092 7118 7208 8786 8957"],
  "06": ["222200 vscode 222200 791236 1755128", "3197719 cursor 3197719 3197732"],
  "07": [
    "1492262 cursor 1492262 1492408 1492412 1492489 1494946 1492566 1492613 1493334 1494295 1494590 1495214",
  ],
  "08": ["1729958 bobide 1729958 1729968 1730005 1730036 1730061 1751538 1753858 1751550"],
  "12": [],
  "14": ["9253 vscode 9253"],
  "15": [
    "496 vscode 496 500 522 834 842 534 547 2317 123942 123971 124143 124144 130927 130990 131020 131243 131244 131026 131236 131237",
    "29140 vscode 29140",
  ],
  "18": ["54534 zed 54534", "54536 zed 54536 54683"],
  "21": ["198527 vscode 198527", "202461 vscode 202461 202473 202512"],
};

const files = readdirSync(FOLDER).filter((name) => name.endsWith(".tsv"));

test("every recorded listing has its expectation", () => {
  assert.deepEqual(files.map((name) => name.split("-")[0]).sort(), Object.keys(EXPECTED).sort());
});

for (const name of files) {
  test(`the trees of ${name}`, () => {
    const { observation, errors } = parseListing(readFileSync(`${FOLDER}/${name}`, "utf8"));
    assert.deepEqual(errors, []);
    const judged = judge(observation, contextFor(DEFAULT_POLICY, "2026-01-01"));
    const trees = judged.map(({ tree }) =>
      [tree.root.pid, tree.product, ...tree.members.map((m) => m.pid)].join(" "),
    );
    assert.deepEqual(trees, EXPECTED[name.split("-")[0] ?? ""]);
    for (const { verdict } of judged) assert.equal(verdict, "unknown");
  });
}

test("a line that is no row is an error with its number", () => {
  const { errors } = parseListing("# comment\n1000\t5\t1\tsh\n1000 6 1 sh\n\nx\t7\t1\tsh\n");
  assert.deepEqual(
    errors.map(({ line }) => line),
    [3, 5],
  );
});
