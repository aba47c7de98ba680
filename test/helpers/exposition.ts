// A strict reader of Prometheus' text format (exposition format 0.0.4): what it does not know is an error.
import assert from "node:assert/strict";

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LINE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\n"])*)"/g;

/** Every sample of a text. Fails on a line without HELP and TYPE before it, a metric in two places, a series twice. */
export function readExposition(text: string): Sample[] {
  assert.ok(text.endsWith("\n"), "the last line is not ended");
  const types = new Map<string, string>();
  const helps = new Set<string>();
  const series = new Set<string>();
  let current = "";
  return text
    .slice(0, -1)
    .split("\n")
    .flatMap((line): Sample[] => {
      const [, help] = /^# HELP (\S+) .+$/.exec(line) ?? [];
      if (help !== undefined) {
        assert.match(help, NAME);
        assert.ok(!helps.has(help), `${help} is described twice`);
        helps.add(help);
        return [];
      }
      const [, typed, type] = /^# TYPE (\S+) (counter|gauge)$/.exec(line) ?? [];
      if (typed !== undefined && type !== undefined) {
        assert.ok(helps.has(typed), `${typed} has no HELP before its TYPE`);
        assert.ok(!types.has(typed), `${typed} has two types`);
        assert.equal(type === "counter", typed.endsWith("_total"), `${typed} is a ${type}`);
        types.set(typed, type);
        current = typed;
        return [];
      }
      const [, name, labels = "", value] = LINE.exec(line) ?? [];
      assert.ok(name !== undefined && value !== undefined, `no sample: ${line}`);
      assert.equal(name, current, `${name} stands among ${current}`);
      const key = line.slice(0, line.lastIndexOf(" "));
      assert.ok(!series.has(key), `${key} twice`);
      series.add(key);
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
