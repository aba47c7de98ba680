// report --html of the ledgers of several hosts, by the built program.

import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { recordLine } from "../../src/core/ledger/record.ts";
import { ledgerRecord } from "../helpers/ledger-records.ts";
import { run, temporaryFolder } from "../helpers/program.ts";

const folder = temporaryFolder();
const page = join(folder, "report.html");

/** Two months on three hosts. */
const files = ["login1", "login2", "login3"].map((host, h) => {
  const lines = Array.from({ length: 60 }, (_, back) => {
    const day = new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
    const user = (back + h) % 11;
    return recordLine(ledgerRecord(day, { host, bootId: host, user: `user${user}`, uid: 3000 + user }));
  });
  const file = join(folder, h === 0 ? `${host}.jsonl.gz` : `${host}.jsonl`);
  writeFileSync(file, h === 0 ? gzipSync(lines.join("")) : lines.join(""));
  return file;
});
const report = (...args: string[]) =>
  run(["report", "--since", "60d", ...files.flatMap((file) => ["--file", file]), ...args]);

test("merges the ledgers of several hosts into one page, compressed ones as well", () => {
  const { status, stderr } = report("--html", page);
  assert.equal(status, 0, stderr);
  const text = readFileSync(page, "utf8");
  for (const host of ["login1", "login2", "login3"]) assert.ok(text.includes(host));
  assert.ok(statSync(page).size < 200_000);
  assert.equal(statSync(page).mode & 0o777, 0o600);
});

test("one format at a time; a page that cannot be written is a clear failure", () => {
  assert.equal(report("--html", page, "--json").status, 64);
  const failed = report("--html", join(folder, "none/report.html"));
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /cannot write .*none\/report\.html: ENOENT/);
});
