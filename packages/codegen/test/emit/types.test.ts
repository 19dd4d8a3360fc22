import { describe, expect, it } from "vitest";
import { emitted } from "../helpers/compiling.ts";

/** What is emitted up to the codec. */
function types(text: string): string {
  return emitted(text).split(/^export const \w+: XdrType/m, 1)[0] ?? "";
}

describe("constants", () => {
  it.each([
    ["const A = 42;", "export const A = 42;\n"],
    ["const A = 0xFF;", "export const A = 0xff;\n"],
    ["const A = 010;", "export const A = 8;\n"],
    ["const A = -1;", "export const A = -1;\n"],
    ["const A = 9007199254740991;", "export const A = 9007199254740991;\n"],
    ["const A = 9007199254740992;", "export const A = 9007199254740992n;\n"],
    ["const A = 0xFFFFFFFFFFFFFFFF;", "export const A = 0xffffffffffffffffn;\n"],
    ["const A = -9223372036854775808;", "export const A = -9223372036854775808n;\n"],
    ["const class = 1;", "export const class_ = 1;\n"],
    ["/* why */\nconst A = 1; /* and how */", "/**\n * why\n * and how\n */\nexport const A = 1;\n"],
  ])("%s", (text, expected) => {
    expect(emitted(text)).toBe(expected);
  });
});

it("enums are an object and a type", () => {
  expect(emitted("/** Colours. */\nenum colour { COLOUR_RED = 1, /* as blood */\n COLOUR_NONE = -1 };")).toBe(
    `/** Colours. */
export const Colour = {
  /** as blood */
  RED: 1,
  NONE: -1,
} as const;
export type Colour = (typeof Colour)[keyof typeof Colour];
`,
  );
});

it("structs are interfaces with their comments", () => {
  const text = `enum colour { RED = 1 };
/** A thing. */
struct thing {
  int plain;   /* behind */
  /* before */
  unsigned hyper wide;
  colour shade;
  colour *maybe;
  colour shades<3>;
  string texts_here<>;
  opaque raw[4];
  bool yes;
};`;
  expect(types(text).split("\n\n")[1]).toBe(
    `/** A thing. */
export interface Thing {
  /** behind */
  plain: number;
  /** before */
  wide: bigint;
  shade: Colour | number;
  maybe: Colour | number | null;
  shades: (Colour | number)[];
  textsHere: string;
  raw: Uint8Array;
  yes: boolean;
}
`,
  );
});

describe("unions", () => {
  it("are discriminated by their numbers", () => {
    expect(types("union u switch (int t) { case 1: case 2: int a; case 3: void; };")).toBe(
      "export type U = { t: 1 | 2; a: number } | { t: 3 };\n",
    );
  });

  it("are discriminated by a boolean, the default being the other one", () => {
    expect(types("union u switch (bool t) { case TRUE: int a; default: void; };")).toBe(
      "export type U = { t: true; a: number } | { t: false };\n",
    );
  });

  it("take any number for their default", () => {
    expect(types("union u switch (int t) { case 1: int a; default: hyper b; };")).toBe(
      "export type U = { t: 1; a: number } | { t: number; b: bigint };\n",
    );
  });

  it("have a line for each arm when one has a comment", () => {
    expect(types("union u switch (int t) {\n/* A. */\ncase 1: int a;\ncase 2: int b; /* B. */\n};")).toBe(
      "export type U =\n  /** A. */\n  | { t: 1; a: number }\n  /** B. */\n  | { t: 2; b: number };\n",
    );
  });
});
