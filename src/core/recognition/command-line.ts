/** Reading of command lines: scripts, options, the words of a subcommand. */

/** Options of node and python whose value is the next element. */
const VALUE_OPTIONS = new Set([
  "-r",
  "--require",
  "--import",
  "--loader",
  "--experimental-loader",
  "-C",
  "--conditions",
  "-W",
  "-X",
]);

/** These give program text or a module instead of a script: never an IDE's server. */
const NO_SCRIPT = new Set(["-e", "--eval", "-p", "--print", "-c", "-m", "-"]);

const LOADER_VALUE_OPTIONS = new Set([
  "--library-path",
  "--argv0",
  "--preload",
  "--audit",
  "--inhibit-rpath",
]);

/** Finds the index of the script that an interpreter runs; null: none, or program text on the command line. */
export function scriptIndex(argv: readonly string[]): number | null {
  for (let i = 1; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (NO_SCRIPT.has(word)) return null;
    if (VALUE_OPTIONS.has(word)) i++;
    else if (!word.startsWith("-")) return i;
  }
  return null;
}

/** Finds the index of the module that python runs: `python -Xfrozen_modules=off -m ipykernel_launcher`; null: none. */
export function moduleIndex(argv: readonly string[]): number | null {
  for (let i = 1; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "-m") return i + 1 < argv.length ? i + 1 : null;
    if (!word.startsWith("-") || NO_SCRIPT.has(word)) return null;
    if (VALUE_OPTIONS.has(word)) i++;
  }
  return null;
}

/** Finds the index of the program that a loader of the C library starts: `ld-linux.so.2 --library-path L node …`. */
export function loadedIndex(argv: readonly string[]): number | null {
  for (let i = 1; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (LOADER_VALUE_OPTIONS.has(word)) i++;
    else if (!word.startsWith("-")) return /(?:^|\/)ld[.-][^/]*$/.test(word) ? null : i;
  }
  return null;
}

/** The first `count` arguments that are no options; an option of `valueFlags` takes the next element with it. */
export function firstWords(args: readonly string[], count: number, valueFlags: readonly string[]): string[] {
  const words: string[] = [];
  for (let i = 0; i < args.length && words.length < count; i++) {
    const word = args[i] ?? "";
    if (valueFlags.includes(word)) i++;
    else if (!word.startsWith("-")) words.push(word);
  }
  return words;
}

/** Tells whether one of these options stands among the arguments, with or without a value after `=`. */
export function hasFlag(args: readonly string[], flags: readonly string[]): boolean {
  return args.some((arg) => {
    const end = arg.indexOf("=");
    return flags.includes(end < 0 ? arg : arg.slice(0, end));
  });
}

/** Every value of an option, written `--flag value` or `--flag=value`. */
export function valuesOf(args: readonly string[], flag: string): string[] {
  return args.flatMap((arg, i) => {
    if (arg === flag) return [args[i + 1] ?? ""];
    return arg.startsWith(`${flag}=`) ? [arg.slice(flag.length + 1)] : [];
  });
}

/** Options of ssh(1) that take a value, in the same element or as the next one. */
const SSH_VALUES = "BbcDEeFIiJLlmOoPpQRSWw";

/** A keyword of ssh_config(5), as `-o` takes it, that has the server listen for others or makes a network device. */
const SSH_TUNNEL = /^\s*(?:remoteforward[\s=]|tunnel[\s=]+"?(?!no\b))/i;

/** Tells whether an ssh client carries others' connections: `-R`, `-w`, also among other letters (`-fNR8080:db:5432`). */
export function isSshTunnel(argv: readonly string[]): boolean {
  let hosts = 0;
  for (let i = 1; i < argv.length; i++) {
    const word = argv[i] ?? "";
    // Options may follow the host; after the next word comes the command to run.
    if (word === "--" || !word.startsWith("-") || word === "-") {
      if (word === "--" || ++hosts > 1) return false;
      continue;
    }
    const at = [...word].findIndex((letter, k) => k > 0 && SSH_VALUES.includes(letter));
    if (at < 0) continue;
    const letter = word[at] ?? "";
    const value = at + 1 < word.length ? word.slice(at + 1) : (argv[++i] ?? "");
    if (letter === "R" || letter === "w" || (letter === "o" && SSH_TUNNEL.test(value))) return true;
  }
  return false;
}
