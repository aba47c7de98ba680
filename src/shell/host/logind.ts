import type { LogindHint } from "../../core/report/hints.ts";
import { runTool } from "./run-tool.ts";

/** logind's word on a session, for `explain` alone: a hint. */

const DEADLINE_MS = 2000;

/** An error is unknown (null), never "gone". `scope` is a unit name of the kernel's: "session-42.scope". */
export function askLogind(scope: string): LogindHint {
  const session = scope.replace(/^session-/, "").replace(/\.scope$/, "");
  try {
    const args = ["show-session", "--property=State", "--value", "--", session];
    const state = runTool("/usr/bin/loginctl", args, DEADLINE_MS).trim();
    return { session, state: state || null, detail: state || "logind named no state" };
  } catch (error) {
    return { session, state: null, detail: (error as Error).message };
  }
}
