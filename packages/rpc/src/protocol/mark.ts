import { Keepalive } from "./gen/keepalive.ts";
import { type MessageHeader, MessageStatus, MessageType } from "./message.ts";

/*
 * Marks between two virnets, by which a sender of stream data learns how much of it has been consumed. The protocol has
 * nothing for that, but it has a program of which everybody silently swallows what he does not know (libvirt-rpc §1.7):
 * two further procedures of keepalive, then, that libvirt never sees an answer to, and never answers.
 */
const MARK = 0x766e01;
const MARKED = 0x766e02;

/** The serial of the mark by which a client says that it knows marks; the server sends it back if it does. */
export const HELLO_SERIAL = 0xffff_ffff;

/** `mark`: say when you have consumed what came before. `marked`: that has been done. */
export type MarkKind = "mark" | "marked";

export function markKind({ procedure }: MessageHeader): MarkKind | undefined {
  return procedure === MARK ? "mark" : procedure === MARKED ? "marked" : undefined;
}

/** A mark for the stream of that serial. */
export function markHeader(kind: MarkKind, serial: number): MessageHeader {
  return {
    program: Keepalive.number,
    version: Keepalive.version,
    procedure: kind === "mark" ? MARK : MARKED,
    type: MessageType.MESSAGE,
    serial,
    status: MessageStatus.OK,
  };
}
