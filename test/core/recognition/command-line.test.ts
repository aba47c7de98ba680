import assert from "node:assert/strict";
import test from "node:test";
import {
  firstWords,
  hasFlag,
  isSshTunnel,
  loadedIndex,
  scriptIndex,
  valuesOf,
} from "../../../src/core/recognition/command-line.ts";

const split = (line: string): string[] => line.split(" ");

const scripts: readonly (readonly [line: string, script: string | null])[] = [
  ["node server.js --port 1", "server.js"],
  ["node --inspect server.js", "server.js"],
  ["node --require hook.js server.js", "server.js"],
  ["python3 -W ignore work.py", "work.py"],
  ["node", null],
  ["node --inspect", null],
  ["node --require hook.js", null],
  ["node -e server.js", null],
  ["python3 -m module work.py", "module"],
  ["python -Xfrozen_modules=off -m ipykernel_launcher", "ipykernel_launcher"],
  ["python -m", null],
  ["python train.py -m pip", "train.py"],
  ["python -c pass -m pip", null],
  ["python - -m pip", null],
  ["sh -c server.sh", null],
];
/** The element at the index that is found. */
const found = (indexIn: typeof scriptIndex, line: string): string | null | undefined => {
  const at = indexIn(split(line));
  return at === null ? null : split(line)[at];
};
for (const [line, script] of scripts)
  test(`the script of "${line}": ${script ?? "none"}`, () => assert.equal(found(scriptIndex, line), script));

const loaded: readonly (readonly [line: string, program: string | null])[] = [
  ["ld.so /h/node x.js", "/h/node"],
  ["ld.so --inhibit-cache /h/node x.js", "/h/node"],
  ["ld.so --library-path /lib /h/node", "/h/node"],
  ["ld.so --argv0 n --preload l.so /h/node", "/h/node"],
  ["ld.so /opt/ld-2.31/bin/node", "/opt/ld-2.31/bin/node"],
  ["ld.so /opt/old.so/node", "/opt/old.so/node"],
  ["ld.so", null],
  ["ld.so --version", null],
  // A loader that starts a loader.
  ["ld.so /lib64/ld-linux-x86-64.so.2 /h/node", null],
  ["ld.so ld.so /h/node", null],
];
for (const [line, program] of loaded)
  test(`the program that "${line}" loads: ${program ?? "none"}`, () =>
    assert.equal(found(loadedIndex, line), program));

test("the first words are those that are neither options nor their values", () => {
  const args = split("--verbose --log x agent --cli-data-dir host host --port 0 relay");
  assert.deepEqual(firstWords(args, 2, ["--log", "--cli-data-dir"]), ["agent", "host"]);
  assert.deepEqual(firstWords(args, 1, ["--log", "--cli-data-dir"]), ["agent"]);
  assert.deepEqual(firstWords(["--verbose"], 2, []), []);
});

test("an option is there with or without a value, and never as a part of another", () => {
  assert.ok(hasFlag(["--port"], ["--port"]));
  assert.ok(hasFlag(["x", "--port=0"], ["--host", "--port"]));
  assert.ok(!hasFlag(["--ports", "x--port", "=--port"], ["--port"]));
  assert.ok(!hasFlag([], ["--port"]));
});

test("every value of an option counts, in both ways of writing", () => {
  assert.deepEqual(valuesOf(split("--port 1 x --port=2 --ports=3 --port="), "--port"), ["1", "2", ""]);
  assert.deepEqual(valuesOf(["--port"], "--port"), [""]);
  assert.deepEqual(valuesOf(["port", "1"], "--port"), []);
});

const sshLines: readonly (readonly [line: string, isTunnel: boolean])[] = [
  ["ssh -R 8080:localhost:80 host", true],
  ["ssh -R8080:localhost:80 host", true],
  ["ssh -fNR 8080 host", true],
  ["ssh -NR8080:db:5432 -p 2222 host", true],
  ["ssh -w 0:0 host", true],
  ["ssh -w0:0 host", true],
  ["ssh -fw any host", true],
  ["ssh host -R 8080:localhost:80", true],
  ["ssh -l alice host -N -R 8080:localhost:80", true],
  ["ssh -o RemoteForward=8080:db:80 host", true],
  ["ssh -oremoteforward=8080 host", true],
  ["ssh -oRemoteForward\t8080 host", true],
  ["ssh -o Tunnel=yes host", true],
  ["ssh -o Tunnel=no host", false],
  ["ssh -o TunnelDevice=0:0 host", false],
  ["ssh -o StrictHostKeyChecking=no host", false],
  ["ssh host", false],
  ["ssh -L 8080:localhost:80 host", false],
  ["ssh -D 1080 -N host", false],
  ["ssh -W db:5432 jump", false],
  // The value of another option, and what the other host is to run.
  ["ssh -i -R host", false],
  ["ssh -lR host", false],
  ["ssh -vJR host", false],
  ["ssh host ls -R", false],
  ["ssh host command -w 0:0", false],
  ["ssh -- host -R", false],
  ["ssh -", false],
  ["ssh", false],
];
for (const [line, isTunnel] of sshLines)
  test(`${line}: ${isTunnel ? "a tunnel" : "not a tunnel"}`, () =>
    assert.equal(isSshTunnel(line.split(" ")), isTunnel));
