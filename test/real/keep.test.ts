// `keep`: a user's request is a process; it is honoured, bounded, and cannot be forged.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { test } from "node:test";
import { KEEP_PROGRAM } from "../../src/shell/store/paths.ts";
import { pidsWhere, readStat } from "../helpers/proc-read.ts";
import { config, run, succeeds } from "../helpers/program.ts";
import { living } from "../helpers/puppet.ts";
import { until } from "../helpers/until.ts";
import { as, HOUR, must, other, server, uid, usersSuite } from "../helpers/users-side.ts";

/** Puts a program where root installs it, by rename, as a package manager does. */
function install(source: string): void {
  mkdirSync(dirname(KEEP_PROGRAM), { recursive: true });
  copyFileSync(source, `${KEEP_PROGRAM}.new`);
  chmodSync(`${KEEP_PROGRAM}.new`, 0o755);
  renameSync(`${KEEP_PROGRAM}.new`, KEEP_PROGRAM);
}

const built = (): string => resolve(existsSync("dist/keep") ? "dist/keep" : "build/keep");

/** The living processes of that program, of whatever namespace. */
const requests = (): number[] =>
  pidsWhere((pid) => readlinkSync(`/proc/${pid}/exe`).startsWith(KEEP_PROGRAM));

const cancel = (): void => assert.deepEqual([as(uid, "keep", "--cancel").status, requests()], [0, []]);

function keeping(): void {
  must(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/usr/libexec"]);
  install(built());

  test("a request holds, is named in the log, shown, replaced and withdrawn", async () => {
    const stage = await server();
    const asked = as(uid, "keep", "2h", "-c", config());
    assert.equal(asked.status, 0, asked.stderr);
    assert.match(
      asked.stdout,
      /^Your servers on \S+ are left alone until \d{4}-\d\d-\d\d \d\d:\d\d\.\nA reboot ends that early\.\nWithdraw it with: /,
    );
    const [first] = requests();
    assert.match(as(uid, "keep").stdout, new RegExp(`are left alone until .* \\(process ${first}\\)\\.\n`));
    assert.match(as(uid, "list", "-c", config()).stdout, /exempt[\s\S]*Your trees are left alone until/);
    const swept = succeeds(["-v", "-c", config()]);
    const left =
      /\] Left alone 1 process(?:es)? under pid \d+ \(uid 64001\): kept by its user until (\d{4}-\S+ \S+)\n/;
    const time = Date.parse(left.exec(swept.stderr)?.[1] ?? "");
    assert.ok(Math.abs(time - Date.now() - 2 * HOUR) < HOUR / 10, swept.stderr);
    const json = run(["-v", "--log-format", "json", "-c", config()]).stderr.trim().split("\n");
    const events = json.map((line) => (JSON.parse(line) as { event: string }).event);
    assert.deepEqual(events, ["exempt"]);
    assert.equal(run(["-c", config()]).stderr, "", "nothing at the default level");
    assert.equal(as(uid, "keep", "4h", "-c", config()).status, 0);
    assert.equal(requests().length, 1);
    assert.notEqual(requests()[0], first);
    assert.equal(living(stage).length, 1);
    assert.equal(as(other, "keep", "--cancel").stdout, "There was no request.\n", "another user's");
    assert.equal(as(uid, "keep", "--cancel").stdout, "Withdrawn.\n");
    assert.equal(as(uid, "keep", "--cancel").stdout, "There was no request.\n");
    assert.equal(as(uid, "keep").stdout, "There is no request.\n");
    assert.match(run(["-c", config()]).stderr, /Killed 1 process\(es\)/);
    assert.deepEqual(living(stage), []);
  });

  test("the program: in the background, deaf to the end of a terminal, without descriptors, ends by itself", async () => {
    assert.equal(as(uid, "keep", "2s", "-c", config()).status, 0);
    const [pid] = requests();
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    assert.match(status, /^PPid:\t1$[\s\S]*^SigIgn:\t0*1$/m);
    // It goes on alone after its parent has ended.
    await until(() => {
      const { sid, tty } = readStat(pid ?? 0);
      assert.deepEqual([sid, tty], [pid, 0]);
      const files = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      assert.deepEqual(files, ["/dev/null", "/dev/null", "/dev/null"]);
    });
    await until(() => assert.deepEqual(requests(), []));
    for (const seconds of ["0", "-1", "1s", "31622401", ""])
      assert.equal(spawnSync(KEEP_PROGRAM, [seconds]).status, 64, seconds);
  });

  test("an upgrade changes nothing: the replaced program still keeps, and is still withdrawn", async () => {
    const stage = await server();
    assert.equal(as(uid, "keep", "2h", "-c", config()).status, 0);
    install(built());
    assert.match(readlinkSync(`/proc/${requests()[0]}/exe`), / \(deleted\)$/);
    assert.equal(run(["-c", config()]).stderr, "");
    assert.equal(living(stage).length, 1);
    cancel();
    assert.match(run(["-c", config()]).stderr, /Killed 1/);
  });

  test("no longer than the site allows, refused where the limit is 0s, lifted by root's flag", async () => {
    const stage = await server();
    const short = config('[keep]\nmax = "1h"\n');
    const asked = as(uid, "keep", "30h", "-c", short).stdout;
    assert.match(asked, /, but at most 1h after a sweep first found them/);
    const refusing = config('[keep]\nmax = "0s"\n');
    const refused = as(uid, "keep", "1h", "-c", refusing);
    assert.equal(refused.status, 77);
    assert.match(refused.stderr, /does not allow such requests/);
    assert.match(run(["-n", "-c", refusing]).stderr, /Would kill 1/);
    assert.equal(run(["-f", "--yes", "-c", short]).stderr, "");
    assert.match(run(["-f", "--yes", "--include-exempt", "-c", short]).stderr, /Killed 1/);
    assert.deepEqual(living(stage), []);
    cancel();
  });

  /** The user's own program at that path, in a mount namespace of its own. `$0` is the path. */
  const OWN = `mount -t tmpfs tmpfs /usr/libexec && mkdir "\${0%/*}" && cp /bin/sleep "$0" && exec`;
  const become = `setpriv --reuid=${uid} --clear-groups`;
  const forgeries: readonly (readonly [where: string, command: string, script: string])[] = [
    ["in a user namespace", `${become} unshare -r -m sh -c`, `${OWN} "$0" 1000`],
    ["in a mount namespace of a set-user-ID program's", "unshare -m sh -c", `${OWN} ${become} "$0" 1000`],
    ["under another path", `${become} bash -c`, 'exec -a "$0" sleep 1000'],
  ];
  for (const [where, command, script] of forgeries)
    test(`a forged request counts for nothing: ${where}`, async (t) => {
      const stage = await server();
      assert.equal(as(other, "keep", "1h", "-c", config()).status, 0, "another user's request keeps nothing");
      const [program = "", ...args] = command.split(" ");
      const forger = spawn(program, [...args, script, KEEP_PROGRAM], { stdio: "ignore" });
      t.after(() => forger.kill("SIGKILL"));
      const commandLine = (): string => readFileSync(`/proc/${forger.pid}/cmdline`, "latin1");
      await until(() => assert.match(commandLine(), /keep\0(?:1000\0)?$|^sleep/));
      assert.match(run(["-c", config()]).stderr, /Killed 1 process/);
      assert.deepEqual(living(stage), []);
      assert.equal(as(other, "keep", "--cancel").stdout, "Withdrawn.\n");
    });

  test("root, a bad duration and a missing program get a clear message", () => {
    assert.equal(run(["keep", "1h"]).status, 64);
    assert.equal(as(uid, "keep", "soon").status, 64);
    assert.equal(as(uid, "keep", "1h", "--cancel").status, 64);
    renameSync(KEEP_PROGRAM, `${KEEP_PROGRAM}.away`);
    const without = as(uid, "keep", "1h", "-c", config());
    assert.equal(without.status, 1);
    assert.match(without.stderr, / \S+keep is not installed; ask the administrators/);
    renameSync(`${KEEP_PROGRAM}.away`, KEEP_PROGRAM);
  });
}

usersSuite(import.meta.url, "keep", keeping);
