/** Moments for people: local time, to the minute. */

/** "2026-11-24 10:41". `epochMs`: milliseconds since the epoch. */
export function localMinute(epochMs: number): string {
  const time = new Date(epochMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}
