import type { Procedure, Program, XdrType } from "virnet/codegenv1";

/** Eight bytes: two words. */
export interface Pair {
  readonly left: number;
  readonly right: number;
}
export const Pair: XdrType<Pair> = {
  encode(writer, value) {
    writer.uint(value.left);
    writer.uint(value.right);
  },
  decode(reader) {
    return { left: reader.uint(), right: reader.uint() };
  },
};

/** Any number of bytes, four of them their count. */
export interface Block {
  readonly data: Uint8Array;
}
export const Block: XdrType<Block> = {
  encode(writer, value) {
    writer.opaque(value.data, 1_048_576);
  },
  decode(reader) {
    return { data: reader.opaque(1_048_576) };
  },
};

/** What is called: procedures that give back what they get. */
export interface BenchProcedures {
  readonly pair: Procedure<Pair, Pair>;
  readonly block: Procedure<Block, Block>;
}
export const BenchProgram: Program<BenchProcedures> = {
  name: "BENCH",
  number: 0x2b3c_4d5e,
  version: 1,
  procedures: {
    pair: { number: 1, name: "BENCH_PROC_PAIR", args: Pair, ret: Pair, stream: null, priority: "high" },
    block: { number: 2, name: "BENCH_PROC_BLOCK", args: Block, ret: Block, stream: null, priority: "high" },
  },
};
