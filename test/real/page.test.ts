// The page of report --html in a real browser without a network, light and dark. The pictures stay in build/pages.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { recordLine } from "../../src/core/ledger/record.ts";
import { ledgerRecord } from "../helpers/ledger-records.ts";
import { type Picture, readPng } from "../helpers/png.ts";
import { run } from "../helpers/program.ts";

const CHROMIUM = "/usr/bin/chromium";
const folder = mkdtempSync(join(tmpdir(), "reaper-page-"));
const pictures = resolve("build/pages");

/** Two months on three hosts. */
function ledgers(): string[] {
  const products = ["vscode", "cursor", "vscode-insiders", "zed"];
  const day = (back: number): string => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
  return ["login1", "login2", "login3"].map((host, h) => {
    const lines = Array.from({ length: 60 }, (_, back) =>
      Array.from({ length: (back * 7 + h * 3) % (6 - h) }, (_, i) =>
        recordLine(
          ledgerRecord(day(back), {
            host,
            bootId: host,
            id: `${1_700_000_000_000 + back * 1000 + i}-0000-${host}`,
            user: `user${(back * i + h) % 11}`,
            uid: 3000 + ((back * i + h) % 11),
            product: products[(back + i * h) % 4] ?? "",
            freedKiB: 300_000 + ((back * 7919 + i * 104_729) % 2_000_000),
            unusedForSeconds: (back * 977 + i * 7001) % 300_000,
            kind: i % 3 === 0 ? "aged" : "closed",
          }),
        ),
      ),
    ).flat();
    const file = join(folder, h === 0 ? `${host}.jsonl.gz` : `${host}.jsonl`);
    writeFileSync(file, h === 0 ? gzipSync(lines.join("")) : lines.join(""));
    return file;
  });
}

const page = join(folder, "report.html");
const report = (...args: string[]) =>
  run(["report", "--since", "60d", ...ledgers().flatMap((file) => ["--file", file]), ...args]);

function shoot(name: string, scheme: "light" | "dark", width: number): Picture {
  mkdirSync(pictures, { recursive: true });
  const file = join(pictures, `${name}.png`);
  rmSync(file, { force: true });
  const args = [
    ...["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"],
    ...[`--user-data-dir=${join(folder, name)}`, `--window-size=${width},2600`],
    ...[`--blink-settings=preferredColorScheme=${scheme === "dark" ? 0 : 1}`],
    ...[`--screenshot=${file}`, `file://${page}`],
  ];
  execFileSync("unshare", ["--net", CHROMIUM, ...args], {
    stdio: "pipe",
    timeout: 90_000,
    env: { HOME: folder, PATH: "/usr/bin:/bin" },
  });
  return readPng(readFileSync(file));
}

/** The share of pixels that differ from the ground. */
function inked({ width, height, at }: Picture): number {
  const [r, g, b] = at(2, 2);
  let count = 0;
  for (let y = 0; y < height; y += 3)
    for (let x = 0; x < width; x += 3) {
      const [pr, pg, pb] = at(x, y);
      if (Math.abs(pr - r) + Math.abs(pg - g) + Math.abs(pb - b) > 60) count++;
    }
  return (count * 9) / (width * height);
}

describe("report --html", () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("merges the ledgers of several hosts into one page, compressed ones as well", () => {
    const { status, stderr } = report("--html", page);
    assert.equal(status, 0, stderr);
    const text = readFileSync(page, "utf8");
    for (const host of ["login1", "login2", "login3"]) assert.ok(text.includes(host));
    assert.ok(statSync(page).size < 200_000);
    assert.equal(statSync(page).mode & 0o022, 0);
    assert.equal(report("--html", "-").stdout.slice(0, 15), "<!doctype html>");
  });

  test("with --anonymous no name is left, in no format", () => {
    for (const args of [["--html", "-"], ["--csv"], ["--json"], []]) {
      assert.match(report(...args).stdout, /user\d|user/);
      assert.doesNotMatch(report("--anonymous", ...args).stdout, /\buser\d+\b|\b30(?:0\d|10)\b/, args.join());
    }
  });

  test("one format at a time; a page that cannot be written is a clear failure", () => {
    assert.equal(report("--html", page, "--csv").status, 64);
    const failed = report("--html", join(folder, "none/report.html"));
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /cannot write .*none\/report\.html: ENOENT/);
  });

  const can = existsSync(CHROMIUM) && spawnSync("unshare", ["--net", "true"]).status === 0;
  const skip = can ? false : "needs root, and Debian's chromium";
  test("in a browser it is light, dark, and readable on a telephone", { skip }, (t) => {
    assert.equal(report("--html", page).status, 0);
    const light = shoot("report-light", "light", 1100);
    const dark = shoot("report-dark", "dark", 1100);
    const narrow = shoot("report-narrow", "light", 500);
    assert.deepEqual(light.at(2, 2), [255, 255, 255]);
    assert.deepEqual(dark.at(2, 2), [20, 25, 31]);
    for (const picture of [light, dark, narrow]) {
      const share = inked(picture);
      assert.ok(share > 0.02 && share < 0.5, `${share} of the page is drawn on`);
    }
    t.diagnostic(`pictures: ${pictures}`);
  });
});
