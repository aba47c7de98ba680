// What a person at a terminal is asked and told: forced sweeps, targeted sweeps, dry runs, and the journal of the service.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { whyNotValid } from "../helpers/json-schema.ts";
import { recordsIn } from "../helpers/ledger-records.ts";
import { config, HANG_MS, PROGRAM, run, succeeds, temporaryFile } from "../helpers/program.ts";
import { living, type Stage } from "../helpers/puppet.ts";
import { until } from "../helpers/until.ts";
import { LOGS, must, other, server, uid, usersSuite } from "../helpers/users-side.ts";

interface Ended {
  readonly wouldKill?: number;
  readonly killed?: number;
}

/** A forced sweep on a terminal of its own; all that it showed. The answer is typed once it asks, and `meanwhile` is done. */
async function onTerminal(
  args: readonly string[],
  answer = "",
  meanwhile: () => Promise<unknown> = async () => {},
): Promise<string> {
  const command = [process.execPath, PROGRAM, "-f", ...args, "-c", config()].join(" ");
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", TERM: "dumb" };
  const terminal = spawn("script", ["-qec", command, "/dev/null"], { env, timeout: HANG_MS });
  const closed = once(terminal, "close");
  let shown = "";
  terminal.stdout.setEncoding("utf8").on("data", (text) => {
    shown += text;
  });
  if (answer !== "") await until(() => assert.match(shown, /\[y\/N\]/));
  await meanwhile();
  terminal.stdin.end(answer);
  await closed;
  return shown.replaceAll("\r", "");
}

function forcing(): void {
  test("a forced sweep of the host asks on a terminal, and ends nothing without a yes", async () => {
    const stage = await server();
    const asked = await onTerminal([], "n\n");
    assert.match(asked, /--force ends 1 tree \(64001: vscode\), none in use\./);
    assert.match(asked, /End it\? \[y\/N\]/);
    assert.match(asked, /nothing was ended/);
    assert.equal(living(stage).length, 1);
    assert.match(await onTerminal([], "\u0003"), /nothing was ended|\^C/);
    assert.equal(living(stage).length, 1);
    assert.match(await onTerminal([], "y\n"), /Killed 1 process\(es\)/);
    assert.deepEqual(living(stage), []);
  });

  test("a tree that appears while the question waits is not ended by the answer", async () => {
    const stage = await server();
    let late: Stage | undefined;
    await onTerminal([], "y\n", async () => {
      late = await server(other);
    });
    assert.ok(late);
    assert.deepEqual([living(stage).length, living(late).length], [0, 1]);
    await late.end();
  });

  test("--yes and -u are not asked; without a terminal the whole host needs --yes", async () => {
    for (const more of [["--yes"], ["-u", String(uid)]]) {
      const stage = await server();
      assert.doesNotMatch(await onTerminal(more), /\[y\/N\]/);
      assert.deepEqual(living(stage), []);
    }
    const stage = await server();
    const refused = run(["-f", "-c", config()]);
    assert.deepEqual([refused.status, living(stage).length], [64, 1], refused.stderr);
    assert.match(refused.stderr, /add --yes$/m);
    assert.match(run(["-f", "--yes", "-c", config()]).stderr, /Killed 1 process\(es\)/);
    assert.deepEqual(living(stage), []);
  });

  test("a forced sweep ends a tree while another sweep holds the lock; an unforced one exits with 75", async () => {
    const stage = await server();
    mkdirSync("/run/vscode-grim-reaper", { recursive: true, mode: 0o700 });
    const lock = "/run/vscode-grim-reaper/lock";
    const holder = spawn("flock", [lock, "sh", "-c", "echo held; exec sleep infinity"], { detached: true });
    try {
      await once(holder.stdout, "data");
      const unforced = run(["-c", config()]);
      assert.equal(unforced.status, 75, unforced.stderr);
      assert.match(unforced.stderr, /another sweep is running/);
      assert.equal(living(stage).length, 1);
      assert.match(run(["-f", "--yes", "-c", config()]).stderr, /Killed 1 process\(es\)/);
      assert.deepEqual(living(stage), []);
    } finally {
      process.kill(-(holder.pid ?? 0), "SIGKILL");
    }
  });

  test("a targeted sweep says what it found and why it left it alone", async () => {
    const stage = await server();
    const exempt = config(`exemptUsers = [${uid}]\n`);
    const { stderr } = succeeds(["-u", String(uid), "-c", exempt]);
    assert.match(stderr, /Left alone 1 process under pid \d+ \(uid 64001\): exempt: user 64001 is exempt/);
    assert.equal(run(["-c", exempt]).stderr, "", "an untargeted sweep has nothing to say");
    assert.match(run(["-u", String(other), "-c", exempt]).stderr, /There is no server tree of this user/);
    assert.equal(living(stage).length, 1);
    await stage.end();
  });

  test("JSON is what docs/json.schema.json says, and names the user beside each uid", async () => {
    assert.match(run(["-n", "-c", config()]).stderr, /Nothing to end/);
    const stage = await server();
    const file = config();
    const json = (...args: string[]): unknown => JSON.parse(run([...args, "--json", "-c", file]).stdout);
    const listed = json("list") as { trees: { uid: number; user: string }[] };
    assert.deepEqual(whyNotValid("host", listed), []);
    const owners = listed.trees.map(({ uid: owner, user }) => [owner, user]);
    assert.deepEqual(owners, [[uid, String(uid)]]);
    assert.deepEqual(whyNotValid("explain", json("explain", String(stage.pids[0]))), []);
    const [dry, swept] = [json("-n"), json("sweep")] as { dryRun: boolean; trees: { outcome: Ended }[] }[];
    for (const said of [dry, swept]) assert.deepEqual(whyNotValid("host", said), []);
    assert.deepEqual([dry?.dryRun, dry?.trees[0]?.outcome], [true, { wouldKill: 1 }]);
    assert.deepEqual([swept?.dryRun, swept?.trees[0]?.outcome.killed], [false, 1]);
    assert.deepEqual(living(stage), []);
    const records = recordsIn(`${LOGS}/ledger.jsonl`);
    assert.equal(records.map(({ would, killed }) => [would, killed]).join(" "), "true,1 false,1");
    for (const record of records) assert.deepEqual(whyNotValid("ledger", record), []);
    assert.match(run(["report", "-c", file]).stdout, /^1 tree, 1 process, /);
    assert.match(run(["report", "--would", "-c", file]).stdout, /^Sweeps would have ended 1 tree of 1 user/);
  });

  test("an observing sweep names at -v whose tree it would end and why, and how to enforce; --force acts", async () => {
    const stage = await server();
    const observing = config("enforce = false\n");
    const { stderr } = run(["-v", "-c", observing]);
    const would = "Would kill 1 process\\(es\\) under pid \\d+ \\(uid 64001\\)";
    assert.match(
      stderr,
      new RegExp(`reap: tree \\d+ \\(uid 64001, vscode, 1 process\\): .+\n\\S+ ${would}\n`),
    );
    assert.match(stderr, /to enforce: vscode-grim-reaper enforce$/m);
    assert.equal(living(stage).length, 1);
    succeeds(["--force", "--yes", "-c", observing]);
    assert.deepEqual(living(stage), []);
  });

  test("enforce and observe change the mode, and name a file that decides otherwise", async () => {
    const overlay = "lowerdir=/etc,upperdir=/run/etc,workdir=/run/etc-work";
    for (const folder of ["/run/etc", "/run/etc-work"]) mkdirSync(folder);
    must(["mount", "-t", "overlay", "overlay", "-o", overlay, "/etc"]);
    const site = "/etc/vscode-grim-reaper/config.d/50-site.toml";
    succeeds(["observe"]);
    writeFileSync(site, 'settle = "0s"\ngrace = "0"\n');
    const stage = await server();
    assert.match(run([]).stderr, /Would kill 1 process/);
    assert.match(run(["enforce"]).stdout, /^From now on sweeps end orphans/);
    assert.equal(living(stage).length, 1, "the command itself ends nothing");
    assert.match(run([]).stderr, /Killed 1 process/);
    writeFileSync(site, "enforce = false\n");
    const decided = run(["enforce"]);
    assert.deepEqual([decided.status, /50-site\.toml sets enforce = false/.test(decided.stderr)], [78, true]);
    assert.equal(run(["observe"], { uid }).status, 77);
    must(["umount", "/etc"]);
  });

  for (const [log, inJournal, inFile] of [
    ["both", /^<6>Killed 1 process\(es\) .*\n<6>1 tree: 1 reap; 1 tree ended \(1 process, /m, true],
    ["journal", /^<6>Killed 1 process\(es\) .*\n<7> +\d+ +\d+ {4}\//m, false],
  ] as const)
    test(`the service logs to ${log}`, async () => {
      const stage = await server();
      const stream = temporaryFile("journal", "");
      const file = join(stream, "../log");
      const fd = openSync(stream, "w");
      const { dev, ino } = fstatSync(fd, { bigint: true });
      const args = [PROGRAM, "-v", "-l", file, "-c", config(`log = "${log}"\n`)];
      const env = { PATH: "/usr/bin:/bin", JOURNAL_STREAM: `${dev}:${ino}` };
      assert.equal(spawnSync(process.execPath, args, { stdio: ["ignore", fd, fd], env }).status, 0);
      closeSync(fd);
      assert.match(readFileSync(stream, "utf8"), inJournal);
      assert.equal(existsSync(file) && /Killed 1 process\(es\)/.test(readFileSync(file, "utf8")), inFile);
      assert.deepEqual(living(stage), []);
    });
}

usersSuite(import.meta.url, "forced and targeted sweeps", forcing);
