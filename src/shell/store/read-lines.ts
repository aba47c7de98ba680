/** Reads a large file or standard input by lines, in constant memory. */

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

const PIECE = 1 << 20;

/** Passes each line, without its end, to `use`; "-" is standard input. @throws also when it is longer than `most` bytes */
export function readLines(file: string, most: number, use: (line: string) => void): void {
  // Guard: a pipe in a file's place is not waited for.
  const fd = file === "-" ? 0 : openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (file !== "-" && !fstatSync(fd).isFile())
      throw new Error("it is not a regular file; - is standard input");
    const decoder = new TextDecoder();
    const bytes = Buffer.alloc(PIECE);
    // A line over many pieces is joined once, at its end.
    let line: string[] = [];
    let size = 0;
    for (let got = read(fd, bytes); got > 0; got = read(fd, bytes)) {
      size += got;
      if (size > most) throw new Error(`it is larger than ${most} bytes`);
      const [first = "", ...rest] = decoder.decode(bytes.subarray(0, got), { stream: true }).split("\n");
      line.push(first);
      for (const next of rest) {
        use(line.join(""));
        line = [next];
      }
    }
    line.push(decoder.decode());
    if (line.some((piece) => piece !== "")) use(line.join(""));
  } finally {
    if (file !== "-") closeSync(fd);
  }
}

/** 0 at the end. Waits for a terminal or pipe without data. */
function read(fd: number, bytes: Buffer): number {
  for (;;) {
    try {
      return readSync(fd, bytes, 0, bytes.length, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EOF") return 0;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}
