import { readFileSync } from "node:fs";
import { COMMIT, HOME } from "./proc.ts";

export interface ProcessRow {
  /** "vscode server server", with " if left" or " if beside" where that is asked of it, or "-" for no part of a server. */
  readonly expected: string;
  readonly exe: string;
  readonly argv: readonly string[];
}

/** The flags of a server that a client started through ssh. */
export const START = "--start-server --host=127.0.0.1 --port=0 --enable-remote-auto-shutdown";

/** Reads the table of processes, with homes, commits and flags put in. */
export function readProcessRows(): ProcessRow[] {
  return readFileSync("test/fixtures/processes.tsv", "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const filled = line.replaceAll("~", HOME).replaceAll("{commit}", COMMIT).replaceAll("{start}", START);
      const [expected = "", exe = "", argv = ""] = filled.split("\t");
      return { expected, exe, argv: argv.split(" ") };
    });
}
