import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { processLine, standardLine, treeEvents } from "../../../src/core/report/standard-log.ts";
import { nearest } from "../../../src/core/text/did-you-mean.ts";
import { formatDuration, parseDuration } from "../../../src/core/text/duration.ts";
import { formatMemory } from "../../../src/core/text/format.ts";
import { commandLine, escapeText, fit, safeJson } from "../../../src/core/text/safe-text.ts";

/** Anything that a terminal or a reader of lines could act on. */
const ACTIVE = /[\p{C}\p{Zl}\p{Zp}]/u;

test("escaped text holds nothing that a terminal acts on, whatever went in", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !ACTIVE.test(escapeText(text))));
});

test("escapes show what was there, and leave letters of any script alone", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["a\nb", "a\\nb"],
    ["\u001b[31mred", "\\x1b[31mred"],
    ["\u009b2J", "\\x9b2J"],
    ["\u007f", "\\x7f"],
    ["x\u202egnp.exe", "x\\u{202e}gnp.exe"],
    ["\u2028", "\\u{2028}"],
    ["/home/andré/データ", "/home/andré/データ"],
  ];
  for (const [text, expected] of rows) assert.equal(escapeText(text), expected);
});

test("JSON keeps its meaning and loses what a terminal would act on", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const json = safeJson({ text });
      assert.ok(!ACTIVE.test(json));
      assert.equal((JSON.parse(json) as { text: string }).text, text);
    }),
  );
});

test("a process without arguments is shown by its kernel name", () => {
  assert.equal(commandLine({ argv: [], comm: "no\nde" }), "[no\\nde]");
  assert.equal(fit("abc", 5), "abc  ");
  assert.equal(fit("abcdef", 5), "abcde");
});

type Shown = Parameters<typeof processLine>[0];
const row = (pid: number, ppid: number, depth: number, command: string): Shown => {
  return { process: { pid, ppid, argv: command.split(" "), comm: "" }, depth };
};

test("the standard log is the original's, byte for byte", () => {
  const CLI = "sh /home/XXXX/.vscode-server/cli/x";
  const SERVER = "/home/XXXX/.vscode-server/cli/servers/x";
  const BASH = "/bin/bash --init-file /home/XXXX/.vscode-server/x";
  const rows = [
    row(75950, 75897, 0, "/home/XXXX/.vscode-server/code-e54c774e0add60467559eb0d1e229c6452cf8447"),
    row(76086, 75950, 1, CLI),
    row(76092, 76086, 2, SERVER),
    row(76156, 76092, 3, SERVER),
    row(76283, 76156, 4, "/home/XXXX/.vscode-server/extensions/x"),
    row(76171, 76092, 3, SERVER),
    row(76425, 76171, 4, BASH),
    row(76210, 76171, 4, BASH),
    row(78946, 76171, 4, BASH),
    row(76148, 76092, 3, SERVER),
  ];
  const small = [row(76856, 1, 0, "/home/XXXX/.vscode-server/extensions/x")];
  const time = new Date(2024, 3, 25, 23, 0, 0);
  const lines = [
    ...treeEvents("Killed", { pid: 76856, uid: 1001 }, small, {}),
    ...treeEvents("Killed", { pid: 75950, uid: 1001 }, rows, {}),
  ].map(({ message }) => standardLine(time, message));
  const expected = `[2024-04-25T23:00:00] Killed 1 process(es) under pid 76856 (uid 1001)
[2024-04-25T23:00:00]    76856        1    /home/XXXX/.vscode-server/extens
[2024-04-25T23:00:00] Killed 10 process(es) under pid 75950 (uid 1001)
[2024-04-25T23:00:00]    75950    75897    /home/XXXX/.vscode-server/code-e
[2024-04-25T23:00:00]    76086    75950      |-  sh /home/XXXX/.vscode-server/cli
[2024-04-25T23:00:00]    76092    76086      |-    |-  /home/XXXX/.vscode-server/cli/se
[2024-04-25T23:00:00]    76156    76092      |-    |-    |-  /home/XXXX/.vscode-server/cli/se
[2024-04-25T23:00:00]    76283    76156      |-    |-    |-    |-  /home/XXXX/.vscode-server/extens
[2024-04-25T23:00:00]    76171    76092      |-    |-    |-  /home/XXXX/.vscode-server/cli/se
[2024-04-25T23:00:00]    76425    76171      |-    |-    |-    |-  /bin/bash --init-file /home/XXXX
[2024-04-25T23:00:00]    76210    76171      |-    |-    |-    |-  /bin/bash --init-file /home/XXXX
[2024-04-25T23:00:00]    78946    76171      |-    |-    |-    |-  /bin/bash --init-file /home/XXXX
[2024-04-25T23:00:00]    76148    76092      |-    |-    |-  /home/XXXX/.vscode-server/cli/se`;
  assert.equal(lines.join("\n"), expected);
});

test("a line pads a short command to 32 characters, and takes pids of more than eight digits whole", () => {
  assert.equal(processLine(row(7, 1, 1, "sh")), `       7        1      |-  ${"sh".padEnd(32)}`);
  assert.equal(processLine(row(123456789, 1, 0, "sh")), `123456789        1    ${"sh".padEnd(32)}`);
});

test("a command line cannot start a new log line", () => {
  const forged = standardLine(new Date(0), processLine(row(7, 1, 0, "x\n[2024-01-01T00:00:00]\u001b[2K")));
  assert.equal(forged.split("\n").length, 1);
  assert.ok(!forged.includes("\u001b"));
});

test("durations are read strictly and written for people", () => {
  const good = { "0": 0, "90s": 90_000, "10m": 600_000, "1h30m": 5_400_000, "2d": 172_800_000 };
  for (const [text, ms] of Object.entries(good)) assert.equal(parseDuration(text), ms);
  const bad = ["", "10", "m", "-5m", "10 m", "1.5h", "30m1h", "1h1h", "10min", "9999999d", "1e3s", "１m"];
  for (const text of bad) assert.equal(parseDuration(text), null, text);
  assert.equal(formatDuration(5_400_000), "1h30m");
  assert.equal(formatDuration(90_061_000), "1d1h");
  assert.equal(formatDuration(400), "0s");
  fc.assert(fc.property(fc.nat(86_399), (s) => parseDuration(formatDuration(s * 1000)) !== null));
});

test("a near miss names what was meant", () => {
  assert.equal(nearest("gracee", ["grace", "settle"]), "grace");
  assert.equal(nearest("zzzzzz", ["grace", "settle"]), undefined);
});

test("memory is shown in the unit that fits", () => {
  assert.deepEqual([512, 2048, 3 * 1024 * 1024].map(formatMemory), ["512 KiB", "2 MiB", "3.0 GiB"]);
});
