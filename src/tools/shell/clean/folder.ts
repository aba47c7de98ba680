/** Folders by descriptor: an entry that somebody swaps for a symbolic link leads nowhere. */

import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from "node:fs";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/** Guard: each level holds a descriptor. The deepest node_modules of a real server has 30 levels. */
const MAX_DEPTH = 200;

/** An open folder. Guard: paths go through its descriptor, so that a folder renamed or swapped meanwhile changes nothing. */
export class Folder {
  readonly fd: number;
  readonly stats: Stats;

  private constructor(fd: number) {
    this.fd = fd;
    this.stats = fstatSync(fd);
  }

  /** Acts in the folder at a path, without following a symbolic link at its end. @throws */
  static in<T>(path: string, act: (folder: Folder) => T): T {
    const fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      return act(new Folder(fd));
    } finally {
      closeSync(fd);
    }
  }

  /** Acts in the folder that holds an entry: for "bin/a" in "bin". No step follows a link. @throws */
  holding<T>(path: string, act: (above: Folder, name: string) => T): T {
    const at = path.indexOf("/");
    if (at < 0) return act(this, path);
    return Folder.in(this.at(path.slice(0, at)), (below) => below.holding(path.slice(at + 1), act));
  }

  /** The path of an entry, valid as long as this folder is open. */
  at(name: string): string {
    return `/proc/self/fd/${this.fd}/${name}`;
  }

  names(): string[] {
    return readdirSync(`/proc/self/fd/${this.fd}`);
  }

  /** Null: there is no such entry. */
  entry(name: string): Stats | null {
    return lstatSync(this.at(name), { throwIfNoEntry: false }) ?? null;
  }

  /** Lets the owner change the entries: packages come with read-only folders. @throws */
  makeWritable(): void {
    if ((this.stats.mode & 0o700) !== 0o700) fchmodSync(this.fd, (this.stats.mode & 0o777) | 0o700);
  }
}

export interface WalkPorts {
  /** Called for each entry: for a line of progress. */
  readonly onEntry: (name: string) => void;
}

/**
 * Walks an entry of `above` with all that it holds, never through a symbolic link and never onto another file system, and
 * removes it if asked to. Returns its disk space in KiB. What cannot be read or removed ends it. @throws
 */
export function walk(above: Folder, name: string, act: "measure" | "remove", { onEntry }: WalkPorts): number {
  const { dev } = above.stats;
  /** Files with several names count once. */
  const seen = new Set<number>();
  const visit = (folder: Folder, entry: string, depth: number): number => {
    const found = folder.entry(entry);
    if (found === null) return 0;
    onEntry(entry);
    // Guard: a mounted file system inside is not part of the version.
    if (found.dev !== dev) throw new Error(`${entry}: it lies on another file system`);
    if (depth > MAX_DEPTH) throw new Error(`${entry}: it is nested more than ${MAX_DEPTH} folders deep`);
    let bytes = found.isDirectory() || !seen.has(found.ino) ? found.blocks * 512 : 0;
    if (found.nlink > 1) seen.add(found.ino);
    if (!found.isDirectory()) {
      if (act === "remove") unlinkSync(folder.at(entry));
      return bytes;
    }
    Folder.in(folder.at(entry), (inside) => {
      if (inside.stats.dev !== dev) throw new Error(`${entry}: it lies on another file system`);
      if (act === "remove") inside.makeWritable();
      for (const one of inside.names()) bytes += visit(inside, one, depth + 1);
    });
    if (act === "remove") rmdirSync(folder.at(entry));
    return bytes;
  };
  return Math.ceil(visit(above, name, 0) / 1024);
}
