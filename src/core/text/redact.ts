/** Removes secrets from command lines before anything can repeat them. Pure. */

const MASK = "***";

// Names whose value is a secret. Of libraries that do this for command lines none is kept: secretlint scans source files
// (150 packages), fast-redact takes paths of objects. The shapes of tokens below are the issuers' own words.
const SECRET_NAME =
  "[\\w.-]*(?:token|tkn|passw(?:or)?d|passphrase|passwd|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|credentials?|authorization|cookie)(?:[_-]?(?:base64|key|value))?";

// A whole word: `--pass=x`, `MYSQL_PASS=x`, and neither `--bypass` nor `compass`.
const SHORT_NAME = "(?:[\\w.-]*[_.-])?(?:pass|pw|auth|bearer)";

const NAME = `(?:${SECRET_NAME}|${SHORT_NAME})`;
/** `--token`, which has its value behind it; `--without-connection-token` has none. */
const WORD = `--?(?!-?without-)${NAME}`;
const VALUE = `"[^"]*"|'[^']*'|[^\\s"'&;]+`;

// Most command lines hold none of these, and the expressions below are expensive.
const HINT =
  /token|tkn|pass|pw|secret|key|credential|auth|cookie|bearer|:\/\/|^-[uU]|--(?:proxy-)?user|mysql|mariadb|7z|gh[a-z]_|github_pat|glpat|xox|AKIA|ASIA|eyJ|sk-|npm_|hf_/i;

/** `--token` alone: the next element is the secret. */
const FLAG = new RegExp(`^${WORD}$`, "i");

/** `-u`, `--user`, `--proxy-user`: the next element may be `name:password` (curl, wget, http). */
const USER_FLAG = /^(?:-u|-U|--(?:proxy-)?user)$/;

/** The programs that take a password right behind `-p` (mysql, sshpass, 7z). */
const P_TAKERS = /(?:^|\/)(?:mysql\w*|mariadb[\w-]*|sshpass|7z[ar]?)$/;

// Guard: a user chooses the text, up to all of a command line. Each pattern begins at the start of a word, so that none
// takes more than linear time.
const RULES: readonly (readonly [RegExp, string])[] = [
  // name=value, in an element of its own, in a query, in a shell's text or in a connection string.
  [new RegExp(`((?:^|[\\s"'?&;,])(?:--?)?${NAME}=)(?:${VALUE})`, "gi"), `$1${MASK}`],
  // --name value, within a shell's text.
  [new RegExp(`((?:^|[\\s"'])${WORD}\\s+)(?:"[^"]*"|'[^']*'|[^\\s"']+)`, "gi"), `$1${MASK}`],
  // "name": "value" of JSON, and a header's line: everything behind its colon.
  [new RegExp(`("${NAME}"\\s*:\\s*)"[^"]*"`, "gi"), `$1"${MASK}"`],
  [
    /((?<![\w-])(?:(?:proxy-)?authorization|(?:set-)?cookie|[\w-]*-(?:key|token))\s*:\s*)[^"'\r\n]+/gi,
    `$1${MASK}`,
  ],
  [/(\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}/gi, `$1${MASK}`],
  // scheme://user:password@host, and scheme://token@host of git.
  [/((?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/[^/\s:@"']*:)[^\s"'/]+(?=@)/gi, `$1${MASK}`],
  [/(https?:\/\/)[^/\s:@"']{16,}(?=@)/gi, `$1${MASK}`],
  // -u name:password, within a shell's text or joined to its flag.
  [/((?:^|\s)(?:-[uU]\s*|--(?:proxy-)?user[=\s])["']?[^\s:"'/]+:)[^\s"']+/g, `$1${MASK}`],
  // Tokens that say themselves what they are: GitHub, GitLab, Slack, AWS, npm, Hugging Face, OpenAI, JWT.
  [
    /(?<![\w-])(?:(?:gh[oprsu]_|github_pat_|glpat-|xox[abeoprs]-|npm_|hf_|sk-)[\w-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{16}\b|eyJ[\w-]{10,}\.[\w-]{5,}\.[\w-]*)/g,
    MASK,
  ],
];

/**
 * Replaces secrets in a command line by `***`: `--connection-token=…`, `--require-token …`, `AWS_SECRET_ACCESS_KEY=…`,
 * `?tkn=…`, `-u user:…`, `https://user:…@host`, `Bearer …`, tokens that are known by their shape.
 * `--connection-token-file PATH` names a file, not a secret, and stays.
 */
export function redactArgv(argv: readonly string[]): readonly string[] {
  if (!argv.some((element) => HINT.test(element))) return argv;
  const takesP = argv.some((element) => P_TAKERS.test(element));
  let next: "nothing" | "secret" | "user" = "nothing";
  return argv.map((element) => {
    const before = next;
    next = FLAG.test(element) ? "secret" : USER_FLAG.test(element) ? "user" : "nothing";
    if (before === "secret") {
      next = "nothing";
      return MASK;
    }
    if (before === "user" && /^[^/:]+:./.test(element)) return element.replace(/:.*$/s, `:${MASK}`);
    if (takesP && /^-p.+/.test(element)) return `-p${MASK}`;
    return RULES.reduce((text, [pattern, mask]) => text.replace(pattern, mask), element);
  });
}
