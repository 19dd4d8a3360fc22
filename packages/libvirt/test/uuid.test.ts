import { expect, it } from "vitest";
import { formatUuid, parseUuid } from "../src/uuid.ts";

const text = "6695eb01-f6a4-8304-79aa-97f2502e193f";
const bytes = new Uint8Array(Buffer.from("6695eb01f6a4830479aa97f2502e193f", "hex"));

it("writes 16 bytes as 36 lower-case characters", () => {
  expect(formatUuid(bytes)).toBe(text);
});

it.each([text, text.toUpperCase(), text.replaceAll("-", "")])("reads %s", (form) => {
  expect(parseUuid(form)).toEqual(bytes);
});

it.each(["", "test", `${text}0`, text.slice(1), text.replace("6", "g")])("refuses %j", (form) => {
  expect(parseUuid(form)).toBeUndefined();
});
