/** A saved observation: written by `snapshot`, checked when it is read back, for it may come from anywhere. */

import * as v from "valibot";
import type { Observation } from "../../../core/observation/observation.ts";
import { whyNewer } from "../../../core/text/parse-json.ts";

let schema: ReturnType<typeof observationSchema> | undefined;

/** Made when it is needed: no sweep reads a saved file, and would start later for it. */
function observationSchema(): v.GenericSchema<unknown, Observation> {
  const whole = v.pipe(v.number(), v.safeInteger());
  const nullable = <T extends v.GenericSchema>(schema: T) => v.nullable(schema);
  const procId = { pid: whole, startTime: whole };
  const fault = v.object({
    what: v.string(),
    pid: v.optional(whole),
    uid: v.optional(whole),
    detail: v.string(),
  });
  const process = v.object({
    ...procId,
    ppid: whole,
    pgid: whole,
    sid: whole,
    tty: whole,
    state: v.string(),
    threads: whole,
    rssKiB: v.number(),
    cpuTicks: v.optional(whole),
    uids: nullable(v.tuple([whole, whole, whole, whole])),
    uid: whole,
    ignoresHangup: nullable(v.boolean()),
    comm: v.string(),
    exe: nullable(v.string()),
    exeUnreadable: v.optional(v.picklist(["too-long", "denied"])),
    argv: v.array(v.string()),
    argvStatus: v.picklist(["read", "empty", "timeout", "denied", "gone", "skipped"]),
    argvTruncated: v.boolean(),
    cgroups: nullable(v.array(v.string())),
    // Absent where nothing asked for it, and in older snapshots, which are judged as they were then: by none.
    jobVariables: v.optional(nullable(v.array(v.string())), []),
    auditSession: nullable(whole),
    loginUid: nullable(whole),
    foreignUserNs: nullable(v.boolean()),
    foreignPidNs: nullable(v.boolean()),
    foreignMntNs: v.optional(nullable(v.boolean())),
  });
  const connection = v.object({
    kind: v.picklist(["tcp", "unix", "pipe", "terminal"]),
    direction: v.picklist(["accepted", "opened", "pair"]),
    near: v.array(whole),
    far: v.array(whole),
    local: v.string(),
    remote: v.string(),
    otherHost: v.optional(v.boolean()),
    farUid: nullable(whole),
    idle: nullable(v.number()),
  });
  const connections = v.object({
    complete: v.boolean(),
    connections: v.array(connection),
    unreadable: v.array(whole),
    unlisted: v.array(
      v.object({ pid: whole, net: nullable(v.string()), kind: v.picklist(["tcp", "unix", "other"]) }),
    ),
    otherNets: v.array(v.object({ id: v.string(), pids: v.array(whole), onlyLoopback: v.boolean() })),
    established: v.object({ tcp: whole, unix: whole }),
    faults: v.array(fault),
  });
  const tag = v.object({
    uid: whole,
    auditSession: nullable(whole),
    logindSession: nullable(v.string()),
    closedAt: whole,
    closedUptime: v.number(),
    remoteHost: nullable(v.string()),
  });
  const cpu = v.object({ at: v.number(), rows: v.array(v.tuple([whole, whole, whole])) });
  const state = v.object({
    ...procId,
    uid: whole,
    usedAt: nullable(v.number()),
    orphanAt: nullable(v.number()),
    cpu: v.optional(cpu),
  });
  return v.object({
    schemaVersion: v.literal(1),
    host: v.string(),
    source: v.picklist(["proc", "ps"]),
    bootId: v.string(),
    takenAt: v.number(),
    uptime: v.number(),
    ticksPerSecond: v.pipe(v.number(), v.minValue(1)),
    observerUid: whole,
    processes: v.array(process),
    overBudget: v.optional(v.array(whole)),
    counts: v.object({
      listed: whole,
      read: whole,
      gone: whole,
      denied: whole,
      malformed: whole,
      timedOut: whole,
    }),
    connections: nullable(connections),
    tags: v.array(tag),
    states: v.array(state),
    lastSweepAt: nullable(v.number()),
    keeps: v.array(v.object({ uid: whole, ...procId, until: nullable(v.number()) })),
    skipped: v.optional(v.array(whole)),
    ownCgroups: v.optional(v.array(v.string())),
    faults: v.array(fault),
  });
}

/** Reads the observation in a saved file, or says what is wrong with it, naming the field. */
export function parseSaved(text: string): { observation: Observation } | { error: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { error: `is not JSON: ${(error as Error).message}` };
  }
  const newer = whyNewer(value);
  if (newer !== null) return { error: newer };
  schema ??= observationSchema();
  const checked = v.safeParse(schema, value);
  if (checked.success) return { observation: checked.output };
  const issue = checked.issues[0];
  return { error: `is not a saved observation: ${v.getDotPath(issue) ?? "the whole"}: ${issue.message}` };
}
