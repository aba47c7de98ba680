// Runs a test file again inside its own pid namespace: a sweep in there sees only what the test started, and the
// kernel ends all of it with the namespace's first process.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { puppetBinary } from "./puppet.ts";

const INSIDE = "REAPER_PID_NAMESPACE";

/** How a suite runs in a namespace of its own. */
export interface SuiteOptions {
  /** Why it cannot run here, besides that it needs root. */
  readonly skip?: string | false;
  /** Seconds by which the suite moves the uptime forward: a test needs a time an hour ago, also right after a boot. */
  readonly upFor?: number;
}

/**
 * Registers a suite that runs inside a pid and mount namespace of its own, with empty state folders; outside it is one
 * test, which fails with the output of the suite. `testFile` is the caller's own import.meta.url.
 */
export function insidePidNamespace(
  testFile: string,
  name: string,
  suite: () => void,
  { skip = false, upFor }: SuiteOptions = {},
): void {
  if (process.env[INSIDE] === "1") {
    freshState();
    suite();
    return;
  }
  const notRoot = process.getuid?.() === 0 ? false : "needs root: unshare --pid --mount";
  test(`${name} inside a pid namespace`, { skip: notRoot || skip }, async (t) => {
    t.diagnostic(`${await runInside(fileURLToPath(testFile), upFor)} tests passed inside`);
  });
}

/** Inside a mount namespace of its own: lock, tags and states, ledger and notices of sweeps stay in there. */
function freshState(): void {
  for (const folder of ["/run", "/var/lib", "/var/log"]) {
    const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "tmpfs", folder]);
    if (status !== 0) throw new Error(`cannot mount over ${folder}: ${stderr}`);
  }
}

/** Runs the file; how many tests passed. */
async function runInside(file: string, upFor: number | undefined): Promise<number> {
  const clock = upFor === undefined ? [] : ["--time", `--boottime=${upFor}`];
  const namespace = ["--pid", "--mount", "--fork", "--mount-proc", "--kill-child", ...clock];
  // Node is not an init: puppet is pid 1 and collects orphans, or they would stay zombies.
  const node = [process.execPath, "--enable-source-maps", "--test-reporter=tap", file];
  const command = [puppetBinary(), "--init", ...node];
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env; // the inner run is not a child of the outer runner
  const child = spawn("unshare", [...namespace, ...command], {
    env: { ...environment, [INSIDE]: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code, signal] = await once(child, "close");
  const passed = Number(/^# pass (\d+)$/m.exec(output)?.[1] ?? 0);
  if (code !== 0) throw new Error(`inside the pid namespace (status ${code ?? signal}):\n${output}`);
  if (passed === 0) throw new Error(`no test ran inside the pid namespace:\n${output}`);
  // The outer run shows this test alone, so what is skipped inside would be skipped in silence.
  const skipped = output.split("\n").filter((line) => /^ *ok .* # SKIP/.test(line));
  if (skipped.length > 0 && process.env.CI === "true")
    throw new Error(`skipped inside the pid namespace:\n${skipped.join("\n")}`);
  return passed;
}
