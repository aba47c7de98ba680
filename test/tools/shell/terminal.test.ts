// What fits a terminal.
import assert from "node:assert/strict";
import { test } from "node:test";
import { wrapLine } from "../../../src/tools/shell/terminal.ts";

const FACT = "  tagged     no       no closed session left it behind, so it is not known since when";

test("a line that fits stays as it is, colours do not count", () => {
  assert.deepEqual(wrapLine(FACT, FACT.length), [FACT]);
  const painted = "\u001b[32mspare\u001b[39m  an ssh session";
  assert.deepEqual(wrapLine(painted, 21), [painted]);
});

test("a longer one is broken at words, and goes on below its last column", () => {
  assert.deepEqual(wrapLine(FACT, 60), [
    "  tagged     no       no closed session left it behind, so",
    "                      it is not known since when",
  ]);
});

test("no word is lost or cut, however narrow the terminal is", () => {
  const words = (lines: readonly string[]): string[] => lines.join(" ").split(/ +/).filter(Boolean);
  for (let width = 1; width < 90; width++) {
    const lines = wrapLine(FACT, width);
    assert.deepEqual(words(lines), words([FACT]));
    if (width >= 40) for (const line of lines) assert.ok(line.length <= width, `${width}: ${line}`);
  }
  const path = `    /${"x".repeat(100)} --port 0`;
  assert.deepEqual(wrapLine(path, 50), [`    /${"x".repeat(100)}`, "    --port 0"]);
});
