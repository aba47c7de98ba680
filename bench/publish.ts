// What run.mjs does with the results: the tables and the plot of README.md, and the guard.
import { readFileSync, writeFileSync } from "node:fs";

const README = "bench/README.md";
const BASELINE = "bench/baseline.json";
const BEGIN = "<!-- results: begin -->\n";
const END = "<!-- results: end -->";
/** How much worse than its baseline a ratio may be. */
const TOLERANCE = 1.25;

/** Prints the report; `files` writes it into README.md and draws the plot. */
export function publish(
  results: Results,
  options: { readonly files: boolean; readonly baseline: boolean },
): void {
  const text = report(results);
  console.log(text);
  if (options.baseline) {
    const known = JSON.parse(readFileSync(BASELINE, "utf8")) as Record<string, number>;
    writeFileSync(BASELINE, `${JSON.stringify({ ...known, ...ratiosOf(results) }, null, 2)}\n`);
  }
  if (!options.files) return;
  const readme = readFileSync(README, "utf8");
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined)
    throw new Error(`${README} lacks ${BEGIN.trim()} or ${END}`);
  writeFileSync(README, `${before}${BEGIN}\n${text}\n\n${END}${after}`);
  writeFileSync("bench/cost.svg", plot(results.hosts));
  writeFileSync("bench/cost-of-trees.svg", plotTrees(results.trees));
}

/** Prints every bound and every ratio; returns true if all bounds hold and no ratio is worse than its baseline allows. */
export function check(results: Results): boolean {
  const known = JSON.parse(readFileSync(BASELINE, "utf8")) as Record<string, number>;
  let good = true;
  for (const bound of boundsOf(results)) {
    good &&= isMet(bound);
    const { what, measured, atMost, unit } = bound;
    console.log(
      `${(isMet(bound) ? "ok" : "MISSED").padEnd(12)}${what}: ${measured.toPrecision(3)}${unit}, at most ${atMost}${unit}`,
    );
  }
  for (const [name, ratio] of Object.entries(ratiosOf(results))) {
    const baseline = known[name];
    const worse = baseline !== undefined && ratio > baseline * TOLERANCE;
    good &&= !worse;
    const verdict = baseline === undefined ? "no baseline" : worse ? "WORSE" : "ok";
    console.log(`${verdict.padEnd(12)}${name.padEnd(48)}${ratio}  (baseline ${baseline ?? "none"})`);
  }
  return good;
}

import { boundsOf, isMet } from "./bounds.ts";
import { plot, plotTrees } from "./plot.ts";
import { report } from "./report.ts";
import { type Results, ratiosOf } from "./results.ts";
