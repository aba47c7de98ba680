// Checks documents against docs/json.schema.json: the part of JSON Schema that it uses.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

const { $defs = {} } = JSON.parse(readFileSync("docs/json.schema.json", "utf8")) as Schema;
const ZONED = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** Why a document is not what the schema of this name describes; empty: it is. */
export function whyNotValid(name: string, document: unknown): string[] {
  return wrongs({ $ref: `#/$defs/${name}` }, document, name);
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

function wrongs(schema: Schema, value: unknown, at: string): string[] {
  if (schema.$ref !== undefined) {
    const target = $defs[schema.$ref.replace("#/$defs/", "")];
    assert.ok(target, `${schema.$ref} is not in the schema`);
    return wrongs(target, value, at);
  }
  if (schema.oneOf !== undefined)
    return schema.oneOf.some((one) => wrongs(one, value, at).length === 0) ? [] : [`${at}: none of oneOf`];
  const type = typeOf(value);
  const types = [schema.type ?? type].flat();
  const found: string[] = [];
  if (!types.includes(type) && !(type === "integer" && types.includes("number")))
    found.push(`${at}: ${type}`);
  if ("const" in schema && value !== schema.const) found.push(`${at}: ${value}`);
  if (schema.enum && !schema.enum.includes(value)) found.push(`${at}: ${value}`);
  if (schema.pattern && !new RegExp(schema.pattern).test(String(value))) found.push(`${at}: ${value}`);
  if (schema.format === "date-time" && !ZONED.test(String(value))) found.push(`${at}: ${value}`);
  if (Array.isArray(value))
    return [...found, ...value.flatMap((one, i) => wrongs(schema.items ?? {}, one, `${at}[${i}]`))];
  if (type !== "object") return found;
  const { properties = {}, required = [] } = schema;
  const entries = Object.entries(value as object);
  return [
    ...found,
    ...required.filter((key) => !(key in (value as object))).map((key) => `${at}.${key}: missing`),
    ...entries.flatMap(([key, one]) =>
      properties[key] ? wrongs(properties[key], one, `${at}.${key}`) : [`${at}.${key}: not in the schema`],
    ),
  ];
}
