import { describe, expect, it } from "vitest";
import { VirNetMessageError } from "../../src/protocol/gen/net.ts";
import { errorFromWire, errorToWire, RpcError } from "../../src/protocol/rpc-error.ts";
import { decodeXdr, encodeXdr } from "../../src/xdr/type.ts";
import { hex, toHex } from "../helpers/bytes.ts";

/** Example C of libvirt-rpc §1.11: the answer to procedure 9999. */
const unknownProcedure = [
  "00000027 00000007",
  "00000001 00000017 756e6b6e 6f776e20 70726f63 65647572 653a2039 39393900",
  "00000002 00000000",
  "00000001 00000002 25730000",
  "00000001 00000017 756e6b6e 6f776e20 70726f63 65647572 653a2039 39393900",
  "00000000 ffffffff ffffffff 00000000",
].join(" ");

const fromBytes = (wire: string): RpcError => errorFromWire(decodeXdr(VirNetMessageError, hex(wire)));

describe("RpcError", () => {
  it("has the fields that libvirt's own RPC layer gives its errors", () => {
    expect(new RpcError("no room")).toMatchObject({
      name: "RpcError",
      message: "no room",
      code: 1,
      domain: 7,
      level: 2,
      str1: "%s",
      str2: "no room",
      str3: null,
      int1: -1,
      int2: -1,
      dom: null,
      net: null,
    });
  });

  it("keeps fields that are given, also null and zero", () => {
    const detail = { code: 0, domain: 0, level: 0, str1: null, str2: null, str3: "three", int1: 0, int2: 0 };
    expect(new RpcError("said", detail)).toMatchObject(detail);
  });

  it("keeps its cause", () => {
    const cause = new Error("deeper");
    expect(new RpcError("said", {}, { cause }).cause).toBe(cause);
  });
});

describe("an error on the wire", () => {
  it("is the worked example, byte for byte", () => {
    const error = new RpcError("unknown procedure: 9999", { code: 39 });
    expect(toHex(encodeXdr(VirNetMessageError, errorToWire(error)))).toBe(unknownProcedure);
  });

  it("comes back with all its fields", () => {
    const detail = {
      code: 38,
      domain: 38,
      level: 1,
      str1: "a",
      str2: "b",
      str3: "c",
      int1: 28,
      int2: -7,
      dom: null,
      net: null,
    };
    const back = fromBytes(toHex(encodeXdr(VirNetMessageError, errorToWire(new RpcError("full", detail)))));
    expect(back).toMatchObject({ message: "full", ...detail });
    expect(errorToWire(back)).toEqual({ message: "full", ...detail });
  });

  it("without strings is told by its number", () => {
    const error = fromBytes(
      "00000026 0000000a 00000000 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000000",
    );
    expect(error).toMatchObject({
      message: "error 38 without a message",
      code: 38,
      str1: null,
      str2: null,
      str3: null,
    });
    expect(error).toMatchObject({ int1: 0, int2: 0 });
  });

  it("of an old server keeps its domain and network", () => {
    const uuid = "00112233 44556677 8899aabb ccddeeff";
    const error = fromBytes(
      `0000002a 0000000a 00000001 00000002 6e6f0000 00000002
       00000001 00000002 766d0000 ${uuid} ffffffff
       00000000 00000000 00000000 00000000 00000000
       00000001 00000003 6e657400 ${uuid}`,
    );
    expect(error.message).toBe("no");
    expect(error.dom).toEqual({ name: "vm", uuid: hex(uuid), id: -1 });
    expect(error.net).toEqual({ name: "net", uuid: hex(uuid) });
    expect(errorToWire(error)).toMatchObject({ dom: error.dom, net: error.net });
  });

  it("takes any nonzero mark for present, and numbers it does not know", () => {
    const error = fromBytes(
      "7fffffff ffffffff 00000002 00000001 78000000 00000009 00000000 00000000 00000000 00000000 00000000 00000000 00000000",
    );
    expect(error).toMatchObject({ message: "x", code: 2_147_483_647, domain: -1, level: 9 });
  });
});
