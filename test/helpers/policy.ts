// The policy of a site without a configuration.

export const DEFAULT_POLICY = mergePolicy([]);

import { mergePolicy } from "../../src/core/policy/policy.ts";
