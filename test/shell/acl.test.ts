import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { loadNative } from "../../src/shell/host/native.ts";
import { isRoot } from "../helpers/real.ts";

const native = loadNative();
const folder = mkdtempSync(join(tmpdir(), "reaper-acl-"));
const file = join(folder, "notice");

describe("grantRead", () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("lets one user read a file, and no other", { skip: isRoot ? false : "needs root" }, () => {
    spawnSync("chmod", ["711", folder]);
    writeFileSync(file, "x", { mode: 0o600 });
    native.grantRead(file, 64_001);
    const cat = (uid: number): number | null => spawnSync("cat", [file], { uid, gid: uid }).status;
    assert.deepEqual([cat(64_001), cat(64_002)], [0, 1]);
    assert.equal(statSync(file).mode & 0o007, 0);
  });

  it("throws with a code, follows no link, and refuses a wrong argument", () => {
    symlinkSync(file, join(folder, "link"));
    assert.throws(() => native.grantRead(join(folder, "link"), 1), { code: "ELOOP" });
    assert.throws(() => native.grantRead(join(folder, "none"), 1), { code: "ENOENT", message: /none/ });
    assert.throws(() => native.grantRead(folder, 1), { code: "EPERM" });
    const call = native.grantRead as (...given: unknown[]) => unknown;
    assert.throws(() => call(file, "alice"), { name: "TypeError", message: /uid/ });
    assert.throws(() => call(file, -1), { message: /uid/ });
    assert.throws(() => call(7, 1), { name: "TypeError", message: /path/ });
  });
});
