// Whatever is recognised is a suspect of the native scan, which knows nothing but marks: by the addon, over a built /proc.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { exeName } from "../../src/core/observation/process.ts";
import { makeCatalogue } from "../../src/core/recognition/catalogue.ts";
import { recognise } from "../../src/core/recognition/recognise.ts";
import { type ScanMarkers, scanMarkers } from "../../src/core/recognition/scan-markers.ts";
import { loadNative } from "../../src/shell/host/native.ts";
import { COMMIT as C } from "../helpers/proc.ts";
import { makeProcFolder, removeProcFolder } from "../helpers/proc-folder.ts";
import { readProcessRows } from "../helpers/process-rows.ts";

interface Program {
  readonly exe: string;
  readonly argv: readonly string[];
}

const native = loadNative();
const catalogue = makeCatalogue();
const positives = readProcessRows().filter(({ expected }) => expected !== "-");
const folders: string[] = [];
after(() => folders.forEach(removeProcFolder));

/** The processes that the scan does not take for suspects, each by itself. */
async function unseen(programs: readonly Program[], markers: ScanMarkers): Promise<string[]> {
  const procRoot = makeProcFolder(programs.map((program, i) => ({ ...program, pid: 100 + i })));
  folders.push(procRoot);
  const times = { timeoutMs: 60_000, budgetMs: 60_000 };
  const look = { procRoot, uids: null, full: false, staged: true, jobVariables: [], ...times };
  const { chain = [] } = await native.snapshot({ ...look, ...markers });
  const seen = new Set(chain.filter(({ suspect }) => suspect).map(({ pid }) => pid));
  return programs.filter((_, i) => !seen.has(100 + i)).map(({ exe, argv }) => `${exe}: ${argv.join(" ")}`);
}

/** A path that fits a pattern. */
const filled = (pattern: string): string => pattern.replaceAll("{commit}", C).replaceAll("*", "x");

/** A shell is no suspect: it starts a server, which is one, and what is above a suspect is read. */
const isShell = (exe: string): boolean =>
  catalogue.interpreters.shell.some((name) => exeName(exe).startsWith(name));

test("whatever is recognised is a suspect, each process by itself", async () => {
  const markers = scanMarkers(catalogue);
  // What counts only beside a server is never alone.
  const alone = positives.filter(({ exe, expected }) => !expected.endsWith(" if beside") && !isShell(exe));
  assert.deepEqual(await unseen(alone, markers), []);
  const others = [
    { exe: "/usr/bin/bash", argv: ["-bash"] },
    { exe: "/usr/bin/bash", argv: ["sh", "/home/u/.vscode-server/bin/x/server.sh"] },
    { exe: "/usr/bin/python3", argv: ["python3", "work.py"] },
    { exe: "/usr/bin/vim", argv: ["vim", "/home/u/.vscode-server/x"] },
  ];
  assert.equal((await unseen(others, markers)).length, others.length);
});

test("nothing that is made of a catalogue's words is recognised and not seen", async () => {
  const site = makeCatalogue({
    directories: [{ product: "house", directory: ".house/ide" }],
    patterns: [{ product: "claude", exe: "/home/*/.claude/**/server", argv: [] }],
    sshd: [],
  });
  const { shapes, interpreters } = site;
  const folders = [
    ...site.products.flatMap(({ directories }) => directories.map(filled)),
    ...[".new-server", ".new-server-next", ".claude/remote", "bin", "opt/code"],
  ];
  const programs = [
    ...[...interpreters.shell, ...interpreters.node, ...interpreters.other, ...site.cliProducts.keys()],
    ...["python3.11", "node-20", "ld-2.31.so", "ld.so.1", "server", "java", "zed-remote-server-1", "rg"],
    `code-${C}`,
  ];
  const files = [
    ...[...shapes.serverScripts, ...shapes.workerScripts, ...shapes.webScripts, ...shapes.launcherScripts],
    ...shapes.launcherNames.map((name) => `bin/${name.replace("*", "code")}`),
    ...["extensions/a/b.js", "node_modules/a/rg", "node", "ld-linux.so.2", "server", `code-${C}`, "code"],
  ];
  const words = [
    ...site.cli.roles.flatMap(({ words: named = [] }) => named),
    ...["host", "run", "--type=ptyHost", "--start-server", "-jar", "-x"],
  ];
  // The same numbers at each run.
  let seed = 1;
  const pick = <T>(list: readonly T[]): T => {
    seed = (seed * 48_271) % 2_147_483_647;
    return list[seed % list.length] as T;
  };
  const recognised: Program[] = [];
  while (recognised.length < 600) {
    const place = `${pick(["/home/u/", "/home/u/", "/", "/usr/"])}${pick(folders)}/`;
    const exe = `${pick(["/usr/bin/", "/home/u/", place])}${pick(programs)}`;
    // What a user writes: without a slash in front, or with two between.
    const file = `${pick(["/", "", "./", "//home//"])}${pick(folders).replace("/", pick(["/", "//"]))}/${pick(files)}`;
    const argv = [pick([exe, "x"]), pick([file, pick(words)]), pick([file, pick(words)]), pick(words)];
    if (!isShell(exe) && recognise({ exe, argv }, site) !== null) recognised.push({ exe, argv });
  }
  assert.deepEqual(await unseen(recognised, scanMarkers(site)), []);
});

test("what lies in a product's folder or fits a site's pattern shows by its executable, whatever it is called", async () => {
  const site = makeCatalogue({
    directories: [{ product: "house", directory: ".house/ide" }],
    patterns: [{ product: "acme", exe: "/opt/acme-*/daemon", argv: [] }],
    sshd: [],
  });
  const inFolders = site.products.flatMap(({ directories }) => directories.map(filled));
  const exes = [...inFolders.map((folder) => `/home/u/${folder}/a.out`), "/opt/acme-2/daemon"];
  const programs = exes.map((exe) => ({ exe, argv: [] }));
  assert.deepEqual(await unseen(programs, scanMarkers(site)), []);
});

test("no mark holds another or stands twice, and the ssh servers are the catalogue's", () => {
  const { exeMarkers, argvMarkers, sshdNames } = scanMarkers(catalogue);
  for (const marks of [exeMarkers, argvMarkers])
    for (const [i, mark] of marks.entries())
      assert.ok(!marks.some((other, j) => i !== j && mark.includes(other)), mark);
  assert.deepEqual(sshdNames, catalogue.sshd);
});

test("a site's pattern that holds no text leaves no empty mark, and every other mark as it is", () => {
  const patterns = [{ product: "acme", exe: "**", argv: ["--acme"] }];
  const site = makeCatalogue({ directories: [], patterns, sshd: [] });
  assert.deepEqual(scanMarkers(site), scanMarkers(catalogue));
});

test("no mark is so short that ordinary programs have it", () => {
  const { exeMarkers, argvMarkers } = scanMarkers(catalogue);
  for (const exe of ["/usr/bin/bash", "/usr/bin/python3.11", "/usr/lib/systemd/systemd", "/opt/app/bin/node"])
    for (const marker of exeMarkers) assert.ok(!exe.includes(marker), `${marker} in ${exe}`);
  for (const line of [
    ...["python3 /usr/local/bin/work.py", "node /opt/app/bin/start.js", "java -jar app.jar", "node index.js"],
    ...["/home/u/.pyenv/versions/3.12/bin/python benchmark.py", "java -cp spark-core.jar Main"],
  ])
    for (const marker of argvMarkers) assert.ok(!line.includes(marker), `${marker} in ${line}`);
});
