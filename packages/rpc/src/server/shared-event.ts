import type { EventType } from "../program/program.ts";
import { beginFrame, endFrame, type MessageHeader, MessageStatus, MessageType } from "../protocol/message.ts";
import { encodeInto } from "../xdr/type.ts";
import { XdrWriter } from "../xdr/writer.ts";

/** Events of libvirtd carry serial 1, not 0 as its document says (F061). */
const EVENT_SERIAL = 1;

/**
 * An event that is encoded once, for any number of clients. Throws `TypeError`, `RangeError` or `XdrError` for a payload
 * that can't be sent.
 */
export class SharedEvent<T> {
  readonly type: EventType<T>;
  readonly payload: T;
  /** The whole message; it must not change. */
  readonly frame: Uint8Array;

  constructor(type: EventType<T>, payload: T) {
    this.type = type;
    this.payload = payload;
    const writer = new XdrWriter(FRAME_BYTES);
    const start = beginFrame(writer, eventHeader(type));
    encodeInto(writer, type.payload, payload, type.name);
    endFrame(writer, start);
    this.frame = writer.bytes.slice(0, writer.position);
  }
}

/** Enough for most events. */
const FRAME_BYTES = 256;

export function eventHeader({ program, number }: EventType<unknown>): MessageHeader {
  return {
    program: program.number,
    version: program.version,
    procedure: number,
    type: MessageType.MESSAGE,
    serial: EVENT_SERIAL,
    status: MessageStatus.OK,
  };
}
