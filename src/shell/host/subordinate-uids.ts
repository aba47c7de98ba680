/** The owners of subordinate uids: a user's containers run under them, and count against that user's budgets. */

import { readFileSync } from "node:fs";
import { readSmallFile } from "../store/safe-files.ts";
import type { UidRange } from "./native.ts";

const SUBUID = "/etc/subuid";
const PASSWD = "/etc/passwd";
/** Thirty thousand users; a longer file is not read. */
const MAX_BYTES = 1_048_576;
/** The addon looks through them for each process. */
const MAX_RANGES = 4096;
/** The kernel's uids; the last one means "none". */
const MAX_UID = 4_294_967_294;

/**
 * Reads the ranges of /etc/subuid, each with the uid of its owner. No name is looked up in a directory service: a range
 * whose owner /etc/passwd does not name counts for itself, by its first uid. A file that cannot be read gives none.
 */
export function subordinateUids(subuid: string = SUBUID, passwd: string = PASSWD): UidRange[] {
  let text: string;
  try {
    text = readSmallFile(subuid, MAX_BYTES);
  } catch {
    return [];
  }
  return parseSubuid(text, /[^\d:\s][^:\n]*:/.test(text) ? localUids(passwd) : new Map());
}

/** Parses lines "NAME:FIRST:COUNT" or "UID:FIRST:COUNT" (subuid(5)). All ranges of one name have one owner. */
export function parseSubuid(text: string, uids: ReadonlyMap<string, number>): UidRange[] {
  const ranges: UidRange[] = [];
  const unknown = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name = "", first, count] = /^([^:#]+):(\d{1,10}):(\d{1,10})$/.exec(line.trim()) ?? [];
    if (first === undefined || count === undefined) continue;
    const range = { first: Number(first), count: Number(count) };
    if (range.count === 0 || range.first === 0 || range.first + range.count - 1 > MAX_UID) continue;
    const known = /^\d{1,10}$/.test(name) ? Number(name) : uids.get(name);
    const owner = known ?? unknown.get(name) ?? range.first;
    if (known === undefined) unknown.set(name, owner);
    ranges.push({ ...range, owner });
    if (ranges.length === MAX_RANGES) break;
  }
  return ranges;
}

function localUids(passwd: string): Map<string, number> {
  try {
    const lines = readFileSync(passwd, "utf8").split("\n");
    return new Map(lines.map((line) => line.split(":")).map(([name = "", , uid]) => [name, Number(uid)]));
  } catch {
    return new Map();
  }
}
