import { concat } from "./bytes.ts";

/*
 * Frames made and cut without a line of what is being tested.
 */

export const CALL = 0;
export const REPLY = 1;
export const MESSAGE = 2;
export const STREAM = 3;

export const OK = 0;
export const ERROR = 1;

export interface Header {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly type: number;
  readonly serial: number;
  readonly status: number;
}

/** The header of a call whose serial is what matters. */
export function numberedHeader(serial: number): Header {
  return { program: 1, version: 1, procedure: 1, type: CALL, serial, status: OK };
}

export interface Frame {
  readonly header: Header;
  readonly payload: Uint8Array;
}

/** A frame's bytes; `length` lies about its size. */
export function frame(
  header: Header,
  payload: Uint8Array = new Uint8Array(0),
  length = 28 + payload.length,
): Uint8Array {
  const head = new DataView(new ArrayBuffer(28));
  const { program, version, procedure, type, serial, status } = header;
  [length, program, version, procedure, type, serial, status].forEach((word, i) => {
    head.setUint32(i * 4, word);
  });
  return concat(new Uint8Array(head.buffer), payload);
}

/** The frame in `bytes`, which hold just one. */
export function parseFrame(bytes: Uint8Array): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    header: {
      program: view.getUint32(4),
      version: view.getUint32(8),
      procedure: view.getInt32(12),
      type: view.getInt32(16),
      serial: view.getUint32(20),
      status: view.getInt32(24),
    },
    payload: bytes.slice(28),
  };
}

/** The frames at the beginning of `bytes`, and what is left over. */
export function cutFrames(bytes: Uint8Array): { frames: Uint8Array[]; rest: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frames: Uint8Array[] = [];
  let at = 0;
  while (at + 4 <= bytes.length && at + view.getUint32(at) <= bytes.length) {
    frames.push(bytes.slice(at, at + view.getUint32(at)));
    at += view.getUint32(at);
  }
  return { frames, rest: bytes.slice(at) };
}

export const keepAlive = 0x6b656570;

export const ping: Uint8Array = frame({
  program: keepAlive,
  version: 1,
  procedure: 1,
  type: MESSAGE,
  serial: 0,
  status: OK,
});
