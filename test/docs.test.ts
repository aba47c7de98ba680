/** What is generated from the program: the completions in real shells, the tables of README and manual. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import test from "node:test";
import { parse } from "smol-toml";
import { bash, fish, zsh } from "../scripts/docs/completions.ts";
import { reference } from "../scripts/docs/keys.ts";
import { commandsOf } from "../scripts/docs/program.ts";
import { parsePolicyLayer } from "../src/core/policy/policy.ts";
import { run, temporaryFolder } from "./helpers/program.ts";

const commands = commandsOf();
const folder = temporaryFolder();

function shellLines(shell: string, script: string): string[] {
  const { status, stdout, stderr } = spawnSync(shell, ["-c", script], { encoding: "utf8", timeout: 120_000 });
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.equal(stderr, "");
  return stdout.split("\n").filter((line) => line !== "");
}
const lacks = (shell: string): string | false =>
  spawnSync(shell, ["-c", "exit 0"]).status === 0 ? false : `needs ${shell}`;

test("the tables of README and manual are those of the program", () => {
  const { status, stderr } = spawnSync("node", ["scripts/docs.mjs", "--check"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

test("the example of the packages, with its keys in force, has every key and no mistake", () => {
  const example = readFileSync("packaging/config.toml", "utf8").replace(/^#(?=[a-zA-Z[])/gm, "");
  assert.deepEqual(parsePolicyLayer(example).errors, []);
  const named = (at: unknown, place: string): string[] => {
    if (Array.isArray(at)) return at.flatMap((item) => named(item, place));
    if (typeof at !== "object" || at === null) return [];
    return Object.entries(at).flatMap(([key, value]) => [place + key, ...named(value, `${place}${key}.`)]);
  };
  const keys = new Set(named(parse(example), ""));
  assert.ok(reference().length > 20);
  const missing = reference().flatMap(({ name }) => (keys.has(name) ? [] : [name]));
  assert.deepEqual(missing, []);
});

test("`observe` writes what a first installation does", () => {
  const [, text = ""] = /^const TEXT = `([^`]*)`/m.exec(readFileSync("src/tools/mode.ts", "utf8")) ?? [];
  assert.equal(text, readFileSync("packaging/00-observe.toml", "utf8"));
});

test("the program's commands are those that the manual was promised", () => {
  const names = commands.map(({ name }) => name);
  for (const name of ["sweep", "status", "list", "explain", "snapshot", "replay", "check-config", "doctor"])
    assert.ok(names.includes(name), name);
  for (const { name, options, meaning } of commands) {
    assert.ok(meaning.length > 10, name);
    for (const option of options) assert.ok(option.meaning.length > 3, `${name} ${option.long}`);
  }
});

test("every command and option that a document names exists", () => {
  const names = new Set(["help", ...commands.map(({ name }) => name)]);
  const flags = new Set(
    commands.flatMap(({ options }) => options.flatMap(({ short, long }) => [short ?? "", long])),
  );
  for (const extra of ["--help", "-h", "--version", "-V"]) flags.add(extra);
  const folder = readdirSync("docs").filter((name) => name.endsWith(".md"));
  const files = ["README.md", "SECURITY.md", "pam/README.md", ...folder.map((name) => join("docs", name))];
  const COMMAND = /(?:^|[`$#|] ?|\/)vscode-grim-reaper ([a-z-][^`|>\n]*)/gm;
  let checked = 0;
  for (const file of files)
    for (const [, line = ""] of readFileSync(file, "utf8").matchAll(COMMAND)) {
      const [first = "", ...words] = line.trim().split(/ +/);
      if (!first.startsWith("-") && !/^[a-z-]+$/.test(first)) continue;
      if (!first.startsWith("-") && !names.has(first)) continue;
      checked++;
      for (const word of [first, ...words].filter((one) => /^--?[a-zA-Z]/.test(one))) {
        const flag = word.replace(/[=,.;:].*$/, "");
        const known = flags.has(flag) || /^-[nvf]+$/.test(flag);
        assert.ok(known, `${file}: vscode-grim-reaper ${line}: there is no ${flag}`);
      }
    }
  assert.ok(checked > 10, `only ${checked} commands were found`);
});

test("the reading list of the spine has every file of the service, and about as many lines", () => {
  const [, list = ""] = readFileSync("CONTRIBUTING.md", "utf8").split("## Read the spine in a day");
  const rows = [...list.matchAll(/^\| (`[^|]+`) \| (\d+) \|/gm)].map(([, read = "", lines]) => ({
    places: [...read.matchAll(/`([^`]+)`/g)].map(([, place = ""]) => place),
    lines: Number(lines),
  }));
  const files = execFileSync("git", ["ls-files", "src", "native", "systemd", "packaging/launcher.cc"], {
    encoding: "utf8",
  })
    .split("\n")
    .filter((file) => /\.(?:ts|cc|h|service|timer|path)$/.test(file));
  for (const { places, lines } of rows) {
    const read = files.filter((file) => places.some((place) => file.startsWith(place)));
    const counted = read.reduce((sum, file) => sum + readFileSync(file, "utf8").split("\n").length - 1, 0);
    assert.ok(
      Math.abs(counted - lines) <= counted / 4,
      `${places.join(", ")}: ${counted} lines, not ${lines}`,
    );
  }
  const loaded = execFileSync("node", ["scripts/size.mjs", "--list"], { encoding: "utf8" }).split("\n");
  const places = rows.flatMap((row) => row.places);
  const missing = loaded.filter(
    (file) => file.startsWith("src/") && !places.some((place) => file.startsWith(place)),
  );
  assert.deepEqual(missing, []);
  const native = readdirSync("native/core").map((room) => `native/core/${room}/`);
  const unlisted = ["native/addon/", "native/hook/", ...native].filter((room) => !places.includes(room));
  assert.deepEqual(unlisted, []);
});

/** What the packages put below /usr/share/doc, as packaging/stage.sh names it. */
const DOCUMENTS = /(?<=^(?:linked_)?documents=\()[^)]*/gm;
const patterns = readFileSync("packaging/stage.sh", "utf8").match(DOCUMENTS)?.join(" ") ?? "";
const shipped = execFileSync("bash", ["-c", `ls -d ${patterns.replaceAll("\n", " ")}`], { encoding: "utf8" })
  .trim()
  .split("\n");

test("every file that a shipped document links to is shipped", () => {
  const LINK = /\]\(((?!https?:|#|mailto:)[^)#\s]+)/g;
  assert.ok(shipped.includes("README.md") && shipped.includes("docs/users.md"), shipped.join(" "));
  for (const file of shipped.filter((name) => name.endsWith(".md")))
    for (const [, link = ""] of readFileSync(file, "utf8").matchAll(LINK))
      assert.ok(shipped.includes(join(dirname(file), link)), `${file}: ${link}`);
});

test("the README has at most 200 lines, and the help at most 80 columns", () => {
  assert.ok(readFileSync("README.md", "utf8").split("\n").length <= 201);
  for (const command of [[], ...commands.map(({ name }) => [name])]) {
    const { stdout } = run([...command, "--help"]);
    assert.equal(stdout.match(/^Exit status/gm)?.length, 1, command.join());
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, `${command}: ${line}`);
  }
});

test("every test and source that SECURITY.md names exists", () => {
  const roots = ["", "src", "test", "native/test"];
  const named = [...readFileSync("SECURITY.md", "utf8").matchAll(/`([\w./-]+)`/g)].map(
    ([, name = ""]) => name,
  );
  // A C++ test goes by its name, in whichever room it is.
  const native = new Set(
    readdirSync("native/test", { recursive: true }).map((path) => basename(String(path), ".cc")),
  );
  const paths = named.filter((name) => /^[a-z]\w*\/[\w./-]+$/.test(name));
  const tests = named.filter((name) => name.endsWith("_test"));
  assert.ok(paths.length > 50 && tests.length > 5, `${paths.length} paths, ${tests.length} tests`);
  assert.deepEqual(
    [
      ...paths.filter((path) => !roots.some((root) => existsSync(join(root, path)))),
      ...tests.filter((name) => !native.has(name)),
    ],
    [],
  );
});

test("bash completes commands, options of the command, choices and files", { skip: lacks("bash") }, () => {
  const file = join(folder, "bash");
  writeFileSync(file, bash(commands));
  writeFileSync(join(folder, "site.toml"), "");
  const complete = (...words: string[]): string[] =>
    shellLines(
      "bash",
      `source ${file}; cd ${folder}; COMP_WORDS=(vscode-grim-reaper ${words.map((word) => `'${word}'`).join(" ")});
       COMP_CWORD=${words.length}; _vscode_grim_reaper; printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
  assert.deepEqual(complete("ex"), ["explain"]);
  assert.ok(complete("").includes("check-config"));
  assert.deepEqual(complete("--dry"), ["--dry-run"], "without a command, those of sweep");
  assert.deepEqual(complete("list", "--dry"), []);
  assert.deepEqual(complete("sweep", "--log-format", ""), ["standard", "json"]);
  assert.deepEqual(complete("list", "-c", "site"), ["site.toml"]);
  assert.ok(complete("list", "-u", "roo").includes("root"));
  assert.deepEqual(complete("explain", String(process.pid)), [], "this process is in no tree");
  for (const { name, options } of commands)
    for (const { long } of options) assert.ok(complete(name, long).includes(long), `${name} ${long}`);
});

test("fish completes commands, options and choices", { skip: lacks("fish") }, () => {
  const file = join(folder, "x.fish");
  writeFileSync(file, fish(commands));
  const complete = (line: string): string[] =>
    shellLines("fish", `source ${file}; complete -C '${line}'`).map((found) => found.split("\t")[0] ?? "");
  assert.deepEqual(complete("vscode-grim-reaper ex"), ["explain"]);
  assert.ok(complete("vscode-grim-reaper sweep --dry").includes("--dry-run"));
  assert.ok(complete("vscode-grim-reaper --dry").includes("--dry-run"));
  assert.deepEqual(complete("vscode-grim-reaper list --dry"), []);
  assert.deepEqual(complete("vscode-grim-reaper sweep --log-format "), ["json", "standard"]);
});

test("zsh completes commands, options and choices", { skip: lacks("zsh") }, () => {
  writeFileSync(join(folder, "_vscode-grim-reaper"), zsh(commands));
  // A terminal of zsh's own, for completion runs only where there is one. Waits until the terminal shows what it must.
  const completes = (line: string, shown: string): string[] =>
    shellLines(
      "zsh",
      `zmodload zsh/zpty; zpty z 'TERM=dumb zsh -f -i'
       zpty -w z 'PROMPT=; fpath=(${folder} $fpath); autoload -Uz compinit; compinit -u -D; zstyle ":completion:*" verbose no; bindkey "^I" complete-word; unsetopt zle_bracketed_paste; echo rea""dy'
       zpty -r -m z got '*ready*'; zpty -w -n z '${line}'$'\\t'; zpty -r -m z got '*${shown}*'; zpty -d z`,
    );
  completes("vscode-grim-reaper exp", "vscode-grim-reaper explain");
  completes("vscode-grim-reaper sweep --dry", "--dry-run");
  completes("vscode-grim-reaper sweep --log-format j", "--log-format json");
});
