// `keep`: a user's request is honoured, bounded, and cannot be forged for another user.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../helpers/program.ts";
import { living } from "../helpers/puppet.ts";
import { as, config, HOUR, KEEP, must, other, server, uid, usersSuite } from "../helpers/users-side.ts";

const place = join(KEEP, String(uid));

function keeping(): void {
  test("a user's request holds, is named in the log, shown, and withdrawn", async () => {
    const stage = await server();
    const asked = as(uid, "keep", "2h", "-c", config());
    assert.equal(asked.status, 0, asked.stderr);
    assert.match(asked.stdout, /^Your servers on \S+ are left alone until \d{4}-\d\d-\d\d \d\d:\d\d\.\n/);
    assert.match(as(uid, "keep", "--show", "-c", config()).stdout, /are left alone until/);
    assert.ok(Math.abs(lstatSync(place).mtimeMs - Date.now() - 2 * HOUR) < HOUR / 2);
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
    assert.ok(lstatSync(place).mtimeMs > Date.now() + 3 * HOUR);
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
    // The owner can set it to any time.
    must(["touch", "-h", "-d", "2090-01-01", place], { uid });
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
    assert.match(without.stderr, /no place for you yet/);
    assert.equal(run(["-c", config()]).stderr, "");
  });

  /** By a user, as that user; true if it worked. */
  const may = (who: number, script: string): boolean =>
    spawnSync("sh", ["-c", script], { uid: who, gid: who, stdio: "ignore" }).status === 0;

  test("users make nothing in the folder, write nothing to a place, and set only their own", () => {
    const before = readdirSync(KEEP);
    for (const script of [
      `touch ${KEEP}/x`,
      `mkdir ${KEEP}/x`,
      `ln -s x ${KEEP}/x`,
      `echo x >${KEEP}/${other}`,
      `rm ${KEEP}/${other}`,
      `mv ${KEEP}/${other} ${KEEP}/x`,
      `ln -P ${KEEP}/${other} ${KEEP}/x`,
      `ls ${KEEP}`,
      `touch -h -d tomorrow ${place}`,
      `rm ${place}`,
    ])
      assert.equal(may(other, script), false, script);
    assert.deepEqual(readdirSync(KEEP), before);
    assert.deepEqual([lstatSync(place).mtimeMs, lstatSync(place).uid], [0, uid]);
    assert.ok(may(other, `touch -h -d tomorrow ${KEEP}/${other}`), "their own");
  });

  test("a place is made once, and making it again changes no request", () => {
    assert.equal(as(uid, "keep", "2h", "-c", config()).status, 0);
    const asked = lstatSync(place).mtimeMs;
    must(["sh", "packaging/keep-places", String(uid)]);
    assert.equal(lstatSync(place).mtimeMs, asked);
    // One that was left half made.
    rmSync(place);
    symlinkSync("keep", place);
    assert.match(as(uid, "keep", "-c", config()).stderr, /no place for you yet; log in again/);
    must(["sh", "packaging/keep-places", String(uid)]);
    assert.equal(as(uid, "keep", "-c", config()).status, 0);
  });

  const forged: readonly (readonly [string, () => void, RegExp])[] = [
    ["another user's place", () => lchownSync(place, other, other), /belongs to uid 64002/],
    [
      "a file",
      () => {
        rmSync(place);
        writeFileSync(place, "");
        chownSync(place, uid, uid);
        utimesSync(place, 4e9, 4e9);
      },
      /not a link/,
    ],
  ];
  for (const [what, forge, fault] of forged)
    test(`not a request, reported, and not a failure of the sweep: ${what}`, async () => {
      const stage = await server();
      assert.equal(as(uid, "keep", "-c", config()).status, 0);
      forge();
      const swept = run(["-c", config()]);
      assert.equal(swept.status, 0, swept.stderr);
      assert.match(swept.stderr, fault);
      assert.match(swept.stderr, /Killed 1 process/);
      assert.deepEqual(living(stage), []);
    });

  test("a folder that others can write to, or that is not root's, counts for nothing", async () => {
    const stage = await server();
    assert.equal(as(uid, "keep", "-c", config()).status, 0);
    const refusals: readonly (() => void)[] = [
      () => chmodSync(KEEP, 0o1777),
      () => {
        chmodSync(KEEP, 0o711);
        chownSync(KEEP, other, other);
      },
      () => {
        rmSync(KEEP, { recursive: true });
        mkdirSync("/run/theirs");
        symlinkSync("/run/theirs", KEEP);
      },
    ];
    for (const refusal of refusals) {
      refusal();
      const swept = run(["-n", "-c", config()]);
      assert.match(swept.stderr, /not a folder that only root can write to[\s\S]*Would kill 1/);
    }
    assert.equal(living(stage).length, 1);
    rmSync(KEEP);
  });
}

usersSuite(import.meta.url, "keep", keeping);
