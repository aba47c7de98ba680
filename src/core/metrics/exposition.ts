/** Writes the text format that Prometheus reads (exposition format 0.0.4). */

export interface Series {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly series: readonly Series[];
}

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
  const lines = metrics.flatMap(({ name, type, help, series }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...series.map(({ labels = {}, value }) => `${name}${labelsOf(labels)} ${value}`),
  ]);
  return `${lines.join("\n")}\n`;
}
