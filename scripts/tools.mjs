// Names what a build needs and this machine lacks, with one command that installs it: `node scripts/tools.mjs [--install]`.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Each tool by any of its names, and the package that has it. */
const TOOLS = [
  {
    what: "a C++17 compiler",
    names: [process.env.CXX, "c++", "g++", "clang++"],
    apt: "g++",
    dnf: "gcc-c++",
  },
  { what: "CMake", names: ["cmake"], apt: "cmake", dnf: "cmake" },
  { what: "make or ninja", names: ["make", "ninja"], apt: "make", dnf: "make" },
];

const MANAGERS = [
  { name: "apt-get", command: (names) => `apt-get install -y --no-install-recommends ${names}`, key: "apt" },
  { name: "dnf", command: (names) => `dnf install -y ${names}`, key: "dnf" },
];

function isOnPath(name) {
  if (!name) return false;
  const program = name.split(" ")[0];
  const places = program.includes("/") ? [""] : (process.env.PATH ?? "").split(delimiter);
  return places.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Returns what is wrong with this Node.js, or null. */
function whyNotNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return null;
  return `Node.js ${process.versions.node} is too old; 20.19 or newer is needed`;
}

/** Installs or names what is missing; returns true if the build can begin. */
export function prepareTools(install) {
  const old = whyNotNode();
  if (old !== null) {
    console.error(old);
    return false;
  }
  const missing = TOOLS.filter(({ names }) => !names.some(isOnPath));
  if (missing.length === 0) return true;
  const commandFor = ({ command, key }) => command(missing.map((tool) => tool[key]).join(" "));
  const here = MANAGERS.filter(({ name }) => isOnPath(name));
  const lines = (here.length > 0 ? here : MANAGERS).map((manager) => `  ${commandFor(manager)}`);
  console.error(`To build, this machine needs ${missing.map(({ what }) => what).join(", ")}. Install it:`);
  console.error(lines.join("\n"));
  const [manager] = here;
  if (!install) {
    if (process.getuid() === 0 && manager !== undefined)
      console.error("or let this command do it: REAPER_INSTALL_DEPS=1 npm start");
    return false;
  }
  if (process.getuid() !== 0 || manager === undefined) {
    console.error("It can be installed from here only by root, with apt-get or dnf.");
    return false;
  }
  return runInstall(manager.name, commandFor(manager)) && prepareTools(false);
}

function runInstall(name, command) {
  const steps = name === "apt-get" ? ["apt-get update", command] : [command];
  for (const step of steps) {
    console.error(`+ ${step}`);
    const [program, ...args] = step.split(" ");
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const { status } = spawnSync(program, args, { stdio: ["ignore", "inherit", "inherit"], env });
    if (status !== 0) {
      console.error(`${step}: failed (status ${status})`);
      return false;
    }
  }
  return true;
}

/** Says whether a CMake folder belongs to this checkout and was configured to its end. */
export function isWholeBuild(folder, stamp) {
  const cache = join(folder, "CMakeCache.txt");
  if (!existsSync(cache) || !existsSync(stamp)) return false;
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, "utf8"))?.[1];
  return home === process.cwd();
}

if (process.argv[1]?.endsWith("tools.mjs"))
  process.exit(
    prepareTools(process.argv.includes("--install") || process.env.REAPER_INSTALL_DEPS === "1") ? 0 : 1,
  );
