/** One line on a terminal that says what a long piece of work is at. */

import { writeSync } from "node:fs";
import { escapeText, fit } from "../../../core/text/safe-text.ts";

const EVERY_MS = 100;

export interface Progress {
  /** Says what is at work now; nothing where standard error is no terminal. */
  readonly say: (what: string) => void;
  /** Counts an entry of it. */
  readonly tick: () => void;
  /** Erases the line. */
  readonly done: () => void;
}

/** A progress line on standard error. `width`: of the terminal, in columns. */
export function progressLine(width = process.stderr.columns || 80): Progress {
  if (process.stderr.isTTY !== true) return { say: () => {}, tick: () => {}, done: () => {} };
  let what = "";
  let count = 0;
  let shownAt = 0;
  const show = (): void => {
    shownAt = performance.now();
    writeSync(2, `\r${fit(`${what} ${count} files`, Math.max(width - 1, 1))}`);
  };
  return {
    say: (next) => {
      what = escapeText(next);
      count = 0;
      show();
    },
    tick: () => {
      count++;
      if (performance.now() - shownAt >= EVERY_MS) show();
    },
    done: () => {
      if (what !== "") writeSync(2, `\r${" ".repeat(Math.max(width - 1, 1))}\r`);
    },
  };
}
