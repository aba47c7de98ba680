import { mergePolicy } from "../../src/core/policy/policy.ts";

/** The policy of a site without a configuration. */
export const DEFAULT_POLICY = mergePolicy([]);

/** One that ends an orphan in one sweep, for tests of what is an orphan rather than when it is ended. */
export const NO_GRACE = mergePolicy([{ grace: "0s" }]);
