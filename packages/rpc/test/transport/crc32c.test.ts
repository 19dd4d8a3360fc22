import { expect, it } from "vitest";
import { crc32c } from "../../src/transport/crc32c.ts";
import { text } from "../helpers/socket-peer.ts";

it("gives the check value of CRC-32C, and 0 for nothing", () => {
  expect(crc32c(text("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(0))).toBe(0);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
});
