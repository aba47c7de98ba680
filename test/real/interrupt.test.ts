// A sweep that is asked to end, or killed, between its looks and its signals: it ends no further tree, records what it
// did, and the next sweep finishes a tree that it ended in part.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { test } from "node:test";
import { ageStates, outgrow } from "../helpers/faults.ts";
import { legacy } from "../helpers/ide-trees.ts";
import { PROGRAM, succeeds, temporaryFile } from "../helpers/program.ts";
import { isAlive, living, type Stage, startTree } from "../helpers/puppet.ts";
import { eventually, makeHome } from "../helpers/real.ts";
import { LOGS, STATE, uid, usersSuite } from "../helpers/users-side.ts";

const STATES = "/run/vscode-grim-reaper/states.json";

/** A configuration with a short grace. */
const configured = (settle = "0s", termWait = "1s"): string =>
  temporaryFile("config.toml", `grace = "1s"\nsettle = "${settle}"\ntermWait = "${termWait}"\n`);

/** Runs a sweep until `when` holds and sends it a signal. */
async function interrupted(file: string, signal: NodeJS.Signals, when: () => boolean) {
  const sweep = spawn(process.execPath, [PROGRAM, "-c", file]);
  let output = "";
  sweep.stderr.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  await eventually(when, "the moment to interrupt the sweep");
  sweep.kill(signal);
  const [, ended] = await once(sweep, "close");
  return { signal: ended as string | null, output };
}

/** A tree that a sweep has marked and the next one ends: launcher and server die by SIGTERM, what is below them stays. */
async function marked(): Promise<Stage> {
  rmSync(STATES, { force: true });
  const stage = await startTree(legacy(makeHome(uid), { uid }));
  await outgrow(stage.node("server"));
  succeeds(["-c", configured()]);
  ageStates();
  assert.equal(living(stage).length, stage.nodes.length);
  return stage;
}

const states = (): { pid: number; orphanAt: number | null }[] =>
  JSON.parse(readFileSync(STATES, "utf8")).states;

function interrupting(): void {
  test("asked to end while it settles, a sweep ends nothing and keeps what it noted", async () => {
    const stage = await marked();
    const root = stage.nodes[0]?.pid;
    const before = states().find(({ pid }) => pid === root)?.orphanAt;
    const settling = configured("1h");
    const { signal, output } = await interrupted(settling, "SIGTERM", () => states().length > 1);
    assert.equal(signal, "SIGTERM");
    assert.match(output, new RegExp(`Interrupted: 0 processes ended, ${stage.nodes.length} left`));
    assert.equal(living(stage).length, stage.nodes.length);
    assert.equal(states().find(({ pid }) => pid === root)?.orphanAt, before);
    assert.match(readFileSync(`${STATE}/last-sweep.json`, "utf8"), /"lastGood":\d/);
    await stage.end();
  });

  // At every step, and by SIGKILL: nightly/killed.
  test("SIGINT after the first signals leaves a tree that the next sweep finishes", async () => {
    const stage = await marked();
    const server = stage.node("server");
    const ended = await interrupted(configured("0s", "3s"), "SIGINT", () => !isAlive(server));
    assert.equal(ended.signal, "SIGINT");
    const left = living(stage).length;
    assert.ok(left > 2, `${left} left`);
    const dead = stage.nodes.length - left;
    assert.ok(ended.output.includes(`Killed ${dead} process(es) under pid`), ended.output);
    assert.match(ended.output, new RegExp(`Interrupted: ${dead} process(?:es)? ended, ${left} left`));
    const records = readFileSync(`${LOGS}/ledger.jsonl`, "utf8");
    assert.ok(records.includes(`"killed":${dead},"survivors":0`), records);
    succeeds(["-c", configured()]);
    assert.deepEqual(living(stage), []);
  });
}

usersSuite(import.meta.url, "interrupted sweeps", interrupting);
