// Many sleeping processes, which one puppet starts.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { puppetBinary } from "../test/helpers/puppet.ts";
import { escapeText } from "../test/helpers/puppet-plan.ts";

export interface HostLine {
  readonly count: number;
  readonly uid?: number;
  readonly exe: string;
  readonly argv: readonly string[];
}

/** Many sleeping processes: `count` processes per line, one the parent of the others. */
export async function startHost(
  lines: readonly HostLine[],
): Promise<{ readonly pid: number; readonly total: number; end(): Promise<void> }> {
  const child = spawn(puppetBinary(), ["--host"], { cwd: "/", env: {} });
  const output = createInterface({ input: child.stdout });
  const text = lines.map((line) =>
    [line.count, line.uid ?? "-", escapeText(line.exe), ...line.argv.map(escapeText)].join("\t"),
  );
  child.stdin.on("error", () => {}); // EPIPE: the host refused a line; the missing "ready" says so
  child.stdin.write(`${text.join("\n")}\n.\n`);
  const seen: string[] = [];
  for await (const line of output) {
    seen.push(line);
    if (line.startsWith("ready ") || line.startsWith("failed ")) break;
  }
  const total = Number(/^ready (\d+)$/.exec(seen.at(-1) ?? "")?.[1] ?? Number.NaN);
  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.stdin.end();
    await once(child, "exit");
  };
  if (Number.isNaN(total)) {
    await end();
    throw new Error(`puppet --host: ${seen.join("; ")}`);
  }
  return { pid: child.pid ?? -1, total, end };
}
