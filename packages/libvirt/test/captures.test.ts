import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { EventType, Program } from "virnet";
import {
  beginFrame,
  decodeHeader,
  endFrame,
  HEADER_BYTES,
  type MessageHeader,
  MessageStatus,
  MessageType,
  VirNetMessageError,
} from "virnet/protocol";
import { decodeXdr, XdrReader, type XdrType, XdrVoid, XdrWriter } from "virnet/xdr";
import { describe, expect, it } from "vitest";
import * as admin from "../src/gen/admin.ts";
import * as lxc from "../src/gen/lxc.ts";
import * as qemu from "../src/gen/qemu.ts";
import * as remote from "../src/gen/remote.ts";

/*
 * Real sessions of virsh, virt-admin and libvirtd: every message, decoded down to its last field and encoded again, must
 * be the same bytes. What has no such form (stream data, wrapped SASL packets, deliberate rubbish) is named here.
 */
const captures = join(import.meta.dirname, "../../../interop/testbed/captures");

interface Recorded {
  readonly hex: string;
  readonly dir: "c2s" | "s2c";
  /** Present only on lines that are whole messages. */
  readonly len?: number;
  readonly layer?: string;
}

interface Codecs {
  readonly args: XdrType<unknown>;
  readonly ret: XdrType<unknown>;
}

const modules = [remote, qemu, lxc, admin];
const programs: ReadonlyMap<number, ReadonlyMap<number, Codecs>> = new Map(
  [remote.Remote, qemu.Qemu, lxc.Lxc, admin.Admin].map((program) => [program.number, proceduresOf(program)]),
);
const events: ReadonlyMap<string, EventType<unknown>> = new Map(
  modules.flatMap((module) => Object.values(module).filter(isEvent)).map((event) => [eventKey(event), event]),
);

/** Calls that a hand-made client spoilt on purpose. */
const spoilt = new Set(["raw-short-payload.jsonl"]);

describe("recorded sessions decode and encode to the same bytes", () => {
  const files = readdirSync(captures).filter((name) => name.endsWith(".jsonl"));

  it.each(files.filter((name) => !spoilt.has(name)))("%s", (name) => {
    const differing = messagesOf(name).filter((message) => toHex(reencode(message)) !== toHex(message));
    expect(differing.map(toHex)).toEqual([]);
  });

  it("finds payloads of many procedures and events", () => {
    const headers = files.flatMap(messagesOf).map((message) => decodeHeader(message, 0));
    const seen = (type: number): number =>
      new Set(
        headers.filter((header) => header.type === type).map(({ program, procedure }) => `${program} ${procedure}`),
      ).size;
    expect(seen(MessageType.CALL)).toBeGreaterThan(80);
    expect(seen(MessageType.REPLY)).toBeGreaterThan(80);
    expect(seen(MessageType.MESSAGE)).toBeGreaterThan(8);
  });

  it("refuses what the hand-made client spoilt, and says where", () => {
    const [first = new Uint8Array(0)] = messagesOf("raw-short-payload.jsonl");
    const decode = (): unknown =>
      decodeXdr(remote.RemoteConnectOpenArgs, first.subarray(HEADER_BYTES), "REMOTE_PROC_CONNECT_OPEN");
    expect(decode).toThrow("optional mark needs 4 bytes, 0 left at byte 0 of REMOTE_PROC_CONNECT_OPEN.name");
  });
});

function messagesOf(name: string): Uint8Array[] {
  const lines = readFileSync(join(captures, name), "utf8").trim().split("\n");
  // The lines were written by our own recorder, whose head describes them.
  const recorded = lines.map((line) => JSON.parse(line) as Recorded);
  return recorded
    .filter(({ len, layer, hex }) => len !== undefined && layer === undefined && hex.length >= HEADER_BYTES * 2)
    .map(({ hex }) => new Uint8Array(Buffer.from(hex, "hex")));
}

function reencode(message: Uint8Array): Uint8Array {
  const header = decodeHeader(message, 0);
  const writer = new XdrWriter(1024);
  const start = beginFrame(writer, header);
  const payload = message.subarray(HEADER_BYTES);
  const type = payloadType(header);
  if (type === undefined || payload.length === 0) writer.raw(payload);
  else copy(type, payload, hasDescriptors(header), writer);
  endFrame(writer, start);
  return writer.bytes.slice(0, writer.position);
}

function copy(type: XdrType<unknown>, payload: Uint8Array, descriptors: boolean, writer: XdrWriter): void {
  const reader = new XdrReader(payload);
  if (descriptors) writer.uint(reader.uint());
  type.encode(writer, type.decode(reader));
  // Bytes left over are legal, and the hand-made client left some.
  writer.raw(payload.subarray(reader.position));
}

function hasDescriptors({ type }: MessageHeader): boolean {
  return type === MessageType.CALL_WITH_FDS || type === MessageType.REPLY_WITH_FDS;
}

/** `undefined` for raw bytes, and for programs and procedures that nobody has. */
function payloadType(header: MessageHeader): XdrType<unknown> | undefined {
  if (header.status === MessageStatus.ERROR) return VirNetMessageError;
  if (header.status === MessageStatus.CONTINUE) return undefined;
  const codecs = programs.get(header.program)?.get(header.procedure);
  switch (header.type) {
    case MessageType.CALL:
    case MessageType.CALL_WITH_FDS:
      return codecs?.args;
    case MessageType.REPLY:
    case MessageType.REPLY_WITH_FDS:
      return codecs?.ret;
    case MessageType.MESSAGE:
      return events.get(`${header.program} ${header.procedure}`)?.payload;
    default:
      return XdrVoid;
  }
}

function proceduresOf(program: Program<object>): ReadonlyMap<number, Codecs> {
  const procedures = Object.values<Codecs & { readonly number: number }>({ ...program.procedures });
  return new Map(procedures.map((procedure) => [procedure.number, procedure]));
}

function isEvent(value: unknown): value is EventType<unknown> {
  return typeof value === "object" && value !== null && "payload" in value;
}

function eventKey({ program, number }: EventType<unknown>): string {
  return `${program.number} ${number}`;
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
