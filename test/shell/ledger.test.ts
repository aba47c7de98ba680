// The ledger's files without a sweep: what is appended, what is found, what is refused.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { type LedgerRecord, recordLine } from "../../src/core/ledger/record.ts";
import { appendLedger } from "../../src/shell/store/ledger.ts";
import { ledgerFiles, readLedger } from "../../src/tools/shell/read-ledger.ts";
import { ledgerRecord } from "../helpers/ledger-records.ts";
import { temporaryFolder } from "../helpers/program.ts";

const folder = temporaryFolder();
let count = 0;
const newFile = (): string => join(folder, `ledger-${String.fromCharCode(97 + count++)}.jsonl`);

const reap = (number: number): LedgerRecord =>
  ledgerRecord("2027-01-31", {
    root: { pid: 500, startTime: number },
    time: "2027-01-31T12:00:00.000Z",
    epochMs: 1_801_396_800_000,
    reasons: ["r".repeat(300)],
  });

test("appends add up, and the file is for its group to read", () => {
  const file = newFile();
  for (const number of [0, 1, 2]) assert.deepEqual(appendLedger(file, [reap(number)]), []);
  assert.deepEqual(
    readLedger(file).records.map(({ root }) => root.startTime),
    [0, 1, 2],
  );
  assert.equal(statSync(file).mode & 0o777, 0o640);
});

test("a ledger that ends anywhere in a line loses that line and no other", () => {
  const line = recordLine(reap(1));
  for (const length of [1, 40, line.length - 2, line.length - 1]) {
    const file = newFile();
    writeFileSync(file, recordLine(reap(0)) + line.slice(0, length), { mode: 0o640 });
    assert.deepEqual(appendLedger(file, [reap(2), reap(3)]), []);
    const { records, badLines } = readLedger(file);
    // A line that lacks but its end is whole.
    const whole = length === line.length - 1;
    assert.deepEqual([records.length, badLines], whole ? [4, 0] : [3, 1], `cut at ${length}`);
    assert.equal(readFileSync(file, "utf8").split("\n").length, 5);
  }
});

test("what fails is a fault that names the file, and no descriptor stays open", () => {
  const open = (): number => readdirSync("/proc/self/fd").length;
  const before = open();
  for (const file of ["/nonexistent/ledger.jsonl", folder, "/dev/full", "/proc/version"]) {
    const [fault, ...others] = appendLedger(file, [reap(0)]);
    assert.deepEqual(others, []);
    assert.equal(fault?.what, `write the ledger ${file}`);
  }
  assert.equal(open(), before);
});

test("never through a link, into a pipe, or a file that others may write", () => {
  const victim = newFile();
  const makes: readonly (readonly [make: (file: string) => void, says: RegExp])[] = [
    [(file) => symlinkSync(victim, file), /ELOOP/],
    [(file) => linkSync(victim, file), /not a plain file/],
    [(file) => symlinkSync(`${victim}-absent`, file), /ELOOP/],
    [(file) => execFileSync("mkfifo", ["-m", "640", file]), /not a plain file/],
    [(file) => execFileSync("install", ["-m", "666", "/dev/null", file]), /not a plain file/],
  ];
  for (const [make, says] of makes) {
    writeFileSync(victim, "victim\n", { mode: 0o640 });
    const file = newFile();
    make(file);
    const [fault] = appendLedger(file, [reap(0)]);
    assert.equal(fault?.what, `write the ledger ${file}`);
    assert.match(fault.detail, says);
    assert.equal(readFileSync(victim, "utf8"), "victim\n");
    assert.ok(!existsSync(`${victim}-absent`));
  }
});

const notRoot = process.getuid?.() === 0 ? false : "needs root: it gives a file to another user";
test("one of another account only where root alone can have put it", { skip: notRoot }, () => {
  const site = temporaryFolder();
  const file = join(site, "ledger.jsonl");
  writeFileSync(file, "", { mode: 0o640 });
  chownSync(file, 54_321, 54_321);
  const faultsIn = (mode: number, owner: number): number => {
    chmodSync(site, mode);
    chownSync(site, owner, 0);
    return appendLedger(file, [reap(0)]).length;
  };
  assert.deepEqual([faultsIn(0o755, 0), faultsIn(0o777, 0), faultsIn(0o755, 54_321)], [0, 1, 1]);
});

test("a compressed ledger is read by what is in it, up to a bound", () => {
  const file = newFile();
  writeFileSync(file, gzipSync(recordLine(reap(0)).repeat(5000)));
  assert.ok(statSync(file).size < 20_000);
  assert.equal(readLedger(file).records.length, 5000);
  assert.throws(() => readLedger(file, 1_000_000), /larger than/);
});

test("rotated copies are found, other files are not", () => {
  const file = join(folder, "rotated.jsonl");
  const wanted = ["", ".1", ".2.gz", "-20270101", "-20270101.gz"].map((end) => file + end);
  for (const path of [...wanted, ...[".bak", ".1.gz.tmp", "x"].map((end) => file + end)])
    appendFileSync(path, "");
  assert.deepEqual(ledgerFiles(file).sort(), wanted.sort());
  assert.deepEqual(ledgerFiles("/nonexistent/ledger.jsonl"), []);
});
