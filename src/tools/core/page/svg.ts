/** Charts as plain SVG: no script, no font and no picture from elsewhere; colours come from the page's style. */

import { escapeText } from "../../../core/text/safe-text.ts";

/** Makes text safe inside HTML and SVG. Guard: product, user and host names are chosen by others. */
export function html(text: string): string {
  const named: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return escapeText(text).replace(/[&<>"']/g, (char) => named[char] ?? "");
}

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** The value in words. */
  readonly shown: string;
}

const WIDTH = 720;
const HEIGHT = 180;
const LEFT = 64;
const BOTTOM = 20;
const TOP = 8;

const two = (value: number): string => String(Math.round(value * 100) / 100);

/** A column for each bar, with a scale from 0. `format` writes its numbers, which are round to this base: 10 or 2. */
export function columnChart(
  name: string,
  bars: readonly Bar[],
  format: (value: number) => string,
  base: 2 | 10,
): string {
  const most = niceMaximum(
    bars.reduce((max, { value }) => Math.max(max, value), 0),
    base,
  );
  const high = HEIGHT - TOP - BOTTOM;
  const step = (WIDTH - LEFT) / Math.max(bars.length, 1);
  const lines = [0, most / 2, most].map((value) => {
    const y = two(TOP + high - (value / most) * high);
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${y}" y2="${y}"/><text x="${LEFT - 6}" y="${y}" dy="4" text-anchor="end">${html(format(value))}</text>`;
  });
  const columns = bars.map(({ label, value, shown }, i) => {
    // What is more than nothing is seen.
    const tall = value === 0 ? 0 : Math.max((value / most) * high, 1.5);
    const x = LEFT + i * step + step * 0.12;
    return `<rect class="bar" x="${two(x)}" y="${two(TOP + high - tall)}" width="${two(step * 0.76)}" height="${two(tall)}"><title>${html(`${label}: ${shown}`)}</title></rect>`;
  });
  return svg(name, HEIGHT, [...lines, ...columns, ...columnLabels(bars, step)]);
}

function columnLabels(bars: readonly Bar[], step: number): string[] {
  const every = Math.max(1, Math.ceil(bars.length / 8));
  return bars.flatMap(({ label }, i) =>
    i % every === 0
      ? `<text x="${two(LEFT + i * step + step / 2)}" y="${HEIGHT - 4}" text-anchor="middle">${html(label)}</text>`
      : [],
  );
}

const ROW = 26;
const NAMES = 180;
const VALUES = 150;

/** A row for each bar, its name before it and its value behind it. */
export function rowChart(name: string, bars: readonly Bar[]): string {
  const most = Math.max(
    bars.reduce((max, { value }) => Math.max(max, value), 0),
    1,
  );
  const rows = bars.map(({ label, value, shown }, i) => {
    const wide = value === 0 ? 0 : Math.max((value / most) * (WIDTH - NAMES - VALUES), 1.5);
    const y = i * ROW;
    return [
      `<text x="${NAMES - 8}" y="${y + 17}" text-anchor="end">${html(cut(label))}</text>`,
      `<rect class="bar" x="${NAMES}" y="${y + 4}" width="${two(wide)}" height="${ROW - 8}"><title>${html(`${label}: ${shown}`)}</title></rect>`,
      `<text x="${two(NAMES + wide + 6)}" y="${y + 17}">${html(shown)}</text>`,
    ].join("");
  });
  return svg(name, Math.max(bars.length, 1) * ROW, rows);
}

/** A small line of columns for a cell of a table; `most` is the same for all rows, so that they compare. */
export function sparkline(name: string, values: readonly number[], most: number): string {
  const step = 160 / Math.max(values.length, 1);
  const bars = values.map((value, i) => {
    const tall = value === 0 ? 0 : Math.max((value / Math.max(most, 1)) * 24, 1);
    return `<rect class="bar" x="${two(i * step)}" y="${two(24 - tall)}" width="${two(step * 0.8)}" height="${two(tall)}"/>`;
  });
  return `<svg class="spark" viewBox="0 0 160 24" role="img" aria-label="${html(name)}">${bars.join("")}</svg>`;
}

function svg(name: string, height: number, parts: readonly string[]): string {
  return `<div class="scroll"><svg class="chart" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${html(name)}">${parts.join("")}</svg></div>`;
}

const MAX_LABEL = 24;
const cut = (label: string): string => {
  const points = Array.from(label);
  return points.length <= MAX_LABEL ? label : `${points.slice(0, MAX_LABEL - 1).join("")}…`;
};

/** The next round number: 2, 4, 6, 8, 10, 20 and so on, or 2, 3, 4, 6, 8, 12. */
function niceMaximum(value: number, base: 2 | 10): number {
  const steps = base === 2 ? [2, 3] : [2, 4, 6, 8, 10];
  for (let power = 1; ; power *= base)
    for (const step of steps) if (value <= step * power) return step * power;
}
