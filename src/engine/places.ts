// places.ts: the layers whose values are not computed, but read from other places in plain loops: constants, gathering, permuting.
import { type ConstantNode, elements, type GatherNode, type PermuteNode, type Shape, stridesOf } from "../ops/index.js";
import { volume } from "./layer.js";
import { type PlainPass, runsHere } from "./plain.js";
import { type Axis, eachPlace, mergedAxes } from "./runs.js";

function constantPass({ value }: ConstantNode): PlainPass {
  const { data } = value;
  return {
    forward(_, y, count) {
      for (let n = 0; n < count; n++) y.set(data, n * data.length);
    },
    backward() {},
  };
}

type Values = Float32Array;

/** Rows of a result, and the steps in which they are read. */
interface Lattice {
  readonly rows: number;
  readonly columns: number;
  readonly rowStep: number;
  readonly columnStep: number;
}

/** Columns taken at a time where neighbours of a row lie apart: as many lines of memory are read along together. */
const TILE = 16;

/** y[to + r columns + c] = x[at + r rowStep + c columnStep]. */
function read(y: Values, to: number, x: Values, at: number, { rows, columns, rowStep, columnStep }: Lattice): void {
  const wide = columnStep === 1 ? columns : TILE;
  for (let first = 0; first < columns; first += wide) {
    const end = Math.min(first + wide, columns);
    for (let r = 0; r < rows; r++) {
      const [own, from] = [to + r * columns, at + r * rowStep];
      for (let c = first; c < end; c++) y[own + c] = x[from + c * columnStep];
    }
  }
}

/** Adds to where `read` reads. */
function addBack(
  dx: Values,
  at: number,
  dy: Values,
  to: number,
  { rows, columns, rowStep, columnStep }: Lattice,
): void {
  const wide = columnStep === 1 ? columns : TILE;
  for (let first = 0; first < columns; first += wide) {
    const end = Math.min(first + wide, columns);
    for (let r = 0; r < rows; r++) {
      const [own, from] = [to + r * columns, at + r * rowStep];
      for (let c = first; c < end; c++) dx[from + c * columnStep] += dy[own + c];
    }
  }
}

/** @internal */
export function permutePass({ dims, order }: PermuteNode): PlainPass {
  const strides = stridesOf(dims);
  const own: Axis[] = order.map((axis) => ({ length: dims[axis], steps: [strides[axis]] }));
  const still: Axis = { length: 1, steps: [0] };
  /** Visits pieces of a batch, two axes at a time. */
  const eachPiece = (count: number, visit: (lattice: Lattice, at: number, to: number) => void): void => {
    const axes = mergedAxes([{ length: count, steps: [elements(dims)] }, ...own]);
    const [rows, columns] = [still, ...axes].slice(-2);
    const lattice: Lattice = {
      rows: rows.length,
      columns: columns.length,
      rowStep: rows.steps[0],
      columnStep: columns.steps[0],
    };
    eachPlace(axes.slice(0, -2), (n, [at]) => visit(lattice, at, n * rows.length * columns.length));
  };
  return {
    forward([x], y, count) {
      eachPiece(count, (lattice, at, to) => read(y, to, x, at, lattice));
    },
    backward(_, __, dy, [dx], count) {
      if (dx) eachPiece(count, (lattice, at, to) => addBack(dx, at, dy, to, lattice));
    },
  };
}

/** y[to + i] = x[at + places[i]], or the fill where places[i] is -1. */
function readLine(y: Values, to: number, x: Values, at: number, places: Int32Array, fill: number): void {
  for (let i = 0; i < places.length; i++) {
    const place = places[i];
    y[to + i] = place < 0 ? fill : x[at + place];
  }
}

/** Adds to where `readLine` reads, in order. */
function addLine(dx: Values, at: number, dy: Values, to: number, places: Int32Array): void {
  for (let i = 0; i < places.length; i++) {
    const place = places[i];
    if (place >= 0) dx[at + place] += dy[to + i];
  }
}

/** @internal */
export function gatherPass({ channels, rows, columns, value }: GatherNode, [input]: readonly Shape[]): PlainPass {
  const [, height, width] = input;
  const inSize = volume(input);
  const places = Int32Array.from(columns);
  const wide = places.length;
  /** Visits the lines of a batch of results. @param visit given -1 for a line that is filled */
  const eachLine = (count: number, visit: (at: number, to: number) => void): void => {
    let to = 0;
    for (let n = 0; n < count; n++) {
      for (const c of channels) {
        for (const y of rows) {
          visit(c < 0 || y < 0 ? -1 : n * inSize + (c * height + y) * width, to);
          to += wide;
        }
      }
    }
  };
  return {
    forward([x], y, count) {
      let last = -1;
      eachLine(count, (at, to) => {
        if (at < 0) y.fill(value, to, to + wide);
        // enlarging repeats lines
        else if (at === last) y.copyWithin(to, to - wide, to);
        else readLine(y, to, x, at, places, value);
        last = at;
      });
    },
    backward(_, __, dy, [dx], count) {
      if (!dx) return;
      eachLine(count, (at, to) => {
        if (at >= 0) addLine(dx, at, dy, to, places);
      });
    },
  };
}

export const constantLayer = runsHere(constantPass);
export const gatherLayer = runsHere(gatherPass);
export const permuteLayer = runsHere(permutePass);
