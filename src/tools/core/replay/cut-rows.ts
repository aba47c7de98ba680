/** Recognises the rows of a listing that ended at the width of a terminal, by what they may have been. */

import type { Observation } from "../../../core/observation/observation.ts";
import { exeName, type Proc } from "../../../core/observation/process.ts";
import type { Catalogue, Role, RoleRule } from "../../../core/recognition/catalogue.ts";
import { scriptIndex } from "../../../core/recognition/command-line.ts";
import { findInstall } from "../../../core/recognition/install-path.ts";
import { componentsOf, endsWithPath } from "../../../core/recognition/path-pattern.ts";
import { type Recognition, recognise } from "../../../core/recognition/recognise.ts";
import { makeTable } from "../../../core/tree/process-table.ts";
import { recogniseAll } from "../../../core/tree/tree.ts";

function firstOf(row: Proc, endings: readonly string[][], catalogue: Catalogue): Recognition | null {
  for (const argv of endings) {
    const found = recognise({ ...row, argv }, catalogue);
    if (found) return found;
  }
  return null;
}

/** The command line with its script made whole, and with the kind of worker that may have been cut off. */
function scriptEndings(argv: readonly string[], { shapes }: Catalogue): string[][] {
  const worker = "--type=cut";
  const at = scriptIndex(argv);
  const script = at === null ? undefined : argv[at];
  if (at === null || script === undefined) return [];
  if (at < argv.length - 1) return [[...argv, worker]];
  const names = [...shapes.serverScripts, ...shapes.workerScripts, ...shapes.webScripts];
  // "out/s" and "out/b" can be distinguished, "out/" cannot.
  const ends = names.flatMap((name) => {
    const lengths = Array.from({ length: name.length - "out/".length }, (_, i) => name.length - i);
    const length = lengths.find((each) => endsWithPath(script, name.slice(0, each)));
    return length === undefined ? [] : [name.slice(length)];
  });
  return ends.map((end) => [...argv.slice(0, at), script + end, worker]);
}

/** The command line with what a rule asks for after it, its last word perhaps made whole. */
function wordEndings(
  argv: readonly string[],
  { words = [], elements = [], options = {} }: RoleRule,
): string[][] {
  const values = Object.entries(options).flatMap(([flag, [value = ""]]) => [
    flag,
    value.replaceAll("*", "x"),
  ]);
  const rest = [...elements, ...values];
  const last = argv.at(-1) ?? "";
  const whole = words.flatMap((word, i) =>
    argv.length > 1 && word.startsWith(last) ? [[...argv.slice(0, -1), ...words.slice(i), ...rest]] : [],
  );
  return [...whole, [...argv, ...words, ...rest]];
}

/** What the program alone says, where nothing shows what it was to do. */
function byProgram(row: Proc, catalogue: Catalogue): Recognition | null {
  const { exe, argv } = row;
  const at = scriptIndex(argv);
  const isNode = catalogue.interpreters.node.includes(exeName(exe).replace(/[-.]?\d+(?:\.\d+)*$/, ""));
  // As of a command line that could not be read.
  if (isNode && (at === null || at === argv.length - 1)) return recognise({ ...row, argv: [] }, catalogue);
  const install = argv.length === 1 ? findInstall(exe ?? "", catalogue) : null;
  if (install?.by !== "folder") return null;
  return { product: install.product.id, kind: install.product.kind, role: "unknown" };
}

/** Recognises a row by the command lines that begin like it; a row that may have been several is `unknown`. */
function recogniseCut(row: Proc, catalogue: Catalogue): Recognition | null {
  const byScript = firstOf(row, scriptEndings(row.argv, catalogue), catalogue);
  if (byScript) return byScript;
  const { cli, programs } = catalogue;
  const rules = [...cli.roles, ...programs.flatMap(({ roles }) => roles)];
  const byWords = firstOf(
    row,
    rules.flatMap((rule) => wordEndings(row.argv, rule)),
    catalogue,
  );
  if (byWords) {
    const kind = catalogue.byId.get(byWords.product)?.kind ?? "server";
    return { ...byWords, kind, role: "unknown" };
  }
  return byProgram(row, catalogue);
}

/** A shell whose script lies in an installation, as far as the row shows it. */
function isCutLauncher({ exe, argv, argvTruncated }: Proc, catalogue: Catalogue): boolean {
  const name = componentsOf(exe ?? "").at(-1) ?? "";
  if (!argvTruncated || !catalogue.interpreters.shell.includes(name)) return false;
  const at = scriptIndex(argv);
  const install = at === argv.length - 1 ? findInstall(argv[at] ?? "", catalogue) : null;
  return install !== null && install.by !== "fork-folder";
}

/** What shows that a shell above it, whose row was cut, is its launcher. */
const SERVES: readonly Role[] = ["server", "worker", "unknown"];

/** Recognises every process of a listing that belongs to a server, by pid. */
export function recogniseRows(
  { processes }: Pick<Observation, "processes">,
  catalogue: Catalogue,
): ReadonlyMap<number, Recognition> {
  const table = makeTable(processes);
  const recogniseRow = (row: Proc): Recognition | null =>
    recognise(row, catalogue) ?? (row.argvTruncated ? recogniseCut(row, catalogue) : null);
  const recognised = new Map(recogniseAll(table, catalogue, recogniseRow));
  for (const [pid, below] of [...recognised]) {
    const parent = table.byPid.get(table.byPid.get(pid)?.ppid ?? -1);
    if (!parent || !SERVES.includes(below.role) || parent.uid !== table.byPid.get(pid)?.uid) continue;
    const isKnown = (recognised.get(parent.pid)?.role ?? "unknown") !== "unknown";
    if (!isKnown && isCutLauncher(parent, catalogue))
      recognised.set(parent.pid, { ...below, role: "launcher" });
  }
  return recognised;
}
