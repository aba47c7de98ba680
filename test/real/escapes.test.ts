// The account of the unit has been taken over, and root sweeps or delivers by hand: root follows it nowhere.

import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
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
import { config, run, succeeds, temporaryFolder } from "../helpers/program.ts";
import { living } from "../helpers/puppet.ts";
import { STATE, server, uid, usersSuite } from "../helpers/users-side.ts";

const ACCOUNT = 64_999;
const RUN = "/run/vscode-grim-reaper";
const FOLDERS = ["", "/notices", "/notify", "/notify/new", "/notify/kept"].map((name) => STATE + name);

/** Makes the folders as systemd-tmpfiles does. */
function makeFolders(): void {
  for (const folder of FOLDERS) {
    mkdirSync(folder, { mode: folder.includes("notify") ? 0o700 : 0o711 });
    chownSync(folder, ACCOUNT, ACCOUNT);
  }
  mkdirSync(RUN, { recursive: true });
  chmodSync(RUN, 0o770);
  chownSync(RUN, 0, ACCOUNT);
}

function escapes(): void {
  const place = temporaryFolder();
  chmodSync(place, 0o755);
  const program = join(place, "notify");
  writeFileSync(program, `#!/bin/sh\n{ id -u; id -G; cat; } >>${place}/open/said\n`, { mode: 0o755 });
  mkdirSync(join(place, "open"));
  chownSync(join(place, "open"), ACCOUNT, ACCOUNT);
  const site = config(`[hooks]\nnotify = "${program}"\n`);

  test("what a sweep of root's leaves in the account's folders is the account's", async () => {
    makeFolders();
    const stage = await server();
    succeeds(["-c", site]);
    assert.deepEqual(living(stage), []);
    const made = [`${STATE}/notices/${uid}`, `${STATE}/last-sweep.json`];
    for (const name of readdirSync(`${STATE}/notify/new`)) made.push(`${STATE}/notify/new/${name}`);
    assert.equal(made.length, 3);
    for (const file of made) assert.equal(statSync(file).uid, ACCOUNT, file);
  });

  test("links in the place of its folders lead root nowhere: nothing is made, changed or removed there", async () => {
    makeFolders();
    const [notices, spool] = [join(place, "notices"), join(place, "spool")];
    for (const folder of [notices, spool, join(spool, "new"), join(spool, "kept")]) mkdirSync(folder);
    const old = join(notices, "of-root");
    writeFileSync(old, "");
    utimesSync(old, 1, 1);
    for (const [name, to] of Object.entries({ notices, notify: spool })) {
      rmSync(join(STATE, name), { recursive: true });
      symlinkSync(to, join(STATE, name));
    }
    const stage = await server();
    const swept = run(["-c", site]);
    assert.deepEqual(living(stage), []);
    assert.equal(swept.status, 1, "its folders cannot be used");
    assert.deepEqual(readdirSync(notices), ["of-root"]);
    assert.deepEqual(readdirSync(spool, { recursive: true }).map(String).sort(), ["kept", "new"]);
    assert.equal(statSync(join(spool, "new")).uid, 0);
  });

  test("root delivers what waits with the account's rights, by the configured program alone", () => {
    makeFolders();
    const touch = "/usr/bin/touch";
    const forged = JSON.stringify({ program: touch, notify: touch, argv: [`${place}/root`] });
    const waiting = `${STATE}/notify/new/1700000000000-0`;
    writeFileSync(waiting, forged);
    chownSync(waiting, ACCOUNT, ACCOUNT);
    succeeds(["run-notify", "-c", site]);
    const said = readFileSync(`${place}/open/said`, "utf8");
    assert.equal(said.trim(), `${ACCOUNT}\n${ACCOUNT}\n${forged}`);
    assert.ok(!existsSync(`${place}/root`));
  });
}

usersSuite(import.meta.url, "from the account to root", escapes);
