// Measures how many mistakes the C++ tests notice: changes the sources of native/core and native/hook one place at a time
// (mutation-native-rules.mjs) and runs the tests that come by that place. `npm run mutation:native [-- ROOM…]`; the report
// is build/mutation-native/report.txt. All changes are in one build below build/, and the environment chooses one for
// each run. For a nightly run or by hand, as root: each test has namespaces of its own, for a wrong signal is a mutant.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { mutate } from "./mutation-native-rules.mjs";

/** Below this score a room fails. */
const BREAK = 85;
const ROOMS = ["sockets", "signals", "proc", "snapshot", "killable", "files", "hook"];
const EQUIVALENT = JSON.parse(readFileSync("scripts/mutation-native.json", "utf8"));
const COMPILER = process.env.MUTATION_CXX ?? "clang++-19";
const WORKERS = Number(process.env.MUTATION_WORKERS ?? 2);
/** A sample: only each so many-th mutant is tried. */
const EVERY = Number(process.env.MUTATION_EVERY ?? 1);

const home = resolve("build/mutation-native");
const build = `${home}/build`;
const rooms = process.argv.length > 2 ? process.argv.slice(2) : ROOMS;

mkdirSync(home, { recursive: true });
const mutants = change();
run("cmake", ["-S", `${home}/src`, "-B", build, "-DREAPER_WERROR=OFF", "-DCMAKE_BUILD_TYPE=Debug"]);
run("cmake", ["--build", build, "--parallel", String(WORKERS)]);

// Each test once as written, which also shows by which places it comes.
const tests = execFileSync("git", ["ls-files", "native/test/*_test.cc"], { encoding: "utf8" })
  .trim()
  .split("\n");
const reached = new Map();
for (const path of tests) {
  const test = { name: basename(path, ".cc"), room: basename(dirname(path)) };
  const file = `${home}/${test.name}.reached`;
  writeFileSync(file, Buffer.alloc(mutants.length + 1));
  // Some tests measure time, which a busy host spoils.
  for (let tries = 3; test.seconds === undefined; tries -= 1) {
    const before = Date.now();
    if (await passes(test, { MUTANTS_REACHED: file }, 600)) test.seconds = (Date.now() - before) / 1000;
    else if (tries === 1) throw new Error(`${test.name} fails without a mutant`);
  }
  readFileSync(file).forEach((byte, id) => {
    if (byte === 1) reached.set(id, [...(reached.get(id) ?? []), test]);
  });
}

const tried = mutants.filter(({ room, id }) => rooms.includes(room) && id % EVERY === 0);
const waiting = tried.values();
await Promise.all(
  Array.from({ length: WORKERS }, async () => {
    for (const mutant of waiting) {
      mutant.caught = await isCaught(mutant);
      if (!mutant.caught && !reasonOf(mutant)) console.log(lineOf(mutant));
    }
  }),
);
process.exitCode = report() ? 0 : 1;

/** Puts the changed sources below build/ and returns the mutants: those of all rooms, so that another room needs no build. */
function change() {
  const texts = new Map();
  for (const room of ROOMS) {
    const folder = room === "hook" ? "native/hook" : `native/core/${room}`;
    // The hook as a program is started by test/hook.
    for (const name of readdirSync(folder).filter((one) => one !== "main.cc"))
      texts.set(`${folder}/${name}`, readFileSync(`${folder}/${name}`, "utf8"));
  }
  const options = { recursive: true, preserveTimestamps: true, filter: (path) => !texts.has(path) };
  for (const path of ["native", "CMakeLists.txt", "binding.gyp"])
    cpSync(path, `${home}/src/${path}`, options);
  const made = mutate(COMPILER, texts);
  for (const [path, text] of texts) {
    const copy = `${home}/src/${path}`;
    if (!existsSync(copy) || readFileSync(copy, "utf8") !== text) writeFileSync(copy, text);
  }
  return made.map((mutant) => ({ ...mutant, room: basename(dirname(mutant.path)) }));
}

/** The tests of the same room first, and the fast ones. What hangs is caught. */
async function isCaught(mutant) {
  const own = (test) => (test.room === mutant.room ? 0 : 1000);
  const order = (reached.get(mutant.id) ?? []).toSorted((a, b) => own(a) + a.seconds - own(b) - b.seconds);
  for (const test of order)
    if (!(await passes(test, { MUTANT: String(mutant.id) }, 20 + 5 * test.seconds))) return true;
  return false;
}

/** Process 1 of the namespace is a shell: the test must be able to get signals, and have children with pids above 2. */
function passes(test, environment, seconds) {
  const namespaces = ["--fork", "--pid", "--mount-proc", "--net", "--kill-child"];
  const program = `${build}/native/test/${test.name}`;
  const script = 'ip link set lo up; "$0"; exit $?';
  const child = spawn(
    "timeout",
    ["-s", "KILL", seconds, "unshare", ...namespaces, "sh", "-c", script, program],
    {
      stdio: "ignore",
      cwd: `${build}/native/test`,
      env: { ...process.env, ...environment },
    },
  );
  return new Promise((settle) => child.on("exit", (status) => settle(status === 0 || status === 77)));
}

/** A mutant that changes nothing is named with its reason, by its file, code and change: its line moves. */
function reasonOf({ path, code, change }) {
  return EQUIVALENT[path]?.[`${code} → ${change}`];
}

function lineOf({ path, line, code, change, id }) {
  return `${path}:${line}: ${code} → ${change}${reached.has(id) ? "" : " (no test comes by)"}`;
}

function report() {
  const lines = [];
  const scores = rooms.map((room) => {
    const all = tried.filter((mutant) => mutant.room === room && !reasonOf(mutant));
    const caught = all.filter((mutant) => mutant.caught).length;
    lines.push(...all.filter((mutant) => !mutant.caught).map(lineOf));
    return { room, caught, all: all.length, percent: all.length === 0 ? 100 : (100 * caught) / all.length };
  });
  for (const { room, caught, all, percent } of scores)
    lines.push(`${room.padEnd(9)} ${caught} of ${all} caught, ${percent.toFixed(1)} %`);
  writeFileSync(`${home}/report.txt`, `${lines.join("\n")}\n`);
  console.log(lines.join("\n"));
  return scores.every(({ percent }) => percent >= BREAK);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
