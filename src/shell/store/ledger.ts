/** Appends to the ledger; logrotate rotates it. */

import {
  closeSync,
  constants,
  fchmodSync,
  fdatasyncSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { type LedgerRecord, recordLine } from "../../core/ledger/record.ts";
import type { Fault } from "../../core/observation/fault.ts";
import { attempt } from "./safe-files.ts";
import { isTrustedOwner } from "./service-account.ts";

const MODE = 0o640;

/** Appends records, each with one write. */
export function appendLedger(file: string, records: readonly LedgerRecord[]): Fault[] {
  return attempt(`write the ledger ${file}`, () => {
    const fd = openLedger(file);
    try {
      // A line that a crash or a full disk cut off is ended first, so that only that line is lost.
      let cut = isCut(fd);
      for (const one of records) {
        const line = Buffer.from(`${cut ? "\n" : ""}${recordLine(one)}`);
        const written = writeSync(fd, line);
        if (written < line.length)
          throw new Error(`only ${written} of ${line.length} bytes; is the disk full?`);
        cut = false;
      }
      fdatasyncSync(fd);
    } finally {
      closeSync(fd);
    }
  });
}

/** Guard: refuses a link, a device, a hard link, and a file that others can write. */
function openLedger(file: string): number {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
  const fd = openSync(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, MODE);
  const status = fstatSync(fd);
  const { uid, mode, nlink, size } = status;
  const isTrusted = isTrustedOwner(uid) || isInRootsFolder(file);
  if (!status.isFile() || nlink !== 1 || !isTrusted || (mode & 0o022) !== 0) {
    closeSync(fd);
    throw new Error("it is not a plain file that only root or the sweep's account can write; move it away");
  }
  // open applies the umask. One that root made for the unit's account has its mode.
  if (size === 0 && uid === process.geteuid?.()) fchmodSync(fd, MODE);
  return fd;
}

/** Whether only root can have put a file there: it belongs to whom root gave it to, such as the account of an earlier unit. */
function isInRootsFolder(file: string): boolean {
  const { uid, mode } = lstatSync(dirname(file));
  return uid === 0 && (mode & 0o022) === 0;
}

/** Whether the last line has no end. */
function isCut(fd: number): boolean {
  const { size } = fstatSync(fd);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last.toString() !== "\n";
}
