/** logind's word on a session, for `explain` alone: a hint. */
import { execFileSync } from "node:child_process";
import type { LogindHint } from "../core/hints.ts";

const DEADLINE_MS = 2000;

/** An error is unknown (null), never "gone". `scope` is a unit name of the kernel's: "session-42.scope". */
export function askLogind(scope: string): LogindHint {
  const session = scope.replace(/^session-/, "").replace(/\.scope$/, "");
  try {
    const state = execFileSync(
      "/usr/bin/loginctl",
      ["show-session", "--property=State", "--value", "--", session],
      {
        encoding: "utf8",
        timeout: DEADLINE_MS,
        killSignal: "SIGKILL",
        env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
        stdio: ["ignore", "pipe", "pipe"],
      },
    ).trim();
    return { session, state: state || null, detail: state || "logind named no state" };
  } catch (error) {
    const said = String((error as { stderr?: unknown }).stderr ?? "").trim() || (error as Error).message;
    return { session, state: null, detail: said.split("\n")[0] ?? "" };
  }
}
