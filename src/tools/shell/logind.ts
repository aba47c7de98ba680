import { runTool } from "../../shell/host/run-tool.ts";
import type { LogindHint } from "../core/views/hints.ts";

/** Asks logind for the state of a session: a hint that only `explain` shows. */

const DEADLINE_MS = 2000;

/** Asks logind. An error means not known (null), never "gone". `scope` is the name of a unit: "session-42.scope". */
export function askLogind(scope: string): LogindHint {
  const session = scope.replace(/^session-/, "").replace(/\.scope$/, "");
  try {
    const args = ["show-session", "--property=State", "--value", "--", session];
    const state = runTool("/usr/bin/loginctl", args, DEADLINE_MS).trim();
    return { session, state: state || null, detail: state || "logind did not name a state" };
  } catch (error) {
    return { session, state: null, detail: (error as Error).message };
  }
}
