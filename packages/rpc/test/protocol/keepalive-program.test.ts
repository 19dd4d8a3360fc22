import { describe, expect, it } from "vitest";
import { isKeepAlive, isPing, pongHeader } from "../../src/protocol/keepalive-program.ts";
import { decodeHeader } from "../../src/protocol/message.ts";
import { hex } from "../helpers/bytes.ts";
import { parseFrame, ping } from "../helpers/frames.ts";

const pingHeader = parseFrame(ping).header;

describe("keepalive", () => {
  it("is the messages of its program, and no call", () => {
    expect(isKeepAlive(pingHeader)).toBe(true);
    expect(isKeepAlive({ ...pingHeader, type: 0 })).toBe(false);
    expect(isKeepAlive({ ...pingHeader, program: 0x20008086 })).toBe(false);
  });

  it("a PING has its version and number, and any serial", () => {
    expect(isPing({ ...pingHeader, serial: 5 })).toBe(true);
    expect(isPing({ ...pingHeader, version: 2 })).toBe(false);
    expect(isPing({ ...pingHeader, procedure: 2 })).toBe(false);
    expect(isPing({ ...pingHeader, procedure: 3 })).toBe(false);
  });

  it("a PONG is what the daemon sends", () => {
    const pong = hex("0000001c 6b656570 00000001 00000002 00000002 00000000 00000000");
    expect(pongHeader).toEqual(decodeHeader(pong, 0));
  });
});
