/**
 * All that generated code imports. What stands here keeps its meaning for as long as the file is called v1, so that
 * generated files outlive releases.
 *
 * @module
 */
export type { EventType, Procedure, Program } from "./program/program.ts";
export type { XdrReader } from "./xdr/reader.ts";
export { type XdrType, XdrVoid } from "./xdr/type.ts";
export type { XdrWriter } from "./xdr/writer.ts";
