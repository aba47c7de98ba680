/** Writes to systemd's journal when the program runs as a service. */

import { fstatSync } from "node:fs";
import type { Level, LogEvent } from "../../core/report/standard-log.ts";
import { escapeText } from "../../core/text/safe-text.ts";
import { type Log, shownAt, writeAll } from "./log.ts";

/** Syslog priorities that journald takes from the start of a line (sd-daemon(3)). */
const PRIORITY: Readonly<Record<Level, number>> = { error: 3, warn: 4, info: 6, debug: 7, trace: 7 };

/**
 * Returns the descriptor that is connected to the journal, or null. systemd names the stream in JOURNAL_STREAM
 * (systemd.exec(5)); it counts only if standard output or standard error is that very stream.
 */
export function journalDescriptor(): number | null {
  const named = process.env.JOURNAL_STREAM ?? "";
  for (const fd of [1, 2]) {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    if (named === `${dev}:${ino}`) return fd;
  }
  return null;
}

/** Makes a log of the journal, without times, because journald has its own. */
export function journalLog(fd: number, verbosity: number): Log {
  let trouble: string | null = null;
  return {
    async write(events) {
      try {
        writeAll(fd, linesOf(shownAt(verbosity, events)));
      } catch (error) {
        trouble ??= `cannot write to the journal: ${(error as Error).message}`;
      }
    },
    trouble: () => trouble,
    close: () => {},
  };
}

/** Writes one line to the journal; what cannot be written there has no other place. */
export function journalLine(fd: number, text: string): void {
  try {
    writeAll(fd, `<${PRIORITY.info}>${escapeText(text)}\n`);
  } catch {
    // The exit status and the log file still report the sweep.
  }
}

const linesOf = (events: readonly LogEvent[]): string =>
  events.map(({ level, message }) => `<${PRIORITY[level]}>${escapeText(message)}\n`).join("");

/** Makes a log that writes to both; the second gets only what is at the default level. */
export function bothLogs(first: Log, second: Log): Log {
  return {
    async write(events) {
      await first.write(events);
      await second.write(events);
    },
    trouble: () => first.trouble() ?? second.trouble(),
    close() {
      first.close();
      second.close();
    },
  };
}
