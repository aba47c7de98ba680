import type { Policy } from "../policy/policy.ts";
import { escapeText, hostName } from "../text/safe-text.ts";
import { MAX_LINE, siteLines } from "./notice.ts";

/** The mail that tells a user what was ended: its envelope, headers and body, from templates and hostile names. */

export interface Mail {
  /** Of the envelope: the only one who gets it. */
  readonly to: string;
  readonly from: string;
  /** Headers, an empty line, the body. */
  readonly message: string;
}

export const BUILT_IN_TEMPLATE = `Hello %u,

%r

%t
%l
-- 
vscode-grim-reaper on %h
`;

const ADDRESS = /^[A-Za-z0-9_][\w.+-]*(?:@[A-Za-z0-9][A-Za-z0-9.-]*)?$/;

/** `lines`: what is said of each tree. `date`: as RFC 5322 has it. An error names the address that is none. */
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
  // Guard: a login name may hold anything a directory service lets in; only a plain address becomes a recipient.
  for (const address of [to, from])
    if (!ADDRESS.test(address)) return { error: `"${escapeText(address)}" is no plain mail address` };
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
  // What an absent text leaves behind, and lines longer than mail allows.
  const tidy = body
    .replace(/\n{3,}/g, "\n\n")
    .replaceAll("\r", "")
    .split("\n")
    .flatMap((line) => (Array.from(line).length <= MAX_LINE ? [line] : pieces(line)));
  return { to, from, message: `${headers.join("\n")}\n\n${tidy.join("\n").trimEnd()}\n` };
}

/** In one pass: what is filled in is not filled in again. A letter without a meaning stays as it is. */
function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/%([a-z%])/g, (all, letter: string) => values[letter] ?? all);
}

/** Guard: no line end, so no second header; other letters than ASCII as encoded words (RFC 2047). */
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

/** A mail as it waits: its envelope in the first line, then the message. */
export function formatSpooled({ to, from, message }: Mail): string {
  return `${JSON.stringify({ schemaVersion: 1, to, from })}\n${message}`;
}

/** Null: it is none of ours. */
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
