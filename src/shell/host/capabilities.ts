/** Reads what this process itself may do. */
import { readFileSync } from "node:fs";

/** Returns the effective capabilities as numbers of linux/capability.h; none where they cannot be read. */
export function capabilities(): number[] {
  const bits = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(readStatus())?.[1] ?? "0"}`);
  return Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => ((bits >> BigInt(bit)) & 1n) === 1n);
}

function readStatus(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return "";
  }
}
