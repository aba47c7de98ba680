import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { loadNative } from "../../src/shell/host/native.ts";

const native = loadNative();
const folder = mkdtempSync(join(tmpdir(), "reaper-lock-"));
const addon = ["..", "../..", "../../.."]
  .map((up) => join(fileURLToPath(new URL(".", import.meta.url)), up, "build/Release/reaper_native.node"))
  .find((path) => existsSync(path));

/** What another process is answered; it holds the lock until its standard input ends. */
async function elsewhere(path: string): Promise<{ answer: string; end: () => Promise<unknown> }> {
  const script = "console.log(require(process.argv[1]).lock(process.argv[2])); process.stdin.resume()";
  const child = spawn(process.execPath, ["-e", script, String(addon), path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  const end = () => {
    child.stdin.end();
    return exited;
  };
  return { answer: chunk.toString().trim(), end };
}

describe("lock", () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("is held by one process at a time, until that process ends", async () => {
    const path = join(folder, "lock");
    const first = await elsewhere(path);
    assert.equal(first.answer, "acquired");
    assert.equal(native.lock(path), "busy");
    await first.end();
    assert.equal(native.lock(path), "acquired");
    const second = await elsewhere(path);
    assert.equal(second.answer, "busy");
    await second.end();
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it("does not follow a symlink", () => {
    const path = join(folder, "link");
    symlinkSync(join(folder, "victim"), path);
    assert.throws(() => native.lock(path), { code: "ELOOP", message: /link/ });
    assert.equal(existsSync(join(folder, "victim")), false);
  });

  it("throws with a code, or a TypeError for a wrong argument", () => {
    assert.throws(() => native.lock(join(folder, "none", "lock")), { code: "ENOENT" });
    const call = native.lock as (path: unknown) => unknown;
    assert.throws(() => call(7), { name: "TypeError", message: /path/ });
  });
});
