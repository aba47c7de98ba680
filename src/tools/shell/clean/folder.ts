/** Folders by descriptor: an entry that somebody swaps for a symbolic link leads nowhere. */

import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  type Stats,
} from "node:fs";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/** An open folder. Guard: paths go through its descriptor, so that a folder renamed or swapped meanwhile changes nothing. */
export class Folder {
  readonly fd: number;
  readonly stats: Stats;

  private constructor(fd: number) {
    this.fd = fd;
    this.stats = fstatSync(fd);
  }

  /** Opens a path without following a symbolic link at its end. @throws */
  static open(path: string): Folder {
    return new Folder(openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  }

  /** Opens a folder in this one: "bin/linux-x64", each step without following a link. The caller closes it. @throws */
  descend(path: string): Folder {
    let at: Folder = Folder.open(`/proc/self/fd/${this.fd}`.concat("/."));
    for (const step of path.split("/").filter(Boolean)) {
      const below = at;
      try {
        at = Folder.open(below.at(step));
      } finally {
        below.close();
      }
    }
    return at;
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

  close(): void {
    closeSync(this.fd);
  }
}
