/** Writes the log: in the standard format, as pino's JSON lines, or for systemd's journal. A full disk stops no sweep. */

import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import type { Logger } from "pino";
import { type Level, type LogEvent, standardLine } from "../../core/report/standard-log.ts";
import { escapeJsonText, escapeText } from "../../core/text/safe-text.ts";
import { withUsers } from "./with-users.ts";

/** The descriptor of standard error. */
export const STDERR = 2;

/** Where and how to log. */
export interface LogOptions {
  readonly format: "standard" | "json" | "journal";
  /** The file to append to, or a descriptor. */
  readonly to: string | number;
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

const LEVELS: readonly Level[] = ["error", "warn", "info", "debug", "trace"];
/** Syslog priorities that journald takes from the start of a line (sd-daemon(3)); it has times of its own. */
const PRIORITY: Readonly<Record<Level, number>> = { error: 3, warn: 4, info: 6, debug: 7, trace: 7 };

/**
 * Opens a log that writes to all of these. What cannot be opened or written does not stop a sweep: its lines go to standard
 * error and `trouble` says so.
 */
export function openLog(...targets: readonly LogOptions[]): Log {
  const outputs = targets.map((target) => ({ ...target, sink: new Sink(target.to) }));
  return {
    async write(events) {
      for (const { sink, format, verbosity } of outputs)
        for (const event of events)
          if (LEVELS.indexOf(event.level) <= LEVELS.indexOf("info") + verbosity)
            await writeEvent(sink, format, event);
    },
    trouble: () => outputs.map(({ sink }) => sink.trouble).find((trouble) => trouble !== null) ?? null,
    close() {
      for (const { sink } of outputs) sink.close();
    },
  };
}

async function writeEvent(sink: Sink, format: LogOptions["format"], event: LogEvent): Promise<void> {
  const { level, message, data } = event;
  if (format === "standard") sink.put(`${standardLine(new Date(), message)}\n`);
  else if (format === "journal") sink.put(`<${PRIORITY[level]}>${escapeText(message)}\n`);
  // An event without data is one process of a tree, and the event of the tree lists them all.
  else if (level !== "debug" || data) {
    // Here, for no other format needs it.
    const { pino } = await import("pino");
    const write = (line: string): void => sink.put(`${escapeJsonText(line.trimEnd())}\n`);
    sink.logger ??= pino({ base: null, level: "trace" }, { write });
    sink.logger[level](withUsers(data ?? {}), message);
  }
}

/**
 * Returns the descriptor that is connected to the journal, or null. systemd names the stream in JOURNAL_STREAM
 * (systemd.exec(5)); it counts only if standard output or standard error is that very stream.
 */
export function journalDescriptor(): number | null {
  const named = process.env.JOURNAL_STREAM ?? "";
  for (const fd of [1, STDERR]) {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    if (named === `${dev}:${ino}`) return fd;
  }
  return null;
}

class Sink {
  trouble: string | null = null;
  logger?: Logger;
  private fd = STDERR;
  private readonly name: string;

  constructor(to: string | number) {
    this.name = typeof to === "number" ? "journal" : `log file ${to}`;
    try {
      // Guard: follows no symlink, creates no file that others can read, does not wait for a pipe's reader.
      const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
      const flags = O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW | O_NONBLOCK;
      this.fd = typeof to === "number" ? to : openSync(to, flags, 0o640);
    } catch (error) {
      this.fail(`cannot open the ${this.name}: ${(error as Error).message}`);
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
      this.fail(`cannot write to the ${this.name}: ${(error as Error).message}`);
      this.put(line);
    }
  }

  private fail(trouble: string): void {
    this.trouble ??= trouble;
    this.close();
    try {
      writeAll(STDERR, `vscode-grim-reaper: ${trouble}; logging to standard error instead\n`);
    } catch {
      // Only the exit status is left to report it.
    }
  }

  close(): void {
    if (this.fd > STDERR) closeSync(this.fd);
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
