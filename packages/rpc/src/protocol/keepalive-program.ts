import { type MessageHeader, MessageStatus, MessageType } from "./message.ts";

/** "keep" in ASCII: the program of the two messages that say "I am alive" (libvirt-rpc §1.7). */
const PROGRAM = 0x6b656570;
const VERSION = 1;
const PING = 1;
const PONG = 2;

/** Does a message belong to keepalive? A CALL does not, whatever its program: it is answered as any unknown one. */
export function isKeepAlive(header: MessageHeader): boolean {
  return header.program === PROGRAM && header.type === MessageType.MESSAGE;
}

export function isPing(header: MessageHeader): boolean {
  return header.version === VERSION && header.procedure === PING;
}

/** The answer to a PING: serial 0, whatever the PING had (libvirt-rpc §1.4). */
export const pongHeader: MessageHeader = {
  program: PROGRAM,
  version: VERSION,
  procedure: PONG,
  type: MessageType.MESSAGE,
  serial: 0,
  status: MessageStatus.OK,
};
