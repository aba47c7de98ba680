/** Starts program.cjs, which lies beside this file. Inside the service Node keeps the compiled code between sweeps. */

import module, { createRequire } from "node:module";
import { join } from "node:path";
import { cacheFolder } from "./compile-cache.ts";

// Node 22.1 and newer have it. A cache that cannot be used costs time and nothing else.
const { enableCompileCache } = module as { readonly enableCompileCache?: (folder: string) => unknown };
const cache = cacheFolder(process.env.CACHE_DIRECTORY);
if (cache !== null) enableCompileCache?.(cache);

createRequire(__filename)(join(__dirname, "program.cjs"));
