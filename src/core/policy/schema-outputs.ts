/** The schemas of the tables for what a sweep writes, sends and runs. */

import * as v from "valibot";
import { anyText, bool, note, oneLine, path, wholeNumber } from "./schema-values.ts";

export const notice = v.strictObject(
  {
    enabled: v.optional(
      v.pipe(
        bool,
        note("true or false", "show users at their next login on a terminal what was ended, and why"),
      ),
      true,
    ),
    text: v.optional(
      v.pipe(anyText, note("text", "the site's own text below each notice; may have several lines")),
      "",
    ),
    url: v.optional(v.pipe(oneLine, note("text", "the address of a page that explains it")), ""),
    days: v.optional(
      v.pipe(wholeNumber(1), note("number", "for how many days a notice waits for its user")),
      14,
    ),
  },
  "must be a table",
);

export const hooks = v.strictObject(
  {
    notify: v.optional(
      v.pipe(
        path,
        note(
          "program",
          "a program that is run for each tree that was ended, or could not be, with its JSON on standard input, outside the sweep's sandbox",
          "none",
        ),
      ),
      "",
    ),
  },
  "must be a table",
);

export const ledger = v.strictObject(
  {
    file: v.optional(
      v.pipe(
        path,
        note("path", 'the file with one line of JSON per ended tree, for `report`; `""` for none'),
      ),
      "/var/lib/vscode-grim-reaper/ledger.jsonl",
    ),
  },
  "must be a table",
);

export const metrics = v.strictObject(
  {
    file: v.optional(
      v.pipe(
        path,
        note(
          "path",
          "the file for the text file collector of Prometheus' node exporter; its name must end in `.prom`",
          "off",
        ),
      ),
      "",
    ),
  },
  "must be a table",
);
