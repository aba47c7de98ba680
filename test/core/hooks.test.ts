import assert from "node:assert/strict";
import { test } from "node:test";
import { formatNotification, parseNotification } from "../../src/core/hooks/notification.ts";

test("a notification is read as it was written, and nothing else is one", () => {
  const one = { program: "/etc/notify", line: '{"a":1}\n' };
  assert.deepEqual(parseNotification(formatNotification(one)), one);
  for (const text of [
    "",
    "{}",
    '{"schemaVersion":1,"program":"notify"}\n{}',
    '{"schemaVersion":2,"program":"/x"}\n{}',
  ])
    assert.equal(parseNotification(text), null, text);
});
