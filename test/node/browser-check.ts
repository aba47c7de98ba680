/** What scripts/browser-check.sh runs: one browser window from its opening to the end of the server's tree. */

import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { until } from "../helpers/until.ts";
import { whyNoLoginNode } from "./available.ts";
import type { LoginNode, NodeProcess } from "./login-node.ts";
import { type RealServer, realServerLayer, startLegacyServer } from "./real-server.ts";
import {
  becomes,
  bootWithProduct,
  extensionHostOf,
  list,
  PROGRAM,
  serverProcesses,
  standardLines,
  sweep,
} from "./scenario-helpers.ts";

/** What is used of playwright-core, which the project does not depend on. */
interface Playwright {
  readonly chromium: {
    launchServer(options: object): Promise<BrowserServer>;
    connect(at: string): Promise<Browser>;
  };
}
interface BrowserServer {
  kill(): Promise<void>;
  wsEndpoint(): string;
}
interface Browser {
  newPage(): Promise<Page>;
  version(): string;
}
interface Page {
  goto(url: string): Promise<unknown>;
  /** Both wait for the element. */
  waitForSelector(selector: string, options: { timeout: number }): Promise<unknown>;
  click(selector: string, options: { timeout: number }): Promise<void>;
  screenshot(options: { path: string }): Promise<unknown>;
  readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
}

const ALICE = 2001;
const FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
  ...["--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe"],
];

const [browserFolder, work] = process.argv.slice(2);
assert.ok(browserFolder && work, "usage: see scripts/browser-check.sh");
const { chromium } = createRequire(join(browserFolder, "index.js"))("playwright-core") as Playwright;

const say = (text: string) => process.stdout.write(`\n=== ${text}\n`);

/** The product's own words, as root types the command. */
async function show(node: LoginNode, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await node.exec([PROGRAM, ...args]);
  process.stdout.write(`\n# vscode-grim-reaper ${args.join(" ")}\n${stdout + stderr || "(no output)\n"}`);
  assert.equal(status, 0);
  return stdout;
}

/** The browser has the node's network and nothing else of it, as if it ran on alice's own machine. */
function launch(node: LoginNode): Promise<BrowserServer> {
  return chromium.launchServer({
    executablePath: "/usr/bin/nsenter",
    ignoreDefaultArgs: true,
    args: [
      ...[`--net=/proc/${node.machine.initPid}/ns/net`, "chromium", ...FLAGS],
      ...[`--user-data-dir=${join(work as string, "profile")}`, "about:blank"],
    ],
    // Root's own home would keep the browser's caches.
    env: { PATH: process.env.PATH, HOME: work, TMPDIR: work, LANG: "C.UTF-8" },
    // Where the driver itself listens; by default, on every address of this machine.
    host: "127.0.0.1",
    timeout: 60_000,
  });
}

/** Opens the workbench and a terminal in it, and types a command there; resolves with ptyHost and its shell. */
async function openTerminal(node: LoginNode, page: Page, url: string): Promise<[NodeProcess, NodeProcess]> {
  await page.goto(url);
  await page.waitForSelector(".monaco-workbench .part.statusbar", { timeout: 60_000 });
  // A workbench that still loads may miss the key. A fresh profile trusts no folder, and a terminal needs trust.
  await until(
    async () => {
      await page.keyboard.press("Control+Backquote");
      await page.click(".monaco-dialog-box .monaco-button:has-text('Trust Folder')", { timeout: 15_000 });
    },
    { timeoutMs: 90_000 },
  );
  const found = await until(
    async () => {
      const all = await node.processes();
      const ptyHost = all.find(({ args }) => args.includes("--type=ptyHost"));
      const shell = all.find(({ ppid, args }) => ppid === ptyHost?.pid && args.includes("bash"));
      assert.ok(ptyHost && shell, "no ptyHost with a shell");
      return [ptyHost, shell] as [NodeProcess, NodeProcess];
    },
    { timeoutMs: 60_000, everyMs: 200 },
  );
  await page.click(".terminal.xterm .xterm-screen", { timeout: 60_000 });
  await page.keyboard.type('echo "$$" >~/typed\n');
  await until(async () => assert.equal((await node.read("/home/alice/typed")).trim(), `${found[1].pid}`), {
    timeoutMs: 30_000,
    everyMs: 200,
  });
  return found;
}

async function check(node: LoginNode, server: RealServer, browser: BrowserServer): Promise<void> {
  const root = server.rootPid;
  const port = node.nextPort();
  const tunnel = await node.ssh("alice", null, {
    options: ["-N", "-L", `127.0.0.1:${port}:127.0.0.1:${server.port}`],
  });
  const { child } = await tunnel.session();
  const window = await chromium.connect(browser.wsEndpoint());
  const page = await window.newPage();
  let opened: [NodeProcess, NodeProcess];
  try {
    opened = await openTerminal(node, page, `http://127.0.0.1:${port}/?folder=/home/alice`);
  } catch (error) {
    const picture = join(mkdtempSync("/tmp/browser-check-"), "window.png");
    await page.screenshot({ path: picture });
    throw new Error(`the window did not open (see ${picture}):\n${await server.log()}`, { cause: error });
  }
  const [ptyHost, shell] = opened;
  say(
    `1. Chromium ${window.version()} shows the workbench; its terminal is bash ${shell.pid} below ptyHost ${ptyHost.pid}`,
  );
  process.stdout.write(await node.run(["ps", "-U", "alice", "-H", "-ww", "-o", "pid,ppid,rss,tty,args"]));
  assert.match(await show(node, "list"), /spare/);
  assert.match(
    await show(node, "explain", `${root}`),
    new RegExp(`client +yes +sshd-session ${child} → server ${server.mainPid}$`, "m"),
  );
  await show(node, "sweep", "-v");
  for (const pid of [root, server.mainPid, ptyHost.pid, shell.pid])
    assert.ok(node.alive(pid), `${pid} lives`);

  await browser.kill();
  const left = await becomes(node, root, "reap");
  const lasting = [root, server.mainPid, await extensionHostOf(node, server), ptyHost.pid, shell.pid];
  say("2. The browser is killed; its ssh connection stays");
  assert.equal(node.alive(child), true);
  await show(node, "list");
  assert.match(await show(node, "explain", `${root}`), /client +no /);
  for (const pid of lasting) assert.ok(left.pids.includes(pid), `${pid} belongs to the tree`);

  say("3. The sweep");
  const swept = await sweep(node);
  process.stdout.write(`\n# vscode-grim-reaper sweep -v --json (its log)\n${swept.log.join("\n")}\n`);
  assert.equal(swept.status, 0);
  const logged = standardLines(swept.log, root, ALICE).pids;
  // The server's short-lived helpers may have ended by themselves.
  for (const pid of lasting) assert.ok(logged.includes(pid), `${pid} is in the log`);
  for (const pid of [...left.pids, ...logged]) assert.equal(node.alive(pid), false, `${pid} is dead`);
  assert.deepEqual(await serverProcesses(node, "alice"), []);
  await show(node, "list");
  assert.deepEqual((await list(node)).trees, []);
  await tunnel.close();
}

const reason = whyNoLoginNode();
assert.equal(reason, null, reason ?? "");
const layer = await realServerLayer();
await using node = await bootWithProduct(layer);
const server = await startLegacyServer(node, layer);
say(`0. alice's server listens on ${server.port}; the ssh session that started it ends`);
await becomes(node, server.rootPid, "spare");
await show(node, "list");
// From here on only the window speaks for the tree.
await server.ssh.close();
await becomes(node, server.rootPid, "reap", true);
await show(node, "list");
const browser = await launch(node);
try {
  await check(node, server, browser);
} finally {
  await browser.kill();
}
say("all as it must be");
