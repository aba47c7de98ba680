/** Reading of command lines: scripts, options, the words of a subcommand. */

/** Options of node and python whose value is the next element. */
const VALUE_OPTIONS = "-r --require --import --loader --experimental-loader -C --conditions -W -X".split(" ");

/** These give program text or a module instead of a script. */
const NO_SCRIPT = "-e --eval -p --print -c -m -".split(" ");

const LOADER_VALUE_OPTIONS = "--library-path --argv0 --preload --audit --inhibit-rpath".split(" ");

/** Finds the first element that is not an option, or is one of `stops`; an option of `valued` takes the next one with it. */
function wordIndex(
  argv: readonly string[],
  valued: readonly string[],
  stops: readonly string[] = [],
): number {
  let at = 1;
  for (let word = argv[at]; word !== undefined; word = argv[at]) {
    if (stops.includes(word) || !word.startsWith("-")) return at;
    at += valued.includes(word) ? 2 : 1;
  }
  return argv.length;
}

/**
 * Finds the index of the script that an interpreter runs, or of python's module (`python -Xfrozen_modules=off -m
 * ipykernel_launcher`); null: none, or program text on the command line.
 */
export function scriptIndex(argv: readonly string[]): number | null {
  const stop = wordIndex(argv, VALUE_OPTIONS, NO_SCRIPT);
  const at = argv[stop] === "-m" ? stop + 1 : stop;
  return at >= argv.length || NO_SCRIPT.includes(argv[at] ?? "") ? null : at;
}

/** Finds the index of the program that a loader of the C library starts: `ld-linux.so.2 --library-path L node …`. */
export function loadedIndex(argv: readonly string[]): number | null {
  const at = wordIndex(argv, LOADER_VALUE_OPTIONS);
  return at >= argv.length || /(?:^|\/)ld[.-][^/]*$/.test(argv[at] ?? "") ? null : at;
}

/** The first `count` arguments that are not options; an option of `valueFlags` takes the next element with it. */
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
const SSH_TUNNEL = /^\s*(?:remoteforward[\s=]|tunnel[\s=]"?(?!no\b))/i;

/** Tells whether an ssh client carries others' connections: `-R`, `-w`, also among other letters (`-fNR8080:db:5432`). */
export function isSshTunnel(argv: readonly string[]): boolean {
  let hosts = 0;
  for (let i = 1; i < argv.length; i++) {
    const word = argv[i] ?? "";
    // Options may follow the host, unless "--" came before it; after the next word comes the command to run.
    if (word === "--" || !word.startsWith("-")) {
      if (++hosts > 1) return false;
      continue;
    }
    const at = [...word].findIndex((letter) => SSH_VALUES.includes(letter));
    if (at < 0) continue;
    const letter = word[at] ?? "";
    const value = at + 1 < word.length ? word.slice(at + 1) : (argv[++i] ?? "");
    if (letter === "R" || letter === "w" || (letter === "o" && SSH_TUNNEL.test(value))) return true;
  }
  return false;
}
