// Builds real process trees: a plan goes to `puppet --stage` (native/test/puppet/puppet.h says what it does with it), and
// every process in the plan has its final executable, argv, parent, uid and sockets when startTree resolves.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { isAlive, readStat } from "./proc-read.ts";
import { encode, type FlatNode, flatten, type PlanNode } from "./puppet-plan.ts";

export { isAlive, readStat, readUids } from "./proc-read.ts";
export { type Behaviour, PARENT_PID, type PlanNode } from "./puppet-plan.ts";

export interface StartedNode {
  readonly index: number;
  readonly name: string | undefined;
  readonly exe: string;
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startTime: number;
  readonly port: number | undefined;
}

export interface StageOptions {
  /** Ends the tree when the running test ends (default true); false outside of node:test. */
  readonly endAfterTest?: boolean;
}

const BUILT_IN = ["build/core/native/test/puppet", "build/native/test/puppet"];

/** Path of the built puppet. Throws, naming the build command, when there is none. */
export function puppetBinary(): string {
  const candidates = [process.env.REAPER_PUPPET ?? "", ...BUILT_IN].filter((path) => path !== "");
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined) throw new Error("puppet is not built; build it: sh scripts/ctest.sh");
  return resolve(found);
}

/** Starts every process of the plan and resolves when all are ready; rejects, leaving none, when one cannot be. */
export async function startTree(
  plan: PlanNode | readonly PlanNode[],
  options: StageOptions = {},
): Promise<Stage> {
  const nodes = flatten(Array.isArray(plan) ? plan : [plan]);
  const run = mkdtempSync(join(tmpdir(), "puppet-"));
  chmodSync(run, 0o1777);
  const child = spawn(puppetBinary(), ["--stage", run], { cwd: "/", env: {} });
  const stage = new Stage(child, nodes, run);
  if (options.endAfterTest !== false) after(() => stage.end());
  child.stdin.write(`${nodes.map(encode).join("\n")}\n.\n`);
  try {
    await stage.staged;
    stage.readStartTimes();
  } catch (error) {
    await stage.end();
    throw error;
  }
  return stage;
}

/** A running plan. */
export class Stage {
  readonly nodes: StartedNode[] = [];
  /** Pids of copies that processes forked of themselves later (`fork-on-term`). */
  readonly forks: number[] = [];
  readonly staged: Promise<void>;
  readonly pid: number;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #plan: readonly FlatNode[];
  readonly #run: string;
  readonly #errors: string[] = [];
  readonly #ready: { index: number; pid: number; port: number | undefined }[] = [];
  #ending: Promise<void> | undefined;

  constructor(child: ChildProcessWithoutNullStreams, plan: readonly FlatNode[], run: string) {
    this.#child = child;
    this.#plan = plan;
    this.#run = run;
    this.pid = child.pid ?? -1;
    this.staged = this.#listen();
    this.staged.catch(() => {});
  }

  /** The node of that name in the plan. */
  node(name: string): StartedNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`no node is named ${name}`);
    return found;
  }

  get pids(): number[] {
    return this.nodes.map((node) => node.pid);
  }

  /** SIGKILLs exactly what this stage started or what reported later, and resolves when all of it is gone. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  readStartTimes(): void {
    for (const { index, pid, port } of this.#ready.sort((a, b) => a.index - b.index)) {
      const { name, exe } = this.#plan[index]?.node ?? { name: undefined, exe: "" };
      this.nodes.push({ index, name, exe, pid, startTime: readStat(pid).startTime, port });
    }
  }

  async #listen(): Promise<void> {
    const lines = createInterface({ input: this.#child.stdout });
    return new Promise((resolve, reject) => {
      this.#child.on("error", reject);
      this.#child.stdin.on("error", () => {}); // EPIPE: the stage went first; "close" below tells why
      this.#child.on("close", () => reject(new Error(`puppet ended early: ${this.#errors.join("; ")}`)));
      lines.on("line", (line) => {
        const [word, index, pid, detail] = line.split(" ");
        if (word === "staged") resolve();
        else if (word === "failed") reject(new Error(`puppet: ${this.#errors.join("; ")}`));
        else if (word === "ready" && detail === "fork") this.forks.push(Number(pid));
        else if (word === "ready") {
          const port = detail?.startsWith("port=") === true ? Number(detail.slice(5)) : undefined;
          this.#ready.push({ index: Number(index), pid: Number(pid), port });
        } else if (word === "error") this.#errors.push(line.slice(6));
      });
    });
  }

  async #end(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.stdin.end();
      await once(this.#child, "exit");
    }
    rmSync(this.#run, { recursive: true, force: true });
    const started = this.nodes.length > 0;
    if (started && this.#child.exitCode !== 0) throw new Error("puppet could not end everything it started");
  }
}

/** Names (else pids) of the plan's processes that live. */
export function living(stage: Stage): string[] {
  return stage.nodes.filter((node) => isAlive(node)).map(({ name, pid }) => name ?? String(pid));
}
