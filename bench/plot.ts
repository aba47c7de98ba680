import type { HostCost, TreeCost } from "./results.ts";

/** Charts as SVG, both axes logarithmic; their colours suit a light and a dark page. */

const WIDTH = 720;
const HEIGHT = 440;
const FRAME = { left: 76, right: 150, top: 24, bottom: 52 } as const;

interface Series<T> {
  readonly name: string;
  readonly colour: string;
  readonly dash?: string;
  readonly of: (point: T) => number;
}

interface Curve {
  readonly name: string;
  readonly colour: string;
  readonly dash?: string | undefined;
  readonly points: readonly (readonly [x: number, y: number])[];
}

// Middle greys and saturated colours keep a contrast of 3:1 and more on white and on black.
const INK = "#808890";
const SERIES: readonly Series<HostCost>[] = [
  { name: "pgrep -f", colour: "#b4690e", of: (host) => host.pgrep },
  { name: "ps -A", colour: "#d1495b", of: (host) => host.ps },
  { name: "whole sweep", colour: "#3b82c4", of: (host) => host.sweep },
  { name: "snapshot, all in full", colour: "#8e6bbf", of: (host) => host.snapshotFull },
  { name: "snapshot", colour: "#2a9d6f", of: (host) => host.snapshot },
  { name: "its floor", colour: "#2a9d6f", dash: "4 4", of: (host) => host.floor },
];

const decades = (from: number, to: number): number[] => {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++)
    found.push(10 ** power);
  return found;
};

/** Draws what a look at the process table costs against the number of processes. */
export function plot(hosts: readonly HostCost[]): string {
  const curves = SERIES.map(
    ({ of, ...rest }): Curve => ({ ...rest, points: hosts.map((host) => [host.processes, of(host)]) }),
  );
  const title = "Cost of a look at the process table against the number of processes";
  return chart(title, "processes on the host", curves);
}

/** Draws the processor time of a sweep against the number of trees, where more than one number was measured. */
export function plotTrees(trees: readonly TreeCost[]): string {
  const colours = { "below a session": "#2a9d6f", "past grace": "#3b82c4" } as const;
  const states = Object.entries(colours).map(([state, colour]): Curve => {
    const some = trees.filter((cost) => cost.state === state).sort((a, b) => a.trees - b.trees);
    return { name: state, colour, points: some.map((cost) => [cost.trees, cost.cpu.sweep]) };
  });
  const numbers = states.flatMap(({ points }) => points.map(([x]) => x));
  const level = (name: string, colour: string, cost: number): Curve => ({
    name,
    colour,
    dash: "4 4",
    points: [Math.min(...numbers), Math.max(...numbers)].map((x) => [x, cost]),
  });
  const none = trees.find(({ state }) => state === null);
  const levels = none
    ? [level("ps -A", "#d1495b", none.cpu.ps), level("no trees", "#8e6bbf", none.cpu.sweep)]
    : [];
  const title = "Processor time of a sweep of 10,000 processes against the number of trees";
  return chart(title, "trees of 12 among 10,000 processes", [...states, ...levels]);
}

function chart(title: string, axis: string, curves: readonly Curve[]): string {
  const all = curves.flatMap(({ points }) => points);
  const xs = decades(Math.min(...all.map(([x]) => x)), Math.max(...all.map(([x]) => x)));
  const ys = decades(Math.min(...all.map(([, y]) => y)), Math.max(...all.map(([, y]) => y)));
  const scale = (ticks: readonly number[], from: number, to: number) => {
    const first = Math.log10(ticks[0] ?? 1);
    const last = Math.log10(ticks.at(-1) ?? 10);
    return (value: number): number => from + ((Math.log10(value) - first) / (last - first)) * (to - from);
  };
  const x = scale(xs, FRAME.left, WIDTH - FRAME.right);
  const y = scale(ys, HEIGHT - FRAME.bottom, FRAME.top);
  const bottom = HEIGHT - FRAME.bottom;
  const right = WIDTH - FRAME.right;
  const grid = [
    ...xs.map((tick) => line(x(tick), FRAME.top, x(tick), bottom)),
    ...ys.map((tick) => line(FRAME.left, y(tick), right, y(tick))),
  ];
  const labels = [
    ...xs.map((tick) => text(x(tick), bottom + 18, tick.toLocaleString("en"), "middle")),
    ...ys.map((tick) => text(FRAME.left - 8, y(tick) + 4, `${tick} ms`, "end")),
    text((FRAME.left + right) / 2, HEIGHT - 12, axis, "middle"),
  ];
  const ends = spread(curves.map(({ points }) => y(points.at(-1)?.[1] ?? 1)));
  const drawn = curves.flatMap(({ name, colour, dash, points }, i) => {
    const places = points.map(([px, py]) => `${round(x(px))},${round(y(py))}`);
    const stroke = `stroke="${colour}" stroke-width="2"${dash ? ` stroke-dasharray="${dash}"` : ""}`;
    const dots = places.map((place) => {
      const [cx, cy] = place.split(",");
      return `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`;
    });
    const label = text(x(points.at(-1)?.[0] ?? 1) + 10, (ends[i] ?? 0) + 4, name, "start", colour);
    return [`<polyline fill="none" ${stroke} points="${places.join(" ")}"/>`, ...dots, label];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    ...grid,
    ...labels,
    ...drawn,
    "</svg>\n",
  ].join("\n");
}

const round = (value: number): number => Math.round(value * 10) / 10;

function line(x1: number, y1: number, x2: number, y2: number): string {
  const ends = `x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"`;
  return `<line ${ends} stroke="${INK}" stroke-opacity="0.35"/>`;
}

function text(x: number, y: number, content: string, anchor: string, fill = INK): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${fill}">${content}</text>`;
}

/** Heights moved apart where labels would lie on each other. */
function spread(heights: readonly number[]): number[] {
  const order = heights.map((height, i) => ({ height, i })).sort((a, b) => a.height - b.height);
  const placed: number[] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const { height, i } of order) {
    last = Math.max(height, last + 15);
    placed[i] = last;
  }
  return placed;
}
