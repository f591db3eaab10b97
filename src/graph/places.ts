// places.ts: padding and slicing as what they are: for each index of the result, the index it is taken from, or none.
import type { GatherLayer, Shape } from "../format/index.js";
import type { GatherNode, PadNode, SliceNode } from "./network.js";

export type Places = Pick<GatherLayer, "channels" | "rows" | "columns" | "value">;

/**
 * The places of a node's result. Its `value` is never -0, which no file holds.
 * @param input shape of the node's input
 */
export function placesOf(node: GatherNode | PadNode | SliceNode, input: Shape): Places {
  switch (node.op) {
    case "gather": {
      const { channels, rows, columns, value } = node;
      return { channels, rows, columns, value: value + 0 };
    }
    case "pad": {
      const along = ([before, behind]: readonly [number, number], size: number): number[] => [
        ...Array<number>(before).fill(-1),
        ...Array(size).keys(),
        ...Array<number>(behind).fill(-1),
      ];
      const [channels, height, width] = input;
      return {
        channels: along(node.channels, channels),
        rows: along(node.rows, height),
        columns: along(node.columns, width),
        value: node.value + 0,
      };
    }
    case "slice": {
      const along = (axis: 0 | 1 | 2): number[] => {
        const [from, to, by] = [node.start[axis], node.stop[axis], node.step[axis]];
        return Array.from({ length: Math.ceil((to - from) / by) }, (_, i) => from + i * by);
      };
      return { channels: along(0), rows: along(1), columns: along(2), value: 0 };
    }
  }
}

/** Two gatherings in a row as one; null where they fill in different values. */
export function composed(first: Places, then: Places): Places | null {
  const fills = (places: Places): boolean =>
    [places.channels, places.rows, places.columns].some((list) => list.includes(-1));
  if (fills(first) && fills(then) && first.value !== then.value) return null;
  const along = (axis: "channels" | "rows" | "columns"): number[] =>
    then[axis].map((index) => (index < 0 ? -1 : first[axis][index]));
  const value = fills(first) ? first.value : then.value;
  return { channels: along("channels"), rows: along("rows"), columns: along("columns"), value };
}
