// `keep`: a user's request is honoured, bounded, and cannot be forged for another user.
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

function keeping(): void {
  test("a user's request holds, is named in the log, shown, and withdrawn", async () => {
    const stage = await server();
    const asked = as(uid, "keep", "2h", "-c", config());
    assert.equal(asked.status, 0, asked.stderr);
    assert.match(asked.stdout, /^Your servers on \S+ are left alone until \d{4}-\d\d-\d\d \d\d:\d\d\.\n/);
    assert.match(as(uid, "keep", "--show", "-c", config()).stdout, /are left alone until/);
    const file = join(KEEP, String(uid));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.match(readFileSync(file, "utf8"), /^keep 64001 \d{13}\n$/);
    const listed = as(uid, "list", "-c", config());
    assert.equal(listed.status, 0, listed.stderr);
    assert.match(listed.stdout, /exempt[\s\S]*Your trees are left alone until/);
    const swept = run(["-v", "-c", config()]);
    assert.equal(swept.status, 0, swept.stderr);
    const left = /\] Left alone 1 process(?:es)? under pid \d+ \(uid 64001\): kept by its user until \d{4}-/;
    assert.match(swept.stderr, left);
    const json = run(["-v", "--log-format", "json", "-c", config()]).stderr.trim().split("\n");
    assert.equal(json.length, 1);
    assert.equal((JSON.parse(json[0] ?? "") as { event: string }).event, "exempt");
    assert.equal(run(["-c", config()]).stderr, "", "nothing at the default level");
    // Asking again takes the place of the first.
    assert.equal(as(uid, "keep", "4h", "-c", config()).status, 0);
    assert.deepEqual(readdirSync(KEEP), [String(uid)]);
    assert.equal(living(stage).length, 1);
    assert.equal(as(uid, "keep", "--cancel", "-c", config()).stdout, "Withdrawn.\n");
    assert.equal(as(uid, "keep", "--cancel", "-c", config()).stdout, "There was no request.\n");
    assert.match(as(uid, "keep", "--show", "-c", config()).stdout, /There is no request/);
    assert.match(run(["-c", config()]).stderr, /Killed 1 process\(es\)/);
    assert.deepEqual(living(stage), []);
  });

  test("no longer than the site allows, by command and by hand; refused where the limit is 0s; lifted by root's flag", async () => {
    const stage = await server();
    const short = config('[keep]\nmax = "1h"\n');
    assert.match(as(uid, "keep", "30h", "-c", short).stdout, /\(this site allows at most 1h\)/);
    writeFileSync(join(KEEP, String(uid)), `keep ${uid} ${Date.now() + 999 * HOUR}\n`);
    // The owner can set its mtime to any time; that changes nothing.
    utimesSync(join(KEEP, String(uid)), 4e9, 4e9);
    const shown = run(["list", "--json", "-c", short]).stdout;
    const until = /kept by its user until (\d{4}-\d\d-\d\d \d\d:\d\d)/.exec(shown)?.[1];
    assert.ok(until && Date.parse(until) <= Date.now() + HOUR, shown);
    const refusing = config('[keep]\nmax = "0s"\n');
    const refused = as(uid, "keep", "-c", refusing);
    assert.equal(refused.status, 77);
    assert.match(refused.stderr, /does not allow such requests/);
    assert.match(run(["-n", "-c", refusing]).stderr, /Would kill 1/);
    assert.equal(run(["-f", "-c", short]).stderr, "");
    assert.match(run(["-f", "--include-exempt", "-c", short]).stderr, /Killed 1/);
    assert.deepEqual(living(stage), []);
  });

  test("root, a bad duration and a missing folder get a clear message", () => {
    assert.equal(run(["keep"]).status, 64);
    assert.equal(as(uid, "keep", "soon").status, 64);
    assert.equal(as(uid, "keep", "1h", "--cancel").status, 64);
    rmSync(KEEP, { recursive: true });
    const without = as(uid, "keep", "-c", config());
    assert.equal(without.status, 1);
    assert.match(without.stderr, /its mount unit makes it/);
    assert.equal(run(["-c", config()]).stderr, "");
  });

  const file = join(KEEP, String(uid));
  const line = (who = uid): string => `keep ${who} ${Date.now() + HOUR}\n`;
  /** By a user, as that user. */
  const by = (who: number, script: string): string => must(["sh", "-c", script], { uid: who });
  const forged: readonly (readonly [string, () => void, RegExp])[] = [
    [
      "another user's file",
      () => by(other, `echo '${line().trim()}' >${file}`),
      /belongs to uid 64002; removed/,
    ],
    ["another user's symlink", () => by(other, `ln -s /etc/passwd ${file}`), /belongs to uid 64002; removed/],
    ["another user's FIFO", () => by(other, `mkfifo ${file}`), /belongs to uid 64002; removed/],
    ["another user's folder", () => by(other, `mkdir ${file}`), /belongs to uid 64002; removed/],
    [
      "another user's folder with something in it",
      () => by(other, `mkdir ${file} && mkdir ${file}/x`),
      /now called \.squatter\.64002\.\d+, which the service removes/,
    ],
    ["a name that is nobody's", () => by(other, `touch ${KEEP}/hello`), /hello for a request: .*; removed/],
    ["the user's own symlink", () => by(uid, `ln -s /etc/passwd ${file}`), /not a regular file; removed/],
    ["the user's own FIFO", () => by(uid, `mkfifo ${file}`), /not a regular file; removed/],
    ["the user's own folder", () => by(uid, `mkdir ${file}`), /not a regular file; removed/],
    [
      "the user's own folder with something in it",
      () => by(uid, `mkdir ${file} && mkdir ${file}/x`),
      /not a regular file; .*, which the service removes/,
    ],
    [
      "a hard link",
      () => {
        const elsewhere = join(KEEP, "../elsewhere");
        writeFileSync(elsewhere, line());
        chownSync(elsewhere, uid, uid);
        linkSync(elsewhere, file);
      },
      /more than one name/,
    ],
    ["a huge file", () => by(uid, `truncate -s 900M ${file}`), /longer than 128 bytes; removed/],
    [
      "another user's word in it",
      () => by(uid, `echo '${line(other).trim()}' >${file}`),
      /speaks for uid 64002/,
    ],
    ["garbage", () => by(uid, `printf '\\033[2Jkeep' >${file}`), /is not a line/],
  ];
  for (const [what, forge, fault] of forged)
    test(`not a request, reported, and not a failure of the sweep: ${what}`, async () => {
      const stage = await server();
      forge();
      const swept = run(["-c", config()]);
      assert.equal(swept.status, 0, swept.stderr);
      assert.match(swept.stderr, fault);
      assert.match(swept.stderr, /Killed 1 process/);
      assert.deepEqual(living(stage), []);
      assert.ok(!swept.stderr.includes("\x1b"));
      if (/remove/.test(fault.source)) assert.ok(!existsSync(file) && !existsSync(join(KEEP, "hello")));
      else assert.ok(lstatSync(file), "a user's own entry is theirs to remove");
      assert.ok(existsSync("/etc/passwd"));
      rmSync(join(KEEP, "../elsewhere"), { force: true });
    });

  test("an entry under another user's name blocks that user until the next sweep, and many entries hide no request", async () => {
    by(other, `touch ${file}; i=0; while [ $i -lt 300 ]; do : >${KEEP}/${other}.$i; i=$((i+1)); done`);
    const refused = as(uid, "keep", "-c", config());
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /another user has put something under your uid/);
    const swept = run(["-c", config()]);
    assert.ok(swept.stderr.trim().split("\n").length <= 12, swept.stderr);
    assert.match(swept.stderr, /298 more entries of uid 64002 were wrong as well/);
    assert.deepEqual(readdirSync(KEEP), []);
    assert.equal(as(uid, "keep", "-c", config()).status, 0);
  });

  test("a dry run removes nothing; a folder that is not root's counts for nothing", async () => {
    const stage = await server();
    by(other, `touch ${file}`);
    run(["-n", "-c", config()]);
    assert.ok(existsSync(file));
    rmSync(KEEP, { recursive: true });
    mkdirSync(KEEP);
    writeFileSync(file, line());
    chownSync(file, uid, uid);
    chownSync(KEEP, other, other);
    chmodSync(KEEP, 0o1777);
    const swept = run(["-c", config()]);
    assert.match(swept.stderr, /not a folder of root's with the sticky bit/);
    assert.deepEqual(living(stage), []);
    rmSync(KEEP, { recursive: true });
    mkdirSync("/run/theirs");
    symlinkSync("/run/theirs", KEEP);
    assert.match(run(["-n", "-c", config()]).stderr, /not a folder of root's/);
    rmSync(KEEP);
  });
}

usersSuite(import.meta.url, "keep", keeping);

import { run } from "../helpers/program.ts";
import { living } from "../helpers/puppet.ts";
import { as, config, HOUR, KEEP, must, other, server, uid, usersSuite } from "../helpers/users-side.ts";
