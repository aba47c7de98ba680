// What trees cost: a dry sweep of 10,000 processes among which are trees of 12 in one state each, or of one process and user.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the trees of one host are. */
export const TREE_STATES = ["below a session", "inside grace", "used by sockets", "past grace"] as const;
/** Trees of one process, all of one user: what one user can do to a sweep. */
export const ONE_USERS = "of one user";
export type TreeState = (typeof TREE_STATES)[number] | typeof ONE_USERS;

/** Processes of the hosts on which trees are counted. */
export const AMONG = 10_000;

/** How many trees of which state each host has: a hundred of each state, for the plot a growing number of two, and one user's. */
export function treeHosts(quick: boolean): (readonly [number, TreeState | null])[] {
  const counts = quick ? [] : [30, 200];
  const plotted = ["below a session", "past grace"] as const;
  return [
    [0, null],
    ...TREE_STATES.map((state) => [100, state] as const),
    ...plotted.flatMap((state) => counts.map((count) => [count, state] as const)),
    ...(quick ? [] : [1000, 4000].map((count) => [count, ONE_USERS] as const)),
  ];
}

const PAST_GRACE = 'settle = "0s"\ngrace = "0s"\n';
const CONFIG = join(WORK, "trees.toml");
const SETTINGS: Readonly<Record<TreeState, string>> = {
  "below a session": NO_YOUNG,
  "inside grace": "",
  "used by sockets": NO_YOUNG,
  "past grace": PAST_GRACE,
  [ONE_USERS]: PAST_GRACE,
};

/** Measures hosts of so many processes with so many trees of one state; null: none. */
export async function measureTrees(
  processes: number,
  trees: number,
  state: TreeState | null,
  runs: number,
): Promise<TreeCost> {
  const staged = state === null ? [] : range(trees).flatMap((user) => treeOf(user, state));
  const stage = state === null ? null : await startTree([listener(), ...staged], { endAfterTest: false });
  const host = await startLoginNode(processes - trees * processesOf(state), false);
  try {
    writeFileSync(CONFIG, state === null ? "" : SETTINGS[state]);
    const sweep = [...SWEEP, "--dry-run", "-c", CONFIG];
    requireState(sweep, trees, state);
    const programs = [PS, [PYTHON, "-c", "0"], [NODE, "-e", "0"], sweep] as const;
    time(1, programs);
    const [ps = [], python = [], node = [], own = []] = time(runs, programs);
    // 1: it would end the oldest of one user's trees, and leaves the others to later sweeps.
    requireStatus(own, state === ONE_USERS ? [1] : [0], "the sweep");
    const of = (what: "wall" | "cpu"): TreeCost["wall"] => {
      const middle = (starts: readonly Start[]): number => median(starts.map((start) => start[what]));
      return { sweep: middle(own), ps: middle(ps), python: middle(python), node: middle(node) };
    };
    const prompt = state === "past grace" && trees === 100 ? measurePrompt(runs) : null;
    const peak = quantile(
      own.map((start) => start.peak),
      1,
    );
    return {
      processes,
      trees: state === null ? 0 : trees,
      state,
      runs,
      wall: of("wall"),
      cpu: of("cpu"),
      peak,
      prompt,
    };
  } finally {
    await host.end();
    await stage?.end();
  }
}

/** What people wait for: `list` of a user with a tree, and `explain` of that tree by root. */
function measurePrompt(runs: number): PromptCost {
  const { uid = 0 } = serverLine(0);
  const asUser = ["setpriv", "--reuid", String(uid), "--regid", String(uid), "--clear-groups"];
  const [user = "", ...words] = [...asUser, NODE, PROGRAM, "list", "--pids"];
  const [pid = ""] = spawnSync(user, words, OUTPUT).stdout.split("\n");
  const programs = [
    [...asUser, NODE, "-e", "0"],
    [...asUser, NODE, PROGRAM, "list"],
    [NODE, "-e", "0"],
    [NODE, PROGRAM, "explain", pid],
  ];
  const starts = time(runs, programs);
  for (const of of starts) requireStatus(of, [0], "a command at a prompt");
  const [userNode = 0, list = 0, node = 0, explain = 0] = starts.map((of) =>
    median(of.map(({ wall }) => wall)),
  );
  return { list: list - userNode, explain: explain - node };
}

const OUTPUT = { encoding: "utf8", maxBuffer: 64 << 20 } as const;

/** Root's ssh server: it makes the sessions' executable the host's own. */
const SSHD = join(WORK, "usr/sbin/sshd");
const listener = (): PlanNode => ({
  uid: 0,
  exe: puppetAt(SSHD),
  argv: ["sshd: /usr/sbin/sshd -D [listener]"],
});

const processesOf = (state: TreeState | null): number =>
  state === null ? 0 : state === ONE_USERS ? 1 : SERVER_PROCESSES;

function treeOf(user: number, state: TreeState): PlanNode[] {
  if (state === ONE_USERS) return [{ ...serverLine(0), behaviours: ["daemon"] }];
  const { uid = 0, exe, argv } = serverLine(user);
  const fork = [exe, exe.replace(/node$/, "out/bootstrap-fork"), "--type=extensionHost"];
  const children = range(SERVER_PROCESSES - 1).map((): PlanNode => ({ uid, exe, argv: fork }));
  const server = (...behaviours: Behaviour[]): PlanNode => ({
    name: `server${user}`,
    uid,
    exe,
    argv,
    behaviours,
    children,
  });
  const session = (behaviours: readonly Behaviour[], below: readonly PlanNode[]): PlanNode => ({
    uid: 0,
    exe: puppetAt(SSHD),
    argv: ["sshd: user [priv]"],
    children: [{ uid, exe: SSHD, argv: ["sshd: user@notty"], behaviours, children: below }],
  });
  if (state === "below a session") return [session([], [server()])];
  if (state === "used by sockets")
    return [server("daemon", "tcp-listen"), session([`tcp-connect=@server${user}`], [])];
  return [server("daemon")];
}

/** Guard against measuring something else than what the row says. */
function requireState(sweep: readonly string[], trees: number, state: TreeState | null): void {
  // Its status says what the measured runs' must be.
  const { stdout: text } = spawnSync(sweep[0] ?? "", [...sweep.slice(1), "--json"], OUTPUT);
  const judged = (JSON.parse(text) as { trees: { verdict: string; pids: unknown[] }[] }).trees;
  const verdict = {
    "below a session": "spare",
    "inside grace": "wait",
    "used by sockets": "spare",
    "past grace": "reap",
    [ONE_USERS]: "reap",
  };
  const expected =
    state === null
      ? []
      : judged.filter((one) => one.verdict === verdict[state] && one.pids.length === processesOf(state));
  if (judged.length !== (state === null ? 0 : trees) || expected.length !== judged.length)
    throw new Error(
      `of ${trees} trees ${expected.length} are ${state}: ${JSON.stringify(judged[0] ?? null)}`,
    );
}

import { spawnSync } from "node:child_process";
import type { Behaviour, PlanNode } from "../test/helpers/puppet.ts";
import { startTree } from "../test/helpers/puppet.ts";
import { puppetAt, SERVER_PROCESSES, serverLine, startLoginNode } from "./host.ts";
import type { PromptCost, TreeCost } from "./results.ts";
import {
  median,
  NO_YOUNG,
  NODE,
  PROGRAM,
  PS,
  PYTHON,
  quantile,
  range,
  requireStatus,
  type Start,
  SWEEP,
  time,
  WORK,
} from "./tools.ts";
