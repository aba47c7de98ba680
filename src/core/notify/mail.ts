import type { Policy } from "../policy/policy.ts";
import { escapeText, hostName } from "../text/safe-text.ts";
import { MAX_LINE, siteLines } from "./notice.ts";

/** Writes the mail that tells a user what was ended: envelope, headers and body, from templates and hostile names. */

/** A mail with its envelope. */
export interface Mail {
  /** The recipient of the envelope; no other user gets the mail. */
  readonly to: string;
  readonly from: string;
  /** The headers, an empty line, the body. */
  readonly message: string;
}

/** The body if the configuration names no template. */
export const BUILT_IN_TEMPLATE = `Hello %u,

%r

%t
%l
-- 
vscode-grim-reaper on %h
`;

const ADDRESS = /^[A-Za-z0-9_][\w.+-]*(?:@[A-Za-z0-9][A-Za-z0-9.-]*)?$/;

/** Writes a mail. `lines` holds the notice of each tree, `date` is in the form of RFC 5322. An error names a bad address. */
export function mailTo(
  user: string,
  host: string,
  lines: readonly (readonly string[])[],
  { mail, notice }: Pick<Policy, "mail" | "notice">,
  template: string,
  date: string,
): Mail | { readonly error: string } {
  const names = { u: user, h: hostName(host), "%": "%" };
  const to = fill(mail.to, names);
  const from = fill(mail.from, names);
  // Guard: a login name can contain whatever a directory service allows; only a plain address becomes a recipient.
  for (const address of [to, from])
    if (!ADDRESS.test(address)) return { error: `"${escapeText(address)}" is not a plain mail address` };
  const headers = [
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${headerText(fill(mail.subject, names))}`,
    `Date: ${date}`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
  ];
  const site = siteLines({ ...notice, url: "" }).join("\n");
  const reaps = lines.map((one) => one.join("\n")).join("\n\n");
  const body = fill(template, { ...names, u: escapeText(user), r: reaps, t: site, l: notice.url });
  // Removes the empty lines that an absent text leaves, and splits lines that are too long for mail.
  const tidy = body
    .replace(/\n{3,}/g, "\n\n")
    .replaceAll("\r", "")
    .split("\n")
    .flatMap((line) => (Array.from(line).length <= MAX_LINE ? [line] : pieces(line)));
  return { to, from, message: `${headers.join("\n")}\n\n${tidy.join("\n").trimEnd()}\n` };
}

/** Replaces placeholders in one pass, so that inserted text is not replaced again. An unknown placeholder stays. */
function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/%([a-z%])/g, (all, letter: string) => values[letter] ?? all);
}

/** Guard: without a line end there is no second header. Text that is not ASCII becomes encoded words (RFC 2047). */
function headerText(text: string): string {
  const safe = Array.from(escapeText(text)).slice(0, MAX_LINE).join("");
  if (/^[\x20-\x7e]*$/.test(safe)) return safe;
  const words: string[] = [""];
  const size = (value: string): number => new TextEncoder().encode(value).length;
  for (const char of safe) {
    if (size((words.at(-1) ?? "") + char) > 45) words.push("");
    words[words.length - 1] += char;
  }
  const encoded = (word: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(word)));
  return words.map((word) => `=?UTF-8?B?${encoded(word)}?=`).join("\n ");
}

function pieces(line: string): string[] {
  const points = Array.from(line);
  const count = Math.ceil(points.length / MAX_LINE);
  return Array.from({ length: count }, (_, i) => points.slice(i * MAX_LINE, (i + 1) * MAX_LINE).join(""));
}

/** Formats a mail for the spool: its envelope in the first line, then the message. */
export function formatSpooled({ to, from, message }: Mail): string {
  return `${JSON.stringify({ schemaVersion: 1, to, from })}\n${message}`;
}

/** Reads a mail from the spool; null if it is not one of this program. */
export function parseSpooled(text: string): Mail | null {
  const end = text.indexOf("\n");
  let envelope: { schemaVersion?: unknown; to?: unknown; from?: unknown } | null;
  try {
    envelope = JSON.parse(text.slice(0, end)) as typeof envelope;
  } catch {
    return null;
  }
  const { schemaVersion, to, from } = envelope ?? {};
  if (schemaVersion !== 1 || typeof to !== "string" || typeof from !== "string") return null;
  return ADDRESS.test(to) && ADDRESS.test(from) ? { to, from, message: text.slice(end + 1) } : null;
}
