// A strict reader of Prometheus' text format (exposition format 0.0.4): what it does not know is an error.
import assert from "node:assert/strict";
import type { Sample as Sweep } from "../../src/core/metrics/metrics.ts";

/** A sweep that found nothing and did nothing. */
export const QUIET: Sweep = {
  version: "1.2.3",
  enforcing: true,
  judgements: [],
  outcomes: [],
  ticksPerSecond: 100,
  faults: 0,
  failed: false,
  breakerTripped: false,
  took: 1234.5,
  endedAt: 1_800_000_000_500,
  hookFaults: 0,
};

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const COMMENT = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/;
const LINE =
  /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\n"])*)"/g;

/** Every sample of a text. Fails on a line without HELP and TYPE before it, a metric in two places, a series twice. */
export function readExposition(text: string): Sample[] {
  assert.ok(text.endsWith("\n"), "the last line is not ended");
  const seen = new Set<string>();
  const once = (what: string): void => {
    assert.ok(!seen.has(what), `${what} twice`);
    seen.add(what);
  };
  let current = "";
  return text
    .slice(0, -1)
    .split("\n")
    .flatMap((line): Sample[] => {
      const [, word, described = "", type] = COMMENT.exec(line) ?? [];
      if (word !== undefined) once(`${word} ${described}`);
      if (word === "TYPE") {
        assert.ok(seen.has(`HELP ${described}`), `${described} has no HELP before its TYPE`);
        assert.equal(type, described.endsWith("_total") ? "counter" : "gauge", described);
        current = described;
      }
      if (word !== undefined) return [];
      const [, name = "", labels = "", value] = LINE.exec(line) ?? [];
      assert.equal(name, current, `a sample stands among ${current}: ${line}`);
      once(line.slice(0, line.lastIndexOf(" ")));
      const found = [...labels.matchAll(LABEL)].map(([, label, text]) => [label ?? "", text ?? ""] as const);
      return [{ name, labels: Object.fromEntries(found), value: Number(value) }];
    });
}

/** The value of the one series of this name and labels. */
export function seriesValue(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const found = samples.filter(
    (sample) =>
      sample.name === `vscode_grim_reaper_${name}` &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  assert.equal(found.length, 1, `${found.length} series ${name} ${JSON.stringify(labels)}`);
  return found[0]?.value ?? Number.NaN;
}
