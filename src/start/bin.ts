/**
 * The command: a sweep starts sweep.cjs, and everything else, also a sweep that asks a person first, tools.cjs; both lie
 * beside this file. Inside the service Node keeps the compiled code between sweeps.
 */

import module, { createRequire } from "node:module";
import { join } from "node:path";
import { asksFirst, sweepOptionsOf } from "../commands/sweep-options.ts";
import { cacheFolder } from "./compile-cache.ts";

// Node 22.1 and newer have it. A cache that cannot be used costs time and nothing else.
const { enableCompileCache } = module as { readonly enableCompileCache?: (folder: string) => unknown };
const cache = cacheFolder(process.env.CACHE_DIRECTORY);
if (cache !== null) enableCompileCache?.(cache);

const options = sweepOptionsOf(process.argv.slice(2));
const isSweep = options !== null && !asksFirst(options);
const bundle = createRequire(__filename)(join(__dirname, isSweep ? "sweep.cjs" : "tools.cjs"));
if (isSweep) bundle.startSweep(options);
