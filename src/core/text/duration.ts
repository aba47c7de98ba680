/** Durations as people write them in a configuration: "90s", "10m", "1h30m", "2d". */

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SHAPE = /^(?:\d+[dhms])+$/;

/** Milliseconds, or null when the text is no duration. Units must be given and come in falling order, once each. */
export function parseDuration(text: string): number | null {
  if (text === "0") return 0;
  if (!SHAPE.test(text)) return null;
  let total = 0;
  let last = Number.POSITIVE_INFINITY;
  for (const [, digits, unit] of text.matchAll(/(\d+)([dhms])/g)) {
    const size = UNITS[unit ?? ""] ?? 0;
    if (size >= last) return null;
    last = size;
    total += Number(digits) * size;
  }
  // Ten years: anything longer is a slip of the finger, and stays exact in a double.
  return total <= 315_360_000_000 ? total : null;
}

/** "2d3h", "41m", "5s": the two largest units, for people. */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.floor(ms / 1000)) * 1000;
  const parts: string[] = [];
  for (const [unit, size] of Object.entries(UNITS).reverse()) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count}${unit}`);
    rest -= count * size;
  }
  return parts.slice(0, 2).join("") || "0s";
}

export const DURATION_HELP = 'a duration such as "90s", "10m", "1h30m" or "2d"';
