// table.ts: functions of integers: one look at a table of 256 results a value.

/** A table, and the planes that go through it. */
@unmanaged
export class TableJob {
  planes!: usize;
  planeBytes!: u32;
  out!: usize;
  outBytes!: u32;
  /** 256 u8 or float32. */
  table!: usize;
  float!: bool;
  /** Pixels of a plane. */
  size!: i32;
}

/** Looks up channels first..last-1. */
export function look_up(job: TableJob, first: i32, last: i32): void {
  const table = job.table;
  const size = <usize>job.size;
  for (let channel = first; channel < last; channel++) {
    let from = job.planes + <usize>channel * job.planeBytes,
      to = job.out + <usize>channel * job.outBytes;
    const end = from + size;
    if (job.float) {
      for (; from < end; from++, to += 4) store<f32>(to, load<f32>(table + ((<usize>load<u8>(from)) << 2)));
      continue;
    }
    for (const whole = end - (size & 3); from < whole; from += 4, to += 4) {
      const a = load<u8>(table + load<u8>(from)),
        b = load<u8>(table + load<u8>(from, 1)),
        c = load<u8>(table + load<u8>(from, 2)),
        d = load<u8>(table + load<u8>(from, 3));
      store<u8>(to, a);
      store<u8>(to, b, 1);
      store<u8>(to, c, 2);
      store<u8>(to, d, 3);
    }
    for (; from < end; from++, to++) store<u8>(to, load<u8>(table + load<u8>(from)));
  }
}
