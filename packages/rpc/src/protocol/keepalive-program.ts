import { Keepalive } from "./gen/keepalive.ts";
import { type MessageHeader, MessageStatus, MessageType } from "./message.ts";

const { number: PROGRAM, version: VERSION, procedures } = Keepalive;

/** Does a message belong to keepalive (libvirt-rpc §1.7)? A CALL does not, whatever its program: it is answered as any unknown one. */
export function isKeepAlive(header: MessageHeader): boolean {
  return header.program === PROGRAM && header.type === MessageType.MESSAGE;
}

export function isPing(header: MessageHeader): boolean {
  return header.version === VERSION && header.procedure === procedures.ping.number;
}

/** The question for a sign of life. */
export const pingHeader: MessageHeader = headerOf(procedures.ping.number);

/** The answer to a PING: serial 0, whatever the PING had (libvirt-rpc §1.4). */
export const pongHeader: MessageHeader = headerOf(procedures.pong.number);

function headerOf(procedure: number): MessageHeader {
  const { MESSAGE } = MessageType;
  return { program: PROGRAM, version: VERSION, procedure, type: MESSAGE, serial: 0, status: MessageStatus.OK };
}
