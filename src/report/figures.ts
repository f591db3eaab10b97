// figures.ts: figures as people read them.

/** 1234567 as "1,234,567". */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** "1 sample", "1,234 samples" */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** A share in 0..1 as percent with two decimals, "98.21 %". */
export function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

/** "812 B", "65.3 KB", "4.20 MB": three digits, 1 KB = 1,000 bytes. */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  const units = ["KB", "MB", "GB"];
  let scaled = value / 1000;
  let unit = 0;
  // 999.5 would round to a fourth digit
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${scaled.toPrecision(3)} ${units[unit]}`;
}

/** "0.214 ms", "21.4 ms": three digits. */
export function milliseconds(value: number): string {
  return `${value < 1000 ? value.toPrecision(3) : Math.round(value)} ms`;
}

/** "9 s", "4 min 05 s", "2 h 01 min"; not a finite number: "unknown". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "unknown";
  const whole = Math.max(Math.round(seconds), 0);
  if (whole < 60) return `${whole} s`;
  const two = (value: number): string => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${two(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** "3.91x" */
export function ratio(value: number): string {
  return `${value.toFixed(2)}x`;
}

/** Numbers with commas, each of at most four digits: "0.485, 0.003922". Where all are the same, that one. */
export function figures(values: readonly number[]): string {
  const differ = values.some((value) => value !== values[0]);
  return (differ ? values : values.slice(0, 1)).map((value) => Number(value.toPrecision(4))).join(", ");
}
