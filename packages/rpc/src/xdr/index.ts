export { XdrError, type XdrErrorPlace } from "./error.ts";
export { XdrReader } from "./reader.ts";
export { decodeXdr, encodeInto, encodeXdr, type XdrType, XdrVoid } from "./type.ts";
export { XdrWriter } from "./writer.ts";
