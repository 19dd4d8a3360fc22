import { readdirSync, readFileSync } from "node:fs";
import { concat, hex } from "./bytes.ts";
import type { Header } from "./frames.ts";

const folder = new URL("../../../../interop/testbed/captures/", import.meta.url);

/** A line of a capture that is one whole RPC message. */
export interface CapturedFrame {
  readonly header: Header;
  readonly bytes: Uint8Array;
  /** What the error in it says, if it is one. */
  readonly error: string | undefined;
}

/** All RPC bytes that went one way on one connection. */
export interface CapturedStream {
  readonly name: string;
  readonly frames: readonly CapturedFrame[];
  readonly bytes: Uint8Array;
}

interface Line {
  readonly conn: number;
  readonly dir: "c2s" | "s2c";
  readonly hex: string;
  readonly prog?: number;
  readonly vers: number;
  readonly proc: number;
  readonly type: number;
  readonly serial: number;
  readonly status: number;
  readonly error?: string;
}

/** The names of the sessions recorded with libvirt's own programs. */
export const sessions: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith(".jsonl"))
  .map((name) => name.slice(0, -".jsonl".length));

/** The messages of one session, in order. Wrapped bytes, descriptors and bytes that are no message are left out. */
export function capturedStreams(session: string): CapturedStream[] {
  const text = readFileSync(new URL(`${session}.jsonl`, folder), "utf8");
  const streams = new Map<string, CapturedFrame[]>();
  for (const line of text.trim().split("\n")) {
    const parsed = JSON.parse(line) as Line;
    if (parsed.prog === undefined) continue;
    const key = `${parsed.conn} ${parsed.dir}`;
    streams.set(key, [...(streams.get(key) ?? []), capturedFrame(parsed, parsed.prog)]);
  }
  return [...streams].map(([name, frames]) => ({ name, frames, bytes: concat(...frames.map(({ bytes }) => bytes)) }));
}

export function capturedFrames(session: string): CapturedFrame[] {
  return capturedStreams(session).flatMap(({ frames }) => frames);
}

function capturedFrame(line: Line, program: number): CapturedFrame {
  const { vers, proc, type, serial, status } = line;
  return {
    header: { program, version: vers, procedure: proc, type, serial, status },
    bytes: hex(line.hex),
    error: line.error,
  };
}

/** The messages of one session in both directions, in the order in which they were seen. */
export function capturedSession(session: string): { readonly dir: "c2s" | "s2c"; readonly bytes: Uint8Array }[] {
  const lines = readFileSync(new URL(`${session}.jsonl`, folder), "utf8")
    .trim()
    .split("\n");
  const parsed = lines.map((line) => JSON.parse(line) as Line);
  return parsed.filter(({ prog }) => prog !== undefined).map(({ dir, hex: digits }) => ({ dir, bytes: hex(digits) }));
}
