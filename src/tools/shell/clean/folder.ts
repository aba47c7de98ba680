/** Folders by descriptor: an entry that somebody swaps for a symbolic link leads nowhere. */

import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, type Stats } from "node:fs";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/** An open folder. Guard: paths go through its descriptor, so that a folder renamed or swapped meanwhile changes nothing. */
export class Folder {
  /** Valid as long as the folder is open, for the programs that this one starts as well. */
  readonly path: string;
  readonly stats: Stats;

  private constructor(fd: number) {
    this.path = `/proc/${process.pid}/fd/${fd}`;
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

  at(name: string): string {
    return `${this.path}/${name}`;
  }

  names(): string[] {
    return readdirSync(this.path);
  }

  /** Null: there is no such entry. */
  entry(name: string): Stats | null {
    return lstatSync(this.at(name), { throwIfNoEntry: false }) ?? null;
  }
}
