/** What the site's notify program gets about a tree that was ended, or that could not be. */

import * as v from "valibot";
import type { Observation } from "../observation/observation.ts";
import type { Outcome } from "../reap/outcome.ts";
import { outcomeDocument, treeDocument } from "../report/json.ts";
import { parseJson } from "../text/parse-json.ts";
import { safeJson } from "../text/safe-text.ts";

/** One run of the program: its path when the sweep ran, and the line for its standard input. */
export interface Notification {
  readonly program: string;
  readonly line: string;
}

/** The trees of a sweep that were ended or survived, each as one line of JSON that ends with a newline. */
export function notificationLines(
  outcomes: readonly Outcome[],
  observation: Observation,
  at: { readonly now: number; readonly userOf: (uid: number) => string },
): string[] {
  return outcomes
    .filter(({ spared, killed, survivors }) => spared === null && killed.length + survivors.length > 0)
    .map((outcome) => {
      const { judgement, survivors } = outcome;
      return `${safeJson({
        schemaVersion: 1,
        event: survivors.length > 0 ? "failed" : "ended",
        time: new Date(at.now).toISOString(),
        host: observation.host,
        user: at.userOf(judgement.tree.uid),
        ...treeDocument(judgement, observation, outcomeDocument(outcome, false)),
      })}\n`;
    });
}

const head = v.object({ schemaVersion: v.literal(1), program: v.pipe(v.string(), v.startsWith("/")) });

/** A notification as it waits: a line that names the program, then the line for it. */
export function formatNotification({ program, line }: Notification): string {
  return `${JSON.stringify({ schemaVersion: 1, program })}\n${line}`;
}

/** Null: not a notification of this program. */
export function parseNotification(text: string): Notification | null {
  const end = text.indexOf("\n");
  const parsed = parseJson(head, text.slice(0, Math.max(end, 0)));
  return "error" in parsed ? null : { program: parsed.value.program, line: text.slice(end + 1) };
}
