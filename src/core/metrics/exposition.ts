/** Writes the text format that Prometheus reads (exposition format 0.0.4). */

export interface Series {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with one series or several; one whose name ends in `_total` is a counter, any other a gauge. */
export type Metric = readonly [name: string, help: string, value: number | readonly Series[]];

/** Guard: a label's value cannot end its quotes or its line. */
function labelValue(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${labelValue(value)}"`);
  return parts.length > 0 ? `{${parts.join(",")}}` : "";
}

/** Formats all metrics as one text. */
export function expose(metrics: readonly Metric[]): string {
  const lines = metrics.flatMap(([name, help, value]) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${name.endsWith("_total") ? "counter" : "gauge"}`,
    ...(typeof value === "number" ? [{ value }] : value).map(
      ({ labels = {}, value: one }: Series) => `${name}${labelsOf(labels)} ${one}`,
    ),
  ]);
  return `${lines.join("\n")}\n`;
}
