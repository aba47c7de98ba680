/** Moments for people: local time, to the minute. */

/** "2026-11-24 10:41". `epochMs`: milliseconds since the epoch. */
export function localMinute(epochMs: number): string {
  const time = new Date(epochMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** Colours a text; the identity where there is no terminal. */
export type Paint = (style: "red" | "green" | "yellow" | "cyan" | "gray" | "bold", text: string) => string;

export const plain: Paint = (_style, text) => text;

/** "670 MiB": binary units, three significant digits at most. */
export function formatMemory(kib: number): string {
  if (kib < 1024) return `${kib} KiB`;
  const mib = kib / 1024;
  return mib < 1024 ? `${Math.round(mib)} MiB` : `${(mib / 1024).toFixed(1)} GiB`;
}

export function localDate(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}
