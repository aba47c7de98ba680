/** A node beside another host, the programs that reach its servers, and what the product says of these. */

import assert from "node:assert/strict";
import { afterEach, before } from "node:test";
import type { TreeDocument } from "../../src/core/report/json.ts";
import { until } from "../helpers/until.ts";
import type { Running } from "./inside.ts";
import type { LoginNode, NodeProcess } from "./login-node.ts";
import {
  becomes,
  holdPort,
  PROGRAM,
  type StandIn,
  startLoose,
  suiteNode,
  sweep,
} from "./scenario-helpers.ts";

export const QUIET =
  "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";

/** Runs a command on the other host: a network namespace at the other end of a cable, at 10.9.0.2. */
export const far = (...argv: string[]): string[] => ["ip", "netns", "exec", "far", ...argv];

const CABLE = [
  "ip netns add far",
  "ip link add near0 type veth peer name far0 netns far",
  "ip addr add 10.9.0.1/24 dev near0 && ip link set near0 up",
  "ip -n far addr add 10.9.0.2/24 dev far0 && ip -n far link set far0 up && ip -n far link set lo up",
  "install -m 0600 -o alice -g alice /root/keys/alice /home/alice/.ssh/id",
  "install -m 0600 -o alice -g alice /root/keys/bob /home/alice/.ssh/bob",
];

/** One node for the tests of a file; each test's loose processes and servers are ended after it. */
export class Reach {
  readonly node: LoginNode;
  readonly #loose: number[] = [];
  readonly #running: Running[] = [];

  /** To be called where the tests are described. `layer` is laid over the node's root. */
  constructor(layer?: () => Promise<string>) {
    this.node = suiteNode(layer);
    before(() => this.node.run(["sh", "-ec", CABLE.join("\n")]));
    afterEach(async () => {
      await this.endLoose(...this.#loose.splice(0));
      await this.end(...this.#running.splice(0));
    });
  }

  explain(pid: number): Promise<string> {
    return this.node.run([PROGRAM, "explain", `${pid}`]);
  }

  /** Starts a script of alice's, or of another user's, below pid 1; resolves when its output matches. */
  async loose(script: string, ready?: RegExp, user = "alice"): Promise<number> {
    const pid = await startLoose(this.node, user, script, ready);
    this.#loose.push(pid);
    return pid;
  }

  /** Starts a command as root, in no session. */
  async run(argv: readonly string[], ready?: RegExp): Promise<Running> {
    const running = await this.node.spawn(argv);
    this.#running.push(running);
    if (ready) await running.waitOutput(ready);
    return running;
  }

  /** A window of the node's own administrator, or with `far` of another host: it got the server's greeting. */
  window(port: number | string, wrap = (...argv: string[]) => argv, host?: string): Promise<Running> {
    return this.run(wrap(...holdPort(port, host)), /hello/);
  }

  /** The other host's sshd, at port 2200. */
  async sshdFar(): Promise<Running> {
    const sshd =
      "exec /usr/sbin/sshd -D -e -p 2200 -o ListenAddress=10.9.0.2 -o PidFile=none >/dev/null 2>&1";
    const running = await this.run(far("sh", "-c", sshd));
    await this.listening(2200, far);
    return running;
  }

  async listening(port: number, wrap = (...argv: string[]) => argv): Promise<void> {
    const ss = wrap("ss", "-Htln", `sport = :${port}`);
    await until(async () => assert.notEqual(await this.node.run(ss), ""));
  }

  async end(...running: readonly Running[]): Promise<void> {
    for (const each of running) {
      each.kill("SIGKILL");
      await each.waitExit();
    }
  }

  async endLoose(...pids: readonly number[]): Promise<void> {
    for (const pid of pids) await this.node.exec(["kill", "-KILL", "--", `-${pid}`]);
  }

  /** Waits for a process with such a command line. */
  processOf(args: RegExp): Promise<NodeProcess> {
    return until(async () => {
      const found = (await this.node.processes()).find((process) => args.test(process.args));
      assert.ok(found, `no process: ${args}`);
      return found;
    });
  }

  /** Left alone by a sweep, with this verdict and for this reason. */
  async isLeft(pid: number, verdict: string, reason: RegExp): Promise<TreeDocument> {
    const tree = await becomes(this.node, pid, verdict);
    assert.match(tree.reasons.join(), reason);
    const killed = (await sweep(this.node)).log.filter((line) => line.includes("Killed"));
    assert.deepEqual(killed, []);
    assert.equal(this.node.alive(pid), true);
    return tree;
  }

  /** An orphan by `list`'s word, ended by a sweep. */
  async isEnded({ pid }: Pick<StandIn, "pid">): Promise<void> {
    await becomes(this.node, pid, "reap");
    const { status, stderr } = await sweep(this.node);
    assert.equal(status, 0, stderr);
    assert.equal(this.node.alive(pid), false);
  }
}
