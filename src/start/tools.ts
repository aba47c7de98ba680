/** The bundle with every command: what people ask, and what needs no root. */

import { run } from "../commands/run.ts";
import { checkedProgram } from "../tools/cli.ts";
import { runProgram } from "../tools/program.ts";

run(() => runProgram(checkedProgram));
