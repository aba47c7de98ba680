/** Asks logind for the state of a session: a hint that only `explain` shows. */

import { runTool } from "../../shell/host/run-tool.ts";
import type { Answer } from "../core/text/shown.ts";
import { ask } from "./ask.ts";

const DEADLINE_MS = 2000;

/** No answer means not known, never "gone". `scope` is the name of a unit: "session-42.scope". */
export function askLogind(scope: string): Answer<string> {
  const session = scope.replace(/^session-/, "").replace(/\.scope$/, "");
  const args = ["show-session", "--property=State", "--value", "--", session];
  return ask(() => {
    const state = runTool("/usr/bin/loginctl", args, DEADLINE_MS).trim();
    if (state === "") throw new Error("logind did not name a state");
    return state;
  });
}
