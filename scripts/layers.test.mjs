import { describe, expect, it } from "vitest";
import { importsOf, violations } from "./layers.mjs";

const rpc = (file, ...lines) => violations(`packages/rpc/src/${file}`, lines.join("\n"));

describe("layers", () => {
  it("says file, line and rule", () => {
    expect(rpc("client/client.ts", "", 'import { Server } from "../server/server.ts";')).toEqual([
      "packages/rpc/src/client/client.ts:2: client may not import server",
    ]);
  });

  it.each([
    ["server/server.ts", 'import { Client } from "../client/client.ts";', "server may not import client"],
    ["xdr/reader.ts", 'import { defer } from "../util/deferred.ts";', "xdr may not import util"],
    ["stream/rpc-stream.ts", 'import type { Duplex } from "node:stream";', "stream may not import node:*"],
    ["server/server.ts", 'import { createServer } from "node:net";', "only transport may import node:net"],
    ["server/server.ts", 'import { listen } from "../transport/listen.ts";', "only types of transport"],
    ["client/client.ts", 'import { type A } from "../transport/transport.ts";', "only types of transport"],
    ["client/client.ts", 'const { open } = await import("../transport/open.ts");', "only types of transport"],
    ["client/client.ts", 'export * from "../xdr/index.ts";', "index.ts is for users"],
    ["client/client.ts", 'import "../../../codegen/src/spec.ts";', "may not leave the package"],
    ["attic/old.ts", 'import { a } from "../xdr/type.ts";', "no room that"],
  ])("refuses in %s: %s", (file, line, reason) => {
    expect(rpc(file, line)).toEqual([expect.stringContaining(reason)]);
  });

  it.each([
    ["client/client.ts", 'import type { Transport } from "../transport/transport.ts";'],
    ["server/service.ts", 'import { listen } from "../transport/listen.ts";'],
    ["connect.ts", 'import { open } from "./transport/open.ts";'],
    ["transport/tls-client.ts", 'import { connect } from "node:tls";'],
    ["testing/memory-pair.ts", 'import { Client } from "../client/client.ts";'],
    ["protocol/gen/message.ts", 'import { Program } from "../../codegenv1.ts";'],
    ["xdr/reader.ts", '// import { a } from "../client/client.ts";'],
    ["xdr/reader.ts", '/* import { a }\n from "../client/client.ts"; */'],
  ])("allows in %s: %s", (file, line) => {
    expect(rpc(file, line)).toEqual([]);
  });

  it("holds for every package that imports stay inside and pass by index.ts", () => {
    expect(violations("packages/testd/src/bin.ts", 'import "./model/index.ts";')).toHaveLength(1);
    expect(violations("packages/testd/test/bin.test.ts", 'import "../src/index.ts";')).toEqual([]);
  });

  it("finds imports over several lines", () => {
    const text = 'import {\n  a,\n  b,\n} from "./a.ts";\nexport type { C } from "./c.ts";';
    expect(importsOf(text)).toEqual([
      { specifier: "./a.ts", isType: false, line: 1 },
      { specifier: "./c.ts", isType: true, line: 5 },
    ]);
  });
});
