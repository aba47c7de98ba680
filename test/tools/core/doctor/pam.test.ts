import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { pamStack, parsePam } from "../../../../src/tools/core/doctor/pam.ts";

test("lines, comments, continuations, brackets and the leading dash", () => {
  const text = [
    "# a comment",
    "@include common-session",
    "session\toptional  pam_exec.so quiet \\",
    "   type=close_session /opt/x  # why",
    "-session [success=ok default=ignore] pam_systemd.so [a b]",
    "auth",
  ].join("\n");
  const lines = parsePam("sshd", text).map(({ line, type, control, module, args }) => [
    line,
    type,
    control,
    module,
    ...args,
  ]);
  assert.deepEqual(lines, [
    [2, "", "include", "common-session"],
    [3, "session", "optional", "pam_exec.so", "quiet", "type=close_session", "/opt/x"],
    [5, "session", "[success=ok default=ignore]", "pam_systemd.so", "a b"],
  ]);
});

test("includes are followed in place and by type, and a file that includes itself ends", () => {
  const files: Readonly<Record<string, string>> = {
    sshd: "auth required a.so\nsession include common\n@include more\n@include sshd",
    common: "session required b.so\nauth required not-here.so",
    more: "account required c.so\nsession substack common",
  };
  const modules = pamStack("sshd", (name) => files[name] ?? null).map(({ module }) => module);
  assert.deepEqual(modules.slice(0, 4), ["a.so", "b.so", "c.so", "b.so"]);
  assert.ok(!modules.includes("not-here.so"));
});

test("no text makes the parser throw, and every line that it finds is one of the text", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .array(fc.constantFrom("session", "optional", "[a b]", "[", "\\", "\n", " ", "#", "-auth", "@include"))
      .map((words) => words.join(" ")),
  );
  fc.assert(
    fc.property(text, (input) => {
      const count = input.split("\n").length;
      for (const { line, module } of parsePam("x", input)) {
        assert.ok(line >= 1 && line <= count, `line ${line} of ${count}`);
        assert.match(module, /^[^\n#]*$/);
      }
    }),
  );
});
