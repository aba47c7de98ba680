/** The bundle with every command: what people ask, and what needs no root. */

import { run } from "../commands/program.ts";
import { checkedProgram } from "../tools/cli.ts";

run(checkedProgram);
