import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connect } from "../../src/connect.ts";
import { Server } from "../../src/server/server.ts";
import { Echo } from "../helpers/echo.ts";

let folder = "";
let server = new Server({ name: "echod" });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "virnet-service-"));
  server = new Server({ name: "echod" }).add(Echo, { say: ({ text }) => ({ lines: [text] }) });
});

afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

describe("a service", () => {
  it("of a UNIX socket has a path and no port", async () => {
    const path = join(folder, "echo.sock");
    const service = await server.listen({ path });
    expect(service.endpoints).toEqual([{ family: "unix", path }]);
    expect("port" in service).toBe(false);
    expect(String(service)).toBe(path);
  });

  it("of a port tells the one it got, the same for all its endpoints", async () => {
    const service = await server.listen({ port: 0 });
    expect(service.port).toBeGreaterThan(0);
    for (const endpoint of service.endpoints) expect(endpoint).toMatchObject({ port: service.port });
    expect(String(service).split(", ")).toHaveLength(service.endpoints.length);
  });

  it("that closes leaves its clients and the other services alone", async () => {
    const [one, two] = [join(folder, "one.sock"), join(folder, "two.sock")];
    const service = await server.listen({ path: one });
    await server.listen({ path: two });
    const client = await connect({ path: one });
    const { say } = client.program(Echo);
    await say({ text: "", repeat: 1 });
    await service.close();
    await service.close();
    expect(await say({ text: "still here", repeat: 1 })).toEqual({ lines: ["still here"] });
    await expect(connect({ path: one })).rejects.toMatchObject({ reason: "error" });
    const other = await connect({ path: two });
    expect(await other.program(Echo).say({ text: "two", repeat: 1 })).toEqual({ lines: ["two"] });
  });
});
