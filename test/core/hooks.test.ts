import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatNotification, parseNotification } from "../../src/core/hooks/notification.ts";
import { vetoAnswer } from "../../src/core/hooks/veto.ts";

describe("what a run of the veto program means", () => {
  const answer = (run: Parameters<typeof vetoAnswer>[2]) => vetoAnswer("/etc/veto", 4711, run);

  test("exit status 0 lets the tree end, whatever the program prints", () => {
    assert.deepEqual(answer({ status: 0, output: "keep it!" }), { spared: null, fault: null });
  });
  test("10 spares it for the reason in the first line, escaped and cut", () => {
    assert.deepEqual(answer({ status: 10, output: "maintenance\u001b[31m\nmore" }), {
      spared: "the site's veto: maintenance\\x1b[31m",
      fault: null,
    });
    assert.equal(answer({ status: 10, output: "" }).spared, "the site's veto: no reason given");
    assert.ok((answer({ status: 10, output: "x".repeat(4000) }).spared?.length ?? 0) < 300);
  });
  for (const run of [
    { status: 1, output: "oops" },
    { status: 255, output: "" },
    { status: 11, output: "" },
    { failure: "no answer within 5 s" },
  ])
    test(`${JSON.stringify(run)} spares it and is a fault of the host`, () => {
      const { spared, fault } = answer(run);
      assert.equal(spared, "the site's veto program failed");
      assert.match(fault?.what ?? "", /ask \/etc\/veto about the tree of 4711/);
      assert.equal(fault?.uid, undefined);
      assert.equal(fault?.pid, undefined);
    });
});

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
