import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { redactArgv } from "../../../src/core/text/redact.ts";

test("secrets leave command lines", () => {
  const rows: readonly (readonly [string[], string])[] = [
    [["n", "--connection-token=remotessh", "--port=0"], "n --connection-token=*** --port=0"],
    [["n", "--connection-token", "abc", "--port"], "n --connection-token *** --port"],
    [["c", "command-shell", "--require-token", "dc8f775607ea"], "c command-shell --require-token ***"],
    [["n", "--csrf_token", "-starts-with-dash"], "n --csrf_token ***"],
    [["n", "--connection-token-file", "/run/x"], "n --connection-token-file /run/x"],
    [["env", "GITHUB_TOKEN=ghp_x", "true"], "env GITHUB_TOKEN=*** true"],
    [["sh", "-c", "run --api-key=k1 --x"], "sh -c run --api-key=*** --x"],
    [["sh", "-c", "run --password hunter2; ls"], "sh -c run --password *** ls"],
    [["curl", "http://127.0.0.1:1/?tkn=abc&folder=/x"], "curl http://127.0.0.1:1/?tkn=***&folder=/x"],
    [["mysql", "--password='a b'"], "mysql --password=***"],
    [["vim", "tokenizer.py"], "vim tokenizer.py"],
  ];
  for (const [argv, expected] of rows) assert.equal(redactArgv(argv).join(" "), expected);
});

test("a secret that is a whole element never survives behind its flag", () => {
  const names = ["--connection-token", "--require-token", "--csrf_token", "--token", "--password"];
  const flag = fc.constantFrom(...names);
  const secret = fc.string({ minLength: 8, unit: fc.constantFrom(..."0123456789abcdef") });
  fc.assert(
    fc.property(flag, secret, fc.boolean(), (name, value, joined) => {
      const argv = joined ? ["x", `${name}=${value}`] : ["x", name, value];
      assert.ok(!redactArgv(argv).join(" ").includes(value));
    }),
  );
});

test("secrets of other programs leave command lines", () => {
  const rows: readonly (readonly [string[], string])[] = [
    [["env", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI", "aws"], "env AWS_SECRET_ACCESS_KEY=*** aws"],
    [["MYSQL_PWD=hunter2", "x"], "MYSQL_PWD=*** x"],
    [["x", "--pass=hunter2"], "x --pass=***"],
    [["x", "--pass", "hunter2", "y"], "x --pass *** y"],
    [["x", "--http-auth=a:b"], "x --http-auth=***"],
    [["curl", "-u", "ann:hunter2", "http://h/"], "curl -u ann:*** http://h/"],
    [["curl", "--user", "ann:hunter2"], "curl --user ann:***"],
    [["curl", "-uann:hunter2"], "curl -uann:***"],
    [["sh", "-c", "curl -u ann:hunter2 http://h/"], "sh -c curl -u ann:*** http://h/"],
    [["git", "clone", "https://ann:hunter2@h/x.git"], "git clone https://ann:***@h/x.git"],
    [["psql", "postgresql://ann:hun@ter2@h:5432/db"], "psql postgresql://ann:***@h:5432/db"],
    [["git", "clone", "https://0123456789abcdef0123@h/x"], "git clone https://***@h/x"],
    [["curl", "-H", "Authorization: Bearer abcdef123456"], "curl -H Authorization: ***"],
    [["curl", "-H", "PRIVATE-TOKEN: abcdef"], "curl -H PRIVATE-TOKEN: ***"],
    [["x", "Bearer abcdef123456"], "x Bearer ***"],
    [["x", '{"password": "hunter2", "n": 1}'], 'x {"password": "***", "n": 1}'],
    [["x", "ghp_0123456789abcdefghij0123"], "x ***"],
    [["x", "AKIAIOSFODNN7EXAMPLE"], "x ***"],
    [["x", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"], "x ***"],
    [["mysql", "-phunter2", "db"], "mysql -p*** db"],
    [["Server=h;Uid=a;Pwd=hunter2;Port=1"], "Server=h;Uid=a;Pwd=***;Port=1"],
  ];
  for (const [argv, expected] of rows) assert.equal(redactArgv(argv).join(" "), expected);
});

test("what is not a secret stays", () => {
  const rows: readonly string[][] = [
    ["node", "-p", "1+1"],
    ["/home/a/.vscode-server/bin/x/node", "/home/a/.vscode-server/bin/x/out/server-main.js", "--port=0"],
    ["ssh", "-p22", "user@host"],
    ["code", "--folder-uri", "vscode-remote://ssh-remote+host/home/a"],
    ["rsync", "-u", "/data/a", "host:/data"],
    ["code-server", "--without-connection-token", "/home/a/x"],
    ["sh", "-c", "code serve-web --without-connection-token --port 0"],
    ["x", "--bypass=1", "--compass=2", "--author=ann"],
    ["git", "clone", "git@github.com:a/b.git", "https://github.com/a/b@v1"],
  ];
  for (const argv of rows) assert.deepEqual(redactArgv(argv), argv);
});

test("a long command line, whatever its user put together, is redacted in linear time", () => {
  const pieces = [
    "-eyJ",
    "a-token",
    "http://",
    "pass-",
    "x:@",
    "-u a",
    "Bearer ",
    "token=",
    "a.",
    "ghp_",
    "  ",
  ];
  /** CPU time, which other programs do not lengthen; the least of three. */
  const costOf = (piece: string, length: number): number => {
    const long = [`token ${piece.repeat(Math.ceil(length / piece.length))}`];
    const costs = [1, 2, 3].map(() => {
      const before = process.cpuUsage();
      redactArgv(long);
      return process.cpuUsage(before).user;
    });
    return Math.min(...costs);
  };
  for (const piece of [...pieces, '"', "a", "-", ":", "@", "=", "eyJa."]) {
    const [short, long] = [costOf(piece, 16_384), costOf(piece, 262_144)];
    // 16 times the length: in quadratic time 256 times the cost.
    assert.ok(long < 64 * Math.max(short, 250), `${JSON.stringify(piece)}: ${short} µs, then ${long} µs`);
  }
});
