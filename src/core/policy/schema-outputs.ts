/** The schemas of the tables for what a sweep writes, sends and runs. */

import * as v from "valibot";
import { anyText, bool, key, oneLine, path, wholeNumber } from "./schema-values.ts";

export const notice = v.strictObject(
  {
    enabled: key(
      bool,
      true,
      "true or false",
      "show users at their next login on a terminal what was ended, and why",
    ),
    text: key(anyText, "", "text", "the site's own text below each notice; may have several lines"),
    url: key(oneLine, "", "text", "the address of a page that explains it"),
    days: key(wholeNumber(1), 14, "number", "for how many days a notice waits for its user"),
  },
  "must be a table",
);

export const hooks = v.strictObject(
  {
    notify: key(
      path,
      "",
      "program",
      "a program that is run for each tree that was ended, or could not be, with its JSON on standard input, outside the sweep's sandbox",
      "none",
    ),
  },
  "must be a table",
);

export const ledger = v.strictObject(
  {
    file: key(
      path,
      "/var/lib/vscode-grim-reaper/ledger.jsonl",
      "path",
      'the file with one line of JSON per ended tree, for `report`; `""` for none',
    ),
  },
  "must be a table",
);

export const metrics = v.strictObject(
  {
    file: key(
      path,
      "",
      "path",
      "the file for the text file collector of Prometheus' node exporter; its name must end in `.prom`",
      "off",
    ),
  },
  "must be a table",
);
