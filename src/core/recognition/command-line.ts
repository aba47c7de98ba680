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
