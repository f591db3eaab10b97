// machine.js: what a report says of the machine it was made on.
import { readFileSync } from "node:fs";
import os from "node:os";

/** The processor's name, and on Linux its family and model: hosts of virtual machines hide the rest of the name. */
export function processor() {
  const name = os.cpus()[0].model.trim();
  if (process.platform !== "linux" || process.arch !== "x64") return name;
  const text = readFileSync("/proc/cpuinfo", "utf8");
  const field = (label) => text.match(new RegExp(`^${label}\\s*: (.*)$`, "m"))?.[1];
  return `${name} (family ${field("cpu family")}, model ${field("model")})`;
}

/** @param command that made the report */
export function machine(command) {
  return {
    cpu: processor(),
    cores: os.cpus().length,
    load: os.loadavg()[0],
    engine: `Node ${process.versions.node}, V8 ${process.versions.v8}`,
    command,
    date: new Date().toISOString(),
  };
}
