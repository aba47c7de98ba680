/** Measures and removes a tree of files, never through a symbolic link and never onto another file system. */

import { rmdirSync, unlinkSync } from "node:fs";
import { Folder } from "./folder.ts";

/** Guard: each level holds a descriptor. The deepest node_modules of a real server has 30 levels. */
const MAX_DEPTH = 200;

export interface WalkPorts {
  /** Called for each entry: for a line of progress. */
  readonly onEntry: (name: string) => void;
}

interface Walk extends WalkPorts {
  readonly device: number;
  readonly act: "measure" | "remove";
  /** Files with several names count once. */
  readonly seen: Set<number>;
}

/** The disk space of an entry of `above` with all that it holds, in KiB. @throws */
export function measureTree(above: Folder, name: string, ports: WalkPorts): number {
  return Math.ceil(walk(above, name, { ...start(above, "measure"), ...ports }, 0) / 1024);
}

/** Removes an entry of `above` with all that it holds. What cannot be removed ends it. @throws */
export function removeTree(above: Folder, name: string, ports: WalkPorts): void {
  walk(above, name, { ...start(above, "remove"), ...ports }, 0);
}

const start = (above: Folder, act: Walk["act"]): Omit<Walk, "onEntry"> => ({
  device: above.stats.dev,
  act,
  seen: new Set(),
});

function walk(above: Folder, name: string, all: Walk, depth: number): number {
  const found = above.entry(name);
  if (found === null) return 0;
  all.onEntry(name);
  // Guard: a mounted file system inside is not part of the version.
  if (found.dev !== all.device) throw new Error(`${name}: it lies on another file system`);
  let bytes = 0;
  if (found.nlink <= 1 || found.isDirectory() || !all.seen.has(found.ino)) bytes = found.blocks * 512;
  if (found.nlink > 1) all.seen.add(found.ino);
  if (!found.isDirectory()) {
    if (all.act === "remove") unlinkSync(above.at(name));
    return bytes;
  }
  if (depth === MAX_DEPTH) throw new Error(`${name}: it is nested more than ${MAX_DEPTH} folders deep`);
  const inside = Folder.open(above.at(name));
  try {
    if (inside.stats.dev !== all.device) throw new Error(`${name}: it lies on another file system`);
    if (all.act === "remove") inside.makeWritable();
    for (const one of inside.names()) bytes += walk(inside, one, all, depth + 1);
  } finally {
    inside.close();
  }
  if (all.act === "remove") rmdirSync(above.at(name));
  return bytes;
}
