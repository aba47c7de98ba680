/** Formats dates, memory and counts for people. Dates are in local time. */

const twoDigits = (value: number): string => String(value).padStart(2, "0");

/** Formats a day: "2026-11-24". */
export function localDate(time: Date): string {
  return `${time.getFullYear()}-${twoDigits(time.getMonth() + 1)}-${twoDigits(time.getDate())}`;
}

/** Formats a moment to the minute: "2026-11-24 10:41". `epochMs` is in milliseconds since the epoch. */
export function localMinute(epochMs: number): string {
  const time = new Date(epochMs);
  return `${localDate(time)} ${twoDigits(time.getHours())}:${twoDigits(time.getMinutes())}`;
}

/** Formats a moment to the second, as the standard log has it: "2026-11-24T10:41:02". */
export function localSecond(time: Date): string {
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits).join(":");
  return `${localDate(time)}T${clock}`;
}

/** Formats kibibytes with a binary unit and at most four digits: "670 MiB", "1.2 GiB". */
export function formatMemory(kib: number): string {
  if (kib < 1024) return `${kib} KiB`;
  const mib = kib / 1024;
  return mib < 1024 ? `${Math.round(mib)} MiB` : `${(mib / 1024).toFixed(1)} GiB`;
}

/** Counts things: "1 tree", "3 trees", "2 processes". */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
