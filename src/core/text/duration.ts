/** Reads and writes durations as people do: "90s", "10m", "1h30m", "2d". */

const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 } as const;
const SHAPE = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

/** Parses a duration into milliseconds; null if it is not one. Units are required, in falling order, once each. */
export function parseDuration(text: string): number | null {
  if (text === "0") return 0;
  const found = SHAPE.exec(text);
  if (!found) return null;
  const total = Object.values(UNITS).reduce((sum, size, i) => sum + size * Number(found[i + 1] ?? 0), 0);
  // At most ten years: anything longer is a typing error.
  return total <= 315_360_000_000 ? total : null;
}

/** Formats milliseconds with the two largest units: "2d3h", "41m", "5s". */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.floor(ms / 1000)) * 1000;
  const parts: string[] = [];
  for (const [unit, size] of Object.entries(UNITS)) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count}${unit}`);
    rest -= count * size;
  }
  return parts.slice(0, 2).join("") || "0s";
}

/** Completes "must be …" in messages. */
export const DURATION_HELP = 'a duration such as "90s", "10m", "1h30m" or "2d"';
