import { readInt32, readUint32, writeWord } from "../xdr/words.ts";
import type { XdrWriter } from "../xdr/writer.ts";

/** Type and status: the fourth and the sixth word of the header (libvirt-rpc §1.2). */
export { VirNetMessageStatus as MessageStatus, VirNetMessageType as MessageType } from "./gen/net.ts";

/**
 * The six words after the length word (F002). All are numbers as they came: libvirt's decoder checks no range, and the
 * dispatcher decides what an odd one means (libvirt-rpc §1.9).
 */
export interface MessageHeader {
  readonly program: number;
  readonly version: number;
  /** Signed: the only word of the header that is. */
  readonly procedure: number;
  readonly type: number;
  readonly serial: number;
  readonly status: number;
}

/** Bytes of a frame before its payload: length word and header. Also the least a length word may say (F003). */
export const HEADER_BYTES = 28;

/** The header of the frame that begins at `start`; the length word has been checked. */
export function decodeHeader(bytes: Uint8Array, start: number): MessageHeader {
  return {
    program: readUint32(bytes, start + 4),
    version: readUint32(bytes, start + 8),
    procedure: readInt32(bytes, start + 12),
    type: readInt32(bytes, start + 16),
    serial: readUint32(bytes, start + 20),
    status: readInt32(bytes, start + 24),
  };
}

/** Opens a frame: leaves room for the length word and writes the header. Returns where the frame begins. */
export function beginFrame(writer: XdrWriter, header: MessageHeader): number {
  const start = writer.reserve(HEADER_BYTES);
  const { bytes } = writer;
  writeWord(bytes, start + 4, header.program);
  writeWord(bytes, start + 8, header.version);
  writeWord(bytes, start + 12, header.procedure);
  writeWord(bytes, start + 16, header.type);
  writeWord(bytes, start + 20, header.serial);
  writeWord(bytes, start + 24, header.status);
  return start;
}

/** Closes the frame that began at `start`: its length word counts itself (F001). */
export function endFrame(writer: XdrWriter, start: number): void {
  writeWord(writer.bytes, start, writer.position - start);
}
