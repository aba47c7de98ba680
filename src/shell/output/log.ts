/** Writes the log, in the standard format or as pino's JSON lines. A full disk stops no sweep. */

import { closeSync, constants, openSync, writeSync } from "node:fs";
import type { Logger } from "pino";
import { type Level, type LogEvent, standardLine } from "../../core/report/standard-log.ts";
import { escapeJsonText } from "../../core/text/safe-text.ts";
import { withUsers } from "./with-users.ts";

/** Where and how to log. */
export interface LogOptions {
  readonly format: "standard" | "json";
  /** The file to append to; null for standard error. */
  readonly file: string | null;
  /** How often -v was given. */
  readonly verbosity: number;
}

/** A log. `write` never throws. */
export interface Log {
  write(events: readonly LogEvent[]): Promise<void>;
  /** The first thing that went wrong with writing, or null. The lines themselves then went to standard error. */
  readonly trouble: () => string | null;
  close(): void;
}

const LEVELS: readonly Level[] = ["trace", "debug", "info", "warn", "error"];
const STDERR = 2;

/** Leaves out the events that are not shown when -v is given so often. */
export function shownAt(verbosity: number, events: readonly LogEvent[]): LogEvent[] {
  const lowest = Math.max(0, LEVELS.indexOf("info") - verbosity);
  return events.filter(({ level }) => LEVELS.indexOf(level) >= lowest);
}

/**
 * Opens the log. A file that cannot be opened or written does not stop a sweep: its lines go to standard error and
 * `trouble` says so. pino is loaded at the first line of JSON.
 */
export function openLog({ format, file, verbosity }: LogOptions): Log {
  const sink = new Sink(file);
  let logger: Logger | null = null;
  return {
    async write(events) {
      for (const { level, message, data } of shownAt(verbosity, events)) {
        if (format === "standard") sink.put(`${standardLine(new Date(), message)}\n`);
        // An event without data is one process of a tree, and the event of the tree lists them all.
        else if (level !== "debug" || data) {
          if (!logger) {
            const { pino } = await import("pino");
            const write = (line: string): void => sink.put(`${escapeJsonText(line.trimEnd())}\n`);
            logger = pino({ base: null, level: "trace" }, { write });
          }
          logger[level](withUsers(data ?? {}), message);
        }
      }
    },
    trouble: () => sink.trouble,
    close: () => sink.close(),
  };
}

class Sink {
  trouble: string | null = null;
  private fd = STDERR;
  private readonly file: string | null;

  constructor(file: string | null) {
    this.file = file;
    if (file === null) return;
    try {
      // Guard: follows no symlink, creates no file that others can read, does not wait for a pipe's reader.
      const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
      this.fd = openSync(file, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0o640);
    } catch (error) {
      this.fail(`cannot open the log file ${file}: ${(error as Error).message}`);
    }
  }

  put(line: string): void {
    try {
      writeAll(this.fd, line);
    } catch (error) {
      if (this.fd === STDERR) {
        this.trouble ??= `cannot write to standard error: ${(error as Error).message}`;
        return;
      }
      this.fail(`cannot write to the log file ${this.file}: ${(error as Error).message}`);
      this.put(line);
    }
  }

  private fail(trouble: string): void {
    this.trouble ??= trouble;
    this.close();
    this.fd = STDERR;
    try {
      writeAll(STDERR, `vscode-grim-reaper: ${trouble}; logging to standard error instead\n`);
    } catch {
      // Only the exit status is left to report it.
    }
  }

  close(): void {
    if (this.fd !== STDERR) closeSync(this.fd);
    this.fd = STDERR;
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4));
const MAX_PAUSES = 200;

/** Writes all of a text. Waits at most one second for a slow reader of a pipe. */
export function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  let done = 0;
  for (let pauses = 0; done < bytes.length; ) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN" || ++pauses > MAX_PAUSES) throw error;
      Atomics.wait(PAUSE, 0, 0, 5);
    }
  }
}
