/** What the views of a tree are tried with: a tag half an hour old, and a judgement without a grace. */

import type { Observation, Tag } from "../../src/core/observation/observation.ts";
import type { Judgement } from "../../src/core/verdict/judge.ts";
import { contextFor, judge } from "./judge.ts";
import { NO_GRACE } from "./policy.ts";
import { ALICE, UPTIME } from "./proc.ts";

const HOUR = 3_600_000;

/** The close of a session of ALICE's, from a host whose name would clear a terminal. */
export const tag: Tag = {
  uid: ALICE,
  auditSession: 7,
  logindSession: "7",
  closedAt: 1_700_000_000_000 - HOUR,
  closedUptime: UPTIME - HOUR / 2,
  remoteHost: "laptop\u001b[2J.example.org",
};

/** Judges the first tree of an observation. */
export const judged = (seen: Observation): Judgement => judge(seen, contextFor(NO_GRACE))[0] as Judgement;
