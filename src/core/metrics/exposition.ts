/** The text format that Prometheus reads (exposition format 0.0.4): written with a bound on how many series there are. */

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

/** Guard: a label's value ends neither its quotes nor its line. */
function labelValue(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${labelValue(value)}"`);
  return parts.length > 0 ? `{${parts.join(",")}}` : "";
}

export function expose(metrics: readonly Metric[]): string {
  const lines = metrics.flatMap(({ name, type, help, series }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...series.map(({ labels = {}, value }) => `${name}${labelsOf(labels)} ${value}`),
  ]);
  return `${lines.join("\n")}\n`;
}
