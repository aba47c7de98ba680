// The policy of a site without a configuration.
import { mergePolicy } from "../../src/core/policy/policy.ts";

export const DEFAULT_POLICY = mergePolicy([]);
