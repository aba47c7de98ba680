/** The bundle with every command: what people ask, and what needs no root. */

import { run } from "../commands/run.ts";
import { runProgram } from "../tools/cli.ts";

run(runProgram);
