// The dashboard and the alerting rules ask for what the metrics offer, and are what Grafana and Prometheus read.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { addUp, metricsText } from "../../src/core/metrics/metrics.ts";
import { QUIET, readExposition } from "../helpers/exposition.ts";
import { temporaryFile } from "../helpers/program.ts";

const metrics = metricsText(QUIET, { totals: addUp({}, QUIET), lastGood: null });
const names = new Set(readExposition(metrics).map(({ name }) => name));

const DASHBOARD = "packaging/grafana-dashboard.json";
/** Grafana puts in what the variable of this name says. */
const DATA_SOURCE = ["$", "{datasource}"].join("");
const RULES = "packaging/alert-rules.yml";
const skip = spawnSync("promtool", ["--version"]).status === 0 ? false : "promtool is not installed";

/** Every name of ours in a text, with the functions' demands on its type. */
function checkNames(text: string, where: string): number {
  const used = [...text.matchAll(/vscode_grim_reaper_\w+/g)].map(([name]) => name);
  for (const name of used) assert.ok(names.has(name), `${where} asks for ${name}, which no sweep writes`);
  for (const [, name] of text.matchAll(/(?:increase|rate)\((\w+)/g))
    assert.match(name ?? "", /_total$/, `${where}: increase of a gauge`);
  return used.length;
}

test("promtool accepts the metrics", { skip }, () => {
  const checked = spawnSync("promtool", ["check", "metrics"], { input: metrics, encoding: "utf8" });
  assert.equal(checked.status, 0, checked.stdout + checked.stderr);
});

interface Board {
  readonly id: unknown;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly targets: readonly {
      readonly expr: string;
      readonly refId: string;
      readonly datasource: unknown;
    }[];
  }[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}
const board = JSON.parse(readFileSync(DASHBOARD, "utf8")) as Board;

test("the dashboard is a model that Grafana takes, and asks for series that exist", () => {
  assert.equal(board.id, null, "an id is the Grafana instance's to give");
  assert.match(board.uid, /^[\w-]{1,40}$/);
  assert.ok(board.schemaVersion >= 30);
  const ids = board.panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const variables = new Set(board.templating.list.map(({ name }) => name));
  for (const { title, type, targets } of board.panels) {
    assert.ok(["stat", "timeseries", "table"].includes(type), title);
    assert.ok(targets.length > 0, `${title} asks for nothing`);
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
    for (const { expr, datasource } of targets) {
      assert.ok(checkNames(expr, title) > 0, `${title}: ${expr}`);
      assert.deepEqual(datasource, { type: "prometheus", uid: DATA_SOURCE });
    }
  }
  // What trees cost has a panel, whatever else is left to the site.
  const asked = board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join("\n");
  const costs = [...names].filter((name) => /_trees?_(?:cpu|memory|processes)/.test(name));
  assert.ok(costs.length === 4, costs.join(" "));
  for (const name of costs) assert.ok(asked.includes(name), `${name} has no panel`);
  const text = JSON.stringify(board);
  checkNames(text, DASHBOARD);
  for (const [, variable] of text.matchAll(/\$\{?([a-z]\w*)\}?/g))
    assert.ok(variables.has(variable ?? ""), variable);
});

test("the dashboard's questions are ones that Prometheus understands", { skip }, () => {
  const rules = board.panels
    .flatMap(({ targets }) => targets)
    .map(({ expr }, i) => ({ record: `check:${i}`, expr: expr.replaceAll("$__range", "1h") }));
  const file = JSON.stringify({ groups: [{ name: "check", rules }] });
  const path = temporaryFile("rules.json", file);
  const checked = spawnSync("promtool", ["check", "rules", path], { encoding: "utf8" });
  assert.equal(checked.status, 0, checked.stdout + checked.stderr);
});

test("the alerting rules ask for series that exist, and each says what to do", () => {
  const text = readFileSync(RULES, "utf8");
  assert.doesNotMatch(text, /\t/);
  const rules = text.split(/^ {6}- /m).slice(1);
  const alerts = rules.map((rule) => /^alert: (\w+)$/m.exec(rule)?.[1]);
  assert.deepEqual(alerts, ["ReaperSilent", "ReaperFailing", "ReaperBreakerTripped", "ReaperHookFaults"]);
  for (const rule of rules) {
    const expr = /^ {8}expr: (.+)$/m.exec(rule)?.[1] ?? "";
    assert.ok(checkNames(expr, RULES) > 0, rule);
    assert.match(rule, /^ {8}labels:\n {10}severity: (?:critical|warning|info)$/m);
    assert.match(rule, /^ {8}annotations:\n {10}summary: .*\{\{ \$labels\.instance \}\}/m);
    assert.match(rule, /^ {10}description: \S/m);
  }
});

/** Hosts by what is wrong with them, a value a minute. */
const CASES = `
rule_files: [RULES]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'vscode_grim_reaper_last_success_timestamp_seconds{instance="silent"}', values: '0x400'}
      - {series: 'vscode_grim_reaper_last_success_timestamp_seconds{instance="fine"}', values: '0+60x400'}
      - {series: 'vscode_grim_reaper_failed_sweeps_total{instance="failing"}', values: '0x100 1x60 2x240'}
      - {series: 'vscode_grim_reaper_failed_sweeps_total{instance="once"}', values: '0x100 1x300'}
      - {series: 'vscode_grim_reaper_breaker_tripped{instance="broken"}', values: '0x100 1x300'}
      - {series: 'vscode_grim_reaper_hook_faults_total{instance="hook"}', values: '7x100 8x300'}
      - {series: 'vscode_grim_reaper_hook_faults_total{instance="old"}', values: '7x400'}
    alert_rule_test:
`;

test("the alerting rules fire when they should, and only then", { skip }, () => {
  // promtool tells what fired when something else was expected.
  const fired = (alertname: string, minutes: number): string[] => {
    const expected = `{eval_time: ${minutes}m, alertname: ${alertname}, exp_alerts: [{exp_labels: {x: y}}]}`;
    const cases = `${CASES.replace("RULES", join(process.cwd(), RULES))}      - ${expected}\n`;
    const path = temporaryFile("cases.yml", cases);
    const ran = spawnSync("promtool", ["test", "rules", path], { encoding: "utf8" });
    const got = ran.stderr.slice(ran.stderr.indexOf("got:"));
    assert.match(ran.stderr, /exp:[\s\S]*got:/, ran.stdout + ran.stderr);
    return [...got.matchAll(/instance="(\w+)"/g)].map(([, instance]) => instance ?? "");
  };
  const rows: readonly (readonly [string, number, readonly string[]])[] = [
    ["ReaperSilent", 170, []],
    ["ReaperSilent", 200, ["silent"]],
    ["ReaperFailing", 200, ["failing"]],
    ["ReaperBreakerTripped", 90, []],
    ["ReaperBreakerTripped", 200, ["broken"]],
    ["ReaperHookFaults", 90, []],
    ["ReaperHookFaults", 200, ["hook"]],
  ];
  for (const [name, minutes, hosts] of rows)
    assert.deepEqual(fired(name, minutes), hosts, `${name} at ${minutes}`);
});
