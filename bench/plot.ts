import type { HostCost } from "./results.ts";

/** Cost against processes as SVG, both axes logarithmic; its colours suit a light and a dark page. */

const WIDTH = 720;
const HEIGHT = 440;
const FRAME = { left: 76, right: 150, top: 24, bottom: 52 } as const;

interface Series {
  readonly name: string;
  readonly colour: string;
  readonly dash?: string;
  readonly of: (host: HostCost) => number;
}

// Middle greys and saturated colours keep a contrast of 3:1 and more on white and on black.
const INK = "#808890";
const SERIES: readonly Series[] = [
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

export function plot(hosts: readonly HostCost[]): string {
  const values = hosts.flatMap((host) => SERIES.map(({ of }) => of(host)));
  const xs = decades(
    Math.min(...hosts.map((host) => host.processes)),
    Math.max(...hosts.map((host) => host.processes)),
  );
  const ys = decades(Math.min(...values), Math.max(...values));
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
    text((FRAME.left + right) / 2, HEIGHT - 12, "processes on the host", "middle"),
  ];
  const ends = spread(SERIES.map(({ of }) => y(of(hosts.at(-1) as HostCost))));
  const curves = SERIES.flatMap(({ name, colour, dash, of }, i) => {
    const points = hosts.map((host) => `${round(x(host.processes))},${round(y(of(host)))}`);
    const stroke = `stroke="${colour}" stroke-width="2"${dash ? ` stroke-dasharray="${dash}"` : ""}`;
    const dots = points.map((point) => {
      const [cx, cy] = point.split(",");
      return `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`;
    });
    const label = text(x(hosts.at(-1)?.processes ?? 1) + 10, (ends[i] ?? 0) + 4, name, "start", colour);
    return [`<polyline fill="none" ${stroke} points="${points.join(" ")}"/>`, ...dots, label];
  });
  const title = "Cost of a look at the process table against the number of processes";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    ...grid,
    ...labels,
    ...curves,
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
