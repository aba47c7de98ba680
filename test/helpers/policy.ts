import { mergePolicy } from "../../src/core/policy/policy.ts";

/** The policy of a site without a configuration. */
export const DEFAULT_POLICY = mergePolicy([]);

/** One that ends an untagged orphan on one look, for tests of what is an orphan rather than when it is ended. */
export const ONE_LOOK = mergePolicy([{ untagged: "reap" }]);
